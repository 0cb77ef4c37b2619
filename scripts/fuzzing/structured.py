"""Weights files that are sound HDF5, and hold something else than the model's arrays."""

import contextlib
import zlib

import h5py
import numpy as np


def mutate_structure(path, rng):
    """Changes a weights file in place, once or twice.

    Args:
        path: the file.
        rng: `random.Random`.
    """
    with h5py.File(path, "r+") as file:
        for _ in range(rng.choice((1, 1, 2))):
            names = _datasets(file)
            # Some changes are more than HDF5 can store, or don't go with the one before.
            with contextlib.suppress(ValueError, OSError, RuntimeError, TypeError, KeyError):
                rng.choice(CHANGES)(file, rng.choice(names), rng)


def _datasets(file):
    names = []

    def visit(name, item):
        # Not what only claims to be large: it would be read to be changed again.
        if isinstance(item, h5py.Dataset) and (item.size or 0) < 10_000_000:
            names.append(name)

    file.visititems(visit)
    return names


def _replace(file, name, data=None, **options):
    del file[name]
    file.create_dataset(name, data=data, **options)


def rename(file, name, rng):
    file.move(name, f"{name}{rng.choice(('0', ' ', '.', 'é', 'x' * 300))}")


def remove(file, name, rng):
    del file[name]


def remove_group(file, name, rng):
    del file[name.rsplit("/", rng.choice((1, 2)))[0]]


def retype(file, name, rng):
    kinds = ("float16", "float32", "float64", ">f4", "int8", "uint32", "bool", "complex64", "S3")
    _replace(file, name, file[name][()].astype(rng.choice(kinds)))


def reshape(file, name, rng):
    array = file[name][()]
    shapes = ((-1,), (1, -1), (*array.shape, 1), (array.size, 1, 1))
    _replace(file, name, array.reshape(rng.choice(shapes)))


def claim_size(file, name, rng):
    """A shape of up to 2^64 numbers, none of them stored."""
    sides = (0, 1, 7, 2**16, 2**31, 2**62)
    shape = tuple(rng.choice(sides) for _ in file[name].shape)
    options = rng.choice(({}, {"chunks": tuple(max(1, min(s, 2**10)) for s in shape)}))
    kind = file[name].dtype
    del file[name]
    file.create_dataset(name, shape, kind, **options)


def poison(file, name, rng):
    array = np.asarray(file[name][()])
    if array.dtype.kind == "f" and array.size:
        array.reshape(-1)[rng.randrange(array.size)] = rng.choice((np.nan, np.inf, -np.inf))
        file[name][...] = array


def store_otherwise(file, name, rng):
    """The same numbers: what loads must be the same model."""
    options = ({}, {"compression": "gzip"}, {"compression": "lzf"}, {"fletcher32": True})
    options += ({"compression": "gzip", "shuffle": True, "chunks": True}, {"scaleoffset": 2})
    array = file[name][()]
    if array.ndim:
        _replace(file, name, array, **rng.choice(options))


def bomb(file, name, rng):
    """A chunk that inflates to far more than the array is large."""
    dataset = file[name]
    if not dataset.ndim or not dataset.size:
        return
    shape, kind = dataset.shape, dataset.dtype
    _replace(file, name, shape=shape, dtype=kind, chunks=shape, compression="gzip")
    data = zlib.compress(bytes(rng.choice((2**16, 2**22))))
    file[name].id.write_direct_chunk((0,) * len(shape), data)


def link(file, name, rng):
    kinds = (h5py.SoftLink("/generator"), h5py.SoftLink("nowhere"))
    kinds += (h5py.ExternalLink("other.h5", "/generator"),)
    del file[name]
    file[name] = rng.choice(kinds)


def link_hard(file, name, rng):
    file[f"{name}-again"] = file[rng.choice((name, "generator", "/"))]


def add(file, name, rng):
    where = rng.choice(("", "generator/", "other/", f"{name.rsplit('/', 1)[0]}/"))
    kind = rng.choice(("float32", "int64", h5py.string_dtype(), np.dtype([("a", "f4")])))
    file.create_dataset(f"{where}extra{rng.randrange(100)}", (rng.randrange(3),), kind)


def nest(file, name, rng):
    file.create_group("generator" + "/deeper" * rng.choice((2, 70, 500)))


def annotate(file, name, rng):
    holder = rng.choice((file, file[name]))
    holder.attrs[rng.choice(("note", "a" * 5000))] = rng.choice(("text", "x" * 60_000, 3))


CHANGES = (rename, remove, remove_group, retype, reshape, claim_size, poison, store_otherwise, bomb)
CHANGES += (link, link_hard, add, nest, annotate)
