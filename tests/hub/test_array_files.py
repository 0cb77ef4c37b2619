"""Arrays in HDF5 files: whatever h5py writes is read, and nothing that isn't plain numbers is."""

import os
import tracemalloc
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from zoo.errors import WeightsFormatError
from zoo.hub import array_files
from zoo.hub.array_files import open_arrays, write_arrays
from zoo.hub.untrusted import one_process, open_untrusted

pytestmark = pytest.mark.no_backend

rng = np.random.default_rng(0)
NAME = "group/array"


@pytest.fixture(scope="module", autouse=True)
def _one_process():
    with one_process():
        yield


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.h5"


def read(path, opening=open_untrusted):
    with opening(path) as file:
        return {name: file.read(name) for name in file.arrays}


def write(path, array, libver=None, track_order=False, **options):
    with h5py.File(path, "w", libver=libver, track_order=track_order) as file:
        file.create_dataset("empty/other", data=np.float32(1))
        file.create_dataset(NAME, data=array, **options)


# ----------------------------------------------------------------- what h5py writes


@pytest.mark.parametrize("opening", [open_arrays, open_untrusted])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "gzip", "shuffle": True},
        {"compression": "lzf"},
        {"fletcher32": True, "shuffle": True},
        {"scaleoffset": 0, "chunks": (3, 4)},
        {"chunks": (1, 1), "compression": "gzip"},  # over a thousand chunks
        {"libver": "latest"},
        {"libver": "latest", "compression": "gzip", "maxshape": (None, None)},
        {"track_order": True},
    ],
    ids=str,
)
def test_arrays_are_read_as_h5py_wrote_them(path, opening, options):
    for dtype in ("float16", "float32", "float64", "int8", "uint32", "int64", ">f4", ">i2"):
        array = rng.integers(0, 100, (37, 31)).astype(dtype)
        write(path, array, **(options if array.dtype.kind == "i" else {**options} | plain(options)))
        found = read(path, opening)[NAME]
        assert found.dtype == array.dtype.newbyteorder("=")
        np.testing.assert_array_equal(found, array)


def plain(options):
    """Scaling is exact for integers only."""
    return {"scaleoffset": None} if "scaleoffset" in options else {}


@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0, 2), (2, 3, 4, 5, 6)])
def test_shapes_of_all_ranks(path, shape):
    array = rng.standard_normal(shape).astype("float32")
    write(path, array)
    found = read(path)[NAME]
    assert found.shape == shape
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("chunks", [None, (2, 3, 5)])
@pytest.mark.parametrize("piece", [1, 40, 100, 1000, 10**6])
def test_large_arrays_come_in_pieces(path, monkeypatch, chunks, piece):
    monkeypatch.setattr(array_files, "PIECE_BYTES", piece)
    array = np.arange(4 * 9 * 10, dtype="float32").reshape(4, 9, 10)
    write(path, array, chunks=chunks)
    with open_arrays(path) as file:
        pieces = list(file.pieces(NAME))
        assert max(part.nbytes for part in pieces) <= max(piece, 4)
        np.testing.assert_array_equal(np.concatenate(pieces), array.reshape(-1))
        np.testing.assert_array_equal(file.read(NAME), array)
        assert file.arrays[NAME].stored_bytes >= file.arrays[NAME].unpacked_bytes == array.nbytes


def test_what_is_written_is_read_and_replaces_an_older_file(path):
    for array in (np.zeros(3), np.ones((2, 2), "int32")):
        write_arrays(path, {"a/b": array}, compression="gzip")
        np.testing.assert_array_equal(read(path)["a/b"], array)
    assert os.listdir(path.parent) == [path.name]


# ----------------------------------------------------------------- what is refused


def outside(path):
    """A file beside another, with the same array."""
    with h5py.File(path.with_name("outside.h5"), "w") as file:
        file["array"] = np.zeros(5, "float32")
    np.zeros(5, "float32").tofile(path.with_name("outside.raw"))
    return str(path.with_name("outside.h5"))


def soft_link(file, path):
    file["link"] = h5py.SoftLink("/group/array")


def dangling_link(file, path):
    file["link"] = h5py.SoftLink("/nowhere")


def external_link(file, path):
    file["link"] = h5py.ExternalLink(outside(path), "/array")


def linked_group(file, path):
    file["link"] = h5py.SoftLink("/group")


def external_storage(file, path):
    raw = [(str(Path(outside(path)).with_suffix(".raw")), 0, 20)]
    file.create_dataset("link", (5,), "float32", external=raw)


def virtual(file, path):
    layout = h5py.VirtualLayout((5,), "float32")
    layout[:] = h5py.VirtualSource(outside(path), "array", (5,))
    file.create_virtual_dataset("link", layout)


def two_names(file, path):
    file["group/second"] = file[NAME]


def cycle(file, path):
    file["group/group"] = file["group"]


def abyss(file, path):
    file.create_group("deep" + "/er" * 2000)


def long_name(file, path):
    file["x" * 2000] = 1


def strange_name(file, path):
    file["a\nb"] = 1


def named_type(file, path):
    file["group/type"] = np.dtype("float32")


def oversized_chunk(file, path):
    options = {"maxshape": (None,), "compression": 1}
    file.create_dataset("wide", data=np.zeros(5, "float32"), chunks=(1 << 24,), **options)


def large_chunk(file, path):
    shape = (5000, 5000)
    file.create_dataset("wide", shape, "float32", chunks=shape, compression=1)[0, 0] = 1


def unwritten(file, path):
    file.create_dataset("wide", (10,), "float32")


def half_written(file, path):
    file.create_dataset("wide", (10,), "float32", chunks=(5,))[:5] = 1


def padded_chunk(file, path):
    wide = file.create_dataset("wide", (10,), "float32", chunks=(10,), compression="gzip")
    wide.id.write_direct_chunk((0,), zlib.compress(bytes(40)) + bytes(1000))


def unknown_filter(file, path):
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((5,))
    properties.set_filter(32_999, h5py.h5z.FLAG_OPTIONAL, ())
    space = h5py.h5s.create_simple((5,))
    h5py.h5d.create(file.id, b"wide", h5py.h5t.IEEE_F32LE, space, properties)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (soft_link, "link is a link; weights files hold their arrays themselves"),
        (dangling_link, "link is a link"),
        (external_link, "link is a link"),
        (linked_group, "link is a link"),
        (external_storage, "link lies outside of the file"),
        (virtual, "link lies outside of the file"),
        (two_names, "group/second is there twice"),
        (cycle, "group/group.* is there twice"),
        (abyss, "nested too deeply"),
        (long_name, "is too long a name"),
        (strange_name, r"'a\\nb' in the root is no name"),
        (named_type, "group/type is no array"),
        (oversized_chunk, "wide is stored in chunks larger than itself"),
        (large_chunk, "wide must be stored in chunks of at most 67108864 bytes"),
        (unwritten, "wide must have 40 bytes. Received: 0"),
        (half_written, "wide must have 2 chunks. Received: 1"),
        (padded_chunk, "wide takes more bytes in the file than it has"),
        (unknown_filter, "wide needs the filter number 32999, which h5py lacks"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_files_that_hold_more_than_arrays_are_refused(path, edit, reason):
    write(path, np.zeros(5, "float32"))
    with h5py.File(path, "r+") as file:
        edit(file, path)
    content = path.read_bytes()
    with pytest.raises(WeightsFormatError, match=reason) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("array", "type_name"),
    [
        (np.array(["a"], object), "object"),
        (np.array([b"abc"]), "bytes24"),
        (np.zeros(2, [("a", "f4"), ("b", "i2")]), "void48"),
        (np.zeros(2, bool), "bool"),
        (np.zeros(2, "complex64"), "complex64"),
        (h5py.Empty("float32"), "float32"),
    ],
)
def test_other_types_have_a_name_and_are_not_read(path, array, type_name):
    with h5py.File(path, "w") as file:
        kind = h5py.string_dtype() if array.dtype == object else array.dtype
        file.create_dataset("array", data=array, dtype=kind)
    with open_untrusted(path) as file:
        assert file.arrays["array"].type_name == type_name
        assert file.arrays["array"].unpacked_bytes == 0
        with pytest.raises(WeightsFormatError, match=f"array must hold numbers.*: {type_name}"):
            file.read("array")


def test_the_number_of_objects_is_limited(path, monkeypatch):
    with h5py.File(path, "w") as file:
        for index in range(6):
            file[f"group/{index}"] = index
    monkeypatch.setattr(array_files, "MAX_OBJECTS", 5)
    with pytest.raises(WeightsFormatError, match="more than 5 groups and arrays"):
        read(path, open_arrays)


def with_chunk(path, data, mask=0):
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("array", (10,), "float32", chunks=(10,), compression="gzip")
        dataset.id.write_direct_chunk((0,), data, mask)


@pytest.mark.parametrize(
    ("data", "mask"),
    [
        (zlib.compress(bytes(40))[:-3], 0),
        (zlib.compress(bytes(40))[:-1] + b"x", 0),
        (b"no deflate", 0),
        (bytes(500), 1),
    ],
)
def test_damaged_chunks_are_refused(path, data, mask):
    with_chunk(path, data, mask)
    with pytest.raises(WeightsFormatError, match=r"can't be read as an HDF5 file|takes more bytes"):
        read(path)


def test_an_array_that_claims_a_huge_size_takes_no_memory_unread(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("array", (10**5, 10**5), "float32", chunks=(10**3, 10**3))[0, 0] = 1
    tracemalloc.start()
    try:
        with pytest.raises(WeightsFormatError, match=r"must have 10000 chunks. Received: 1"):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"no HDF5 " * 100, b"\x89HDF\r\n\x1a\n"])
def test_what_is_no_hdf5_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(WeightsFormatError, match="can't be read as an HDF5 file"):
        read(path)


@pytest.mark.parametrize("kept", [1, 100, 0.25, 0.75, 0.99, -1])
def test_truncated_files_are_refused(path, kept):
    write(path, rng.standard_normal((50, 60)), compression="gzip")
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    with pytest.raises(WeightsFormatError, match="can't be read as an HDF5 file"):
        read(path)


@pytest.mark.parametrize("opening", [open_arrays, open_untrusted])
def test_a_folder_or_a_missing_file_is_refused(tmp_path, opening):
    for path in (tmp_path, tmp_path / "none.h5"):
        with pytest.raises(WeightsFormatError, match="no regular file"):
            read(path, opening)
