"""Targets of the fuzzer: each makes hostile inputs and hands them to the zoo.

A target's `run` returns a word for what was accepted, after checking that it is valid; a refusal
raises the project's own error.
"""

import json
import shutil

import h5py
import numpy as np

from scripts.fuzzing import commands
from scripts.fuzzing.mutations import mutate
from scripts.fuzzing.structured import mutate_structure


class Weights:
    """Weights files and checkpoints, read against the networks of the sound file.

    One guarded process reads file after file and is restarted when a file ends it, where users get
    a fresh one for each file: starting one takes a hundred times as long as reading a small file.
    """

    def __init__(self, folder):
        from zoo.hub.array_files import open_arrays
        from zoo.hub.weights import network_arrays

        self.path = folder / "mutated.weights.h5"
        self.seeds = []
        for path in sorted((folder / "weights").glob("*.weights.h5")):
            with open_arrays(path) as file:
                chosen = network_arrays(list(file.arrays))
                expected = {
                    name: np.empty(file.arrays[source].shape, "float32")
                    for source, name in chosen.items()
                }
            self.seeds.append((path, path.read_bytes(), expected))

    def warm_up(self):
        for path, content, expected in self.seeds:
            self.path.write_bytes(content)
            assert self.load(expected) in ("loaded", "weights", "weights and more"), path

    def run(self, rng):
        path, content, expected = rng.choice(self.seeds)
        if rng.random() < 0.3:
            shutil.copyfile(path, self.path)
            mutate_structure(self.path, rng)
            if rng.random() < 0.2:
                self.path.write_bytes(mutate(self.path.read_bytes(), rng))
        else:
            self.path.write_bytes(mutate(content, rng))
        return self.load(expected)

    def load(self, expected):
        from zoo.hub.weights import network_arrays, read_arrays

        arrays = read_arrays(self.path, expected, network_arrays)
        assert arrays.keys() == expected.keys()
        for name, array in arrays.items():
            assert array.shape == expected[name].shape
            assert array.dtype == "float32"
            assert np.isfinite(array).all()
        return "loaded"


class Verify(Weights):
    """The same files through `zoo verify`, which expects no particular arrays."""

    def load(self, expected):
        from zoo.hub.verification import verify

        return verify(self.path, max_bytes=2**24).kind


class Cards:
    """Cards, of damaged text and of damaged values."""

    def __init__(self, folder):
        self.path = folder / "mutated.json"
        self.seeds = [path.read_bytes() for path in sorted((folder / "cards").glob("*.json"))]

    def warm_up(self):
        for content in self.seeds:
            self.path.write_bytes(content)
            assert self.load() == "read"

    def run(self, rng):
        content = rng.choice(self.seeds)
        if rng.random() < 0.5:
            content = mutate(content, rng)
        else:
            content = json.dumps(_change_value(json.loads(content), rng)).encode()
        self.path.write_bytes(content)
        return self.load()

    def load(self):
        from zoo.hub.cards import ModelCard

        card = ModelCard.read(self.path)
        assert card.name.isidentifier()
        assert card.family.isidentifier()
        assert card.sha256 is None or len(card.sha256) == 64
        assert card.size is None or card.size >= 0
        for name in card.files.values():
            assert (self.path.parent / name).parent == self.path.parent
        card.write(self.path)
        assert ModelCard.read(self.path) == card
        return "read"


HOSTILE = (None, True, -1, 0, 1.5, 10**30, 1e308, float("nan"), float("-inf"), "", "x", "../x")
HOSTILE += ("/etc/passwd", "C:\\x", "a\0b", "NUL", "x" * 100_000, "\ud800", [], {}, [[]] * 100)
HOSTILE += ({"__class__": "x"}, {"a": {"b": [1, {"c": None}]}}, "é", "a\nb", " ", "\u0661")


def _change_value(values, rng):
    """Replaces one value, anywhere, by a hostile one; or a key by another; or deletes it."""
    parent, key = values, rng.choice(list(values))
    while isinstance(parent[key], dict) and parent[key] and rng.random() < 0.7:
        parent, key = parent[key], rng.choice(list(parent[key]))
    choice = rng.random()
    if choice < 0.1:
        del parent[key]
    elif choice < 0.2:
        parent[str(rng.choice(HOSTILE))[:1000]] = parent.pop(key)
    else:
        parent[key] = rng.choice(HOSTILE)
        for _ in range(rng.choice((0, 0, 0, 2, 30, 300))):
            parent[key] = [parent[key]]
    return values


class Pictures:
    """Folders of pictures, and the picture and mask of `zoo inpaint`."""

    def __init__(self, folder):
        self.folder = folder / "mutated"
        self.folder.mkdir(exist_ok=True)
        files = sorted((folder / "pictures").iterdir())
        self.seeds = [(path.suffix, path.read_bytes()) for path in files]

    def warm_up(self):
        for suffix, content in self.seeds:
            self._write("picture", suffix, content)
            self._load(suffix)

    def run(self, rng):
        suffix, content = rng.choice(self.seeds)
        self._write("picture", suffix, mutate(content, rng))
        return self._load(suffix)

    def _write(self, name, suffix, content):
        for path in self.folder.iterdir():
            path.unlink()
        (self.folder / f"{name}{suffix}").write_bytes(content)

    def _load(self, suffix):
        from zoo.datasets import from_folder
        from zoo.errors import ZooError
        from zoo.images.photos import read_mask, read_photo

        path, read, error = self.folder / f"picture{suffix}", [], None
        try:
            images = from_folder(self.folder, (8, 8, 3))
            assert images.shape == (1, 8, 8, 3)
            assert images.dtype == "uint8"
            read.append("folder")
        except ZooError as caught:
            error = caught
        for kind, reader in (("mask", read_mask), ("photo", read_photo)):
            try:
                found = reader(path)
                pixels = found.pixels if kind == "photo" else found
                assert pixels.dtype == ("uint8" if kind == "photo" else bool)
                read.append(kind)
            except ZooError as caught:
                error = caught
        if not read:
            raise error
        return " and ".join(read)


class LibHDF5:
    """Mutated weights files read by libhdf5 in this process: the reason for a guarded one.

    Runs only when it is named.
    """

    def __init__(self, folder):
        self.path = folder / "libhdf5.h5"
        paths = sorted((folder / "weights").glob("*.weights.h5"))
        self.seeds = [path.read_bytes() for path in paths]

    def warm_up(self):
        self.path.write_bytes(self.seeds[0])
        self._load()

    def run(self, rng):
        self.path.write_bytes(mutate(rng.choice(self.seeds), rng))
        try:
            self._load()
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError) as error:
            return type(error).__name__
        return "read"

    def _load(self):
        with h5py.File(self.path, "r") as file:
            found = []

            def visit(name, item):
                if isinstance(item, h5py.Dataset) and item.size < 10_000_000:
                    found.append(item)

            file.visititems(visit)
            for dataset in found:
                dataset[()]


DEFAULT = {
    "weights": Weights,
    "verify": Verify,
    "cards": Cards,
    "pictures": Pictures,
    "commands": commands.Commands,
}
TARGETS = {**DEFAULT, "libhdf5": LibHDF5}
