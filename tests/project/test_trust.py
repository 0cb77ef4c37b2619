"""What a stranger may send: bombs, lies and addresses; none costs memory or reaches out."""

import dataclasses
import hashlib
import json
import re
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from PIL import Image

import zoo
from tests.processes import environment
from zoo.errors import CardError, DatasetError, InvalidInputError, WeightsFormatError
from zoo.evaluation.features import classifier
from zoo.hub.transport import is_allowed
from zoo.images.photos import read_mask, read_photo

pytestmark = pytest.mark.no_backend

ROOT = Path(__file__).resolve().parents[2]
MB = 2**20


# ---------------------------------------------------------------- nothing that runs code


DANGEROUS = r"\b(pickle|dill|joblib|cloudpickle|marshal|shelve)\b\s*(\.|import|$)"
DANGEROUS += r"|import (pickle|dill|joblib|cloudpickle|marshal|shelve)\b|torch\.load|yaml\.load"
DANGEROUS += (
    r"|allow_pickle\s*=\s*True|(?<![.\w])(eval|exec|__import__)\(|unsafe|safe_mode\s*=\s*False"
)
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


# ---------------------------------------------------------------- bombs, in a process of their own


LOAD = """
import sys
from pathlib import Path
import h5py, numpy as np
from scripts.fuzzing.worker import peak_memory
from zoo.errors import ZooError
from zoo.verification import verify
from zoo.weights import read_arrays

how, path = sys.argv[1:]
before = peak_memory()
try:
    if how == "zoo":
        read_arrays(path, {"generator/kernel": np.empty((512, 512), "float32")})
    elif how == "verify":
        verify(path)
    else:
        with h5py.File(path) as file:
            file["generator/kernel"][()]
    outcome = "read"
except (ZooError, OSError) as error:
    outcome = type(error).__name__
print(outcome, peak_memory() - before)
"""


def load_elsewhere(how, path):
    """(outcome, bytes of memory that it took) of reading a file in a process of its own."""
    command = [sys.executable, "-c", LOAD, how, str(path)]
    result = subprocess.run(
        command, env=environment("jax"), capture_output=True, text=True, timeout=120, check=True
    )
    outcome, grown = result.stdout.split()
    return outcome, int(grown)


def zeros_deflated(size):
    """A deflate stream of `size` zeros, a multiple of 16 MB, from one block that repeats."""
    compressor = zlib.compressobj(9)
    head = compressor.compress(bytes(16 * MB)) + compressor.flush(zlib.Z_FULL_FLUSH)
    block = compressor.compress(bytes(16 * MB)) + compressor.flush(zlib.Z_FULL_FLUSH)
    end = zlib.compressobj(9, wbits=-15).flush()
    checksum = struct.pack(">I", (size % 65521) << 16 | 1)  # Adler-32 of zeros
    return head + block * (size // (16 * MB) - 1) + end + checksum


def test_the_repeated_stream_is_a_sound_one():
    assert zlib.decompress(zeros_deflated(32 * MB)) == bytes(32 * MB)


def write_bomb(path, size):
    """An array of the right shape, one megabyte, whose only chunk inflates to `size`."""
    with h5py.File(path, "w") as file:
        kernel = file.create_dataset(
            "generator/kernel", (512, 512), "float32", chunks=(512, 512), compression="gzip"
        )
        kernel.id.write_direct_chunk((0, 0), zeros_deflated(size))


def write_claim(path):
    """An array that claims two gigabytes, of which hardly any is stored."""
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "generator/kernel", (2**15, 2**14), "float32", chunks=(1024, 1024), compression="gzip"
        )[:1024, :1024] = 0


def write_sound(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("generator/kernel", data=np.zeros((512, 512), "float32"))


@pytest.mark.parametrize("how", ["zoo", "verify"])
@pytest.mark.parametrize(
    ("write", "refusal"),
    [
        (write_sound, "read"),
        (write_claim, {"zoo": "WeightsMismatchError", "verify": "WeightsFormatError"}),
        (lambda path: write_bomb(path, 2**31), "WeightsFormatError"),
    ],
    ids=["sound", "claim", "bomb"],
)
def test_two_gigabytes_are_refused_before_they_take_memory(tmp_path, how, write, refusal):
    write(tmp_path / "a.weights.h5")
    outcome, grown = load_elsewhere(how, tmp_path / "a.weights.h5")
    assert outcome == (refusal if isinstance(refusal, str) else refusal[how])
    assert grown < 20 * MB


def test_libhdf5_would_have_inflated_the_bomb(tmp_path):
    write_bomb(tmp_path / "a.weights.h5", 256 * MB)
    _, grown = load_elsewhere("libhdf5", tmp_path / "a.weights.h5")
    assert grown > 200 * MB


# ---------------------------------------------------------------- configurations of strangers


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("dcgan_mnist", {"base_filters": 10**9}),
        ("dcgan_mnist", {"kernel_size": 10**6}),
        ("gan_mnist", {"hidden_units": [10**9] * 3}),
        ("gan_mnist", {"hidden_units": [9999] * 64}),
        ("gan_mnist", {"latent_dim": 10**9}),
        ("gan_mnist", {"image_shape": [10**6, 10**6, 1]}),
        ("cdcgan_mnist", {"classes": 10**9}),
        ("inpaint_scenes64", {"base_filters": 10**9}),
    ],
)
def test_a_card_that_asks_for_a_giant_is_refused_before_it_is_built(name, changes):
    card = zoo.info(name)
    card = dataclasses.replace(card, config={**card.config, **changes})
    with pytest.raises(InvalidInputError, match=r"more than 100,000,000 weights\. Received: a wei"):
        zoo.build(card)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("gan_mnist", {"output_activation": [1]}),
        ("inpaint_scenes64", {"halvings": 10**6}),
    ],
)
def test_a_card_whose_configuration_makes_no_model_is_told_of(name, changes):
    card = zoo.info(name)
    card = dataclasses.replace(card, config={**card.config, **changes})
    with pytest.raises(CardError, match=f"from the configuration in the card of '{name}'"):
        zoo.build(card)


def test_the_limit_ends_with_the_card_s_model():
    from zoo.layers.initializers import count_parameters, limited_parameters

    with limited_parameters(limit=10):
        count_parameters((2, 5))
        with pytest.raises(InvalidInputError):
            count_parameters((1,))
    count_parameters((10**9,))


def test_a_stranger_s_classifier_is_read_under_limits_too(tmp_path, monkeypatch):
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


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/a",
        "http://localhost.example.org/a",
        "http://localhost@example.org/a",
        "http://127.0.0.1.example.org/a",
        "http://127.0.0.1@example.org/a",
        "http://0177.0.0.1/a",
        "http://[::1/a",
        "http://[::ffff:127.0.0.1]/a",
        "http:///a",
        "http:example.org",
        "HTTP://example.org/a",
        "https:///a",
        "https:example.org",
        "https://",
        "//example.org/a",
        "ftp://example.org/a",
        "data:text/plain,a",
        "javascript:1",
        "jar:file:///a",
        " file:///a\0",
        "gopher://localhost/a",
        "/etc/passwd",
        "",
    ],
)
def test_tricky_addresses_are_not_allowed(url, monkeypatch):
    monkeypatch.delenv("ZOO_ALLOW_HTTP", raising=False)
    assert not is_allowed(url) or url.strip(" \0").startswith("file:")


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
