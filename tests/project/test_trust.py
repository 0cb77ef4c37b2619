"""What strangers send: nothing runs code, and pictures and classifiers are read under limits."""

import hashlib
import json
import re
import struct
import warnings
import zlib
from pathlib import Path

import h5py
import keras
import pytest
from PIL import Image

import zoo
from zoo.errors import DatasetError, InvalidInputError, WeightsFormatError
from zoo.evaluation.features import classifier
from zoo.images.photos import read_mask, read_photo

pytestmark = pytest.mark.no_backend

ROOT = Path(__file__).resolve().parents[2]


# ---------------------------------------------------------------- nothing that runs code


DANGEROUS = r"\b(pickle|dill|joblib|cloudpickle|marshal|shelve)\b\s*(\.|import|$)"
DANGEROUS += r"|import (pickle|dill|joblib|cloudpickle|marshal|shelve)\b|torch\.load|yaml\.load"
DANGEROUS += r"|allow_pickle\s*=\s*True|(?<![.\w])(eval|exec|__import__)\("
DANGEROUS += r"|unsafe(?!_view\b)|safe_mode\s*=\s*False"
DANGEROUS += r"|shell\s*=\s*True|os\.system"


@pytest.mark.parametrize("folder", ["zoo", "scripts", "benchmarks", "examples"])
def test_nothing_in_the_project_runs_code_from_a_file(folder):
    files = sorted((ROOT / folder).rglob("*.py"))
    if not files:
        pytest.skip(f"no {folder} beside the tests")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(DANGEROUS, line)
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from joblib import load",
        "pickle.loads(data)",
        "torch.load(path)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text)",
        "eval(text)",
        "exec(text)",
    ],
)
def test_the_search_for_such_code_finds_it(line):
    assert re.search(DANGEROUS, line)


# ---------------------------------------------------------------- weights


def test_a_stranger_s_classifier_is_checked_too(tmp_path, monkeypatch):
    folder = tmp_path / "classifiers"
    folder.mkdir()
    with h5py.File(folder / "mnist.weights.h5", "w") as file:
        file["layers/elsewhere"] = h5py.SoftLink("/nowhere")
    digest = hashlib.sha256((folder / "mnist.weights.h5").read_bytes()).hexdigest()
    (folder / "mnist.json").write_text(json.dumps({"name": "mnist", "sha256": digest}))
    monkeypatch.setenv("ZOO_WEIGHTS_DIR", str(tmp_path))
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    monkeypatch.setattr(classifier, "build_network", lambda name: network)
    with pytest.raises(WeightsFormatError, match="is a link"):
        classifier.load_classifier("mnist")


# ---------------------------------------------------------------- pictures


def huge_png(path, side=60_000):
    """The header of a picture of 3.6 gigapixels, and a few bytes of it."""

    def part(kind, data):
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = part(b"IDAT", zlib.compress(bytes(10_000)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + pixels + part(b"IEND", b""))


@pytest.mark.parametrize(
    "side", [60_000, 12_000]
)  # Pillow refuses one, and only warns of the other
def test_huge_pictures_are_refused_by_their_header(tmp_path, side):
    huge_png(tmp_path / "a.png", side)
    for read in (read_photo, read_mask):
        with pytest.raises(InvalidInputError, match=r"at most [\d,]+ pixels"):
            read(tmp_path / "a.png")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(DatasetError, match="No readable picture"):
            zoo.datasets.from_folder(tmp_path, (8, 8, 3))


def test_pillow_s_own_limit_stands():
    assert Image.MAX_IMAGE_PIXELS is not None
