"""`zoo verify`: sound files are described, others named, without Keras and in little memory."""

import dataclasses
import json
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest

import zoo
from tests.processes import environment
from zoo.cli import main
from zoo.errors import (
    CardError,
    CheckpointError,
    ChecksumError,
    WeightsFormatError,
    WeightsNotFoundError,
)
from zoo.hub.checkpoint_files import checkpoint_path, write_checkpoint
from zoo.hub.locations import shipped_folder
from zoo.hub.untrusted import one_process
from zoo.hub.verification import find_files, verify

pytestmark = pytest.mark.no_backend

NAME = "gan_mnist_small"


@pytest.fixture(scope="module", autouse=True)
def _one_process():
    with one_process():
        yield


@pytest.fixture
def folder(tmp_path):
    """Weights that ship, and their card."""
    for suffix in (".weights.h5", ".json", ".png"):
        shutil.copy(shipped_folder() / f"{NAME}{suffix}", tmp_path)
    return tmp_path


@pytest.fixture
def weights(folder):
    return folder / f"{NAME}.weights.h5"


def status_of(*arguments):
    with pytest.raises(SystemExit) as leaving:
        main(["verify", *map(str, arguments)])
    return leaving.value.code


def test_a_report_says_what_is_in_the_file(weights):
    report = verify(weights)
    card = zoo.info(NAME)
    with h5py.File(weights) as file:
        found = []
        file.visititems(lambda _, item: found.append(item) if hasattr(item, "dtype") else None)
        assert report.arrays == len(found)
        assert report.unpacked_bytes == sum(dataset.nbytes for dataset in found)
        assert report.stored_bytes == sum(dataset.id.get_storage_size() for dataset in found)
    assert (report.kind, report.card, report.sha256) == ("weights", f"{NAME}.json", card.sha256)
    assert report.dtypes == ("float16", "float32")
    assert report.largest == "generator/layers/dense_2/vars/0 (128, 784)"
    for part in ("12 arrays", card.sha256, f"{report.unpacked_bytes:,}"):
        assert part in str(report)


@pytest.mark.parametrize(
    ("groups", "kind"),
    [
        (("generator", "discriminator"), "weights"),
        (("generator", "discriminator", "optimizer"), "weights and more"),
        (("layers",), "arrays"),
        ((), "arrays"),
    ],
)
def test_kinds(tmp_path, groups, kind):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for group in groups:
            file[f"{group}/vars/0"] = np.zeros(3, "int32")
    assert verify(tmp_path / "a.h5").kind == kind
    assert verify(tmp_path / "a.h5").card is None


def test_a_folder_stands_for_its_weights_and_cards(folder):
    (folder / ".partial.weights.h5").write_text("hidden")
    (folder / "scores.json").write_text('{"frechet_distance": 1.0}')
    (folder / "damaged.json").write_text("{")
    names = [path.name for path in find_files(folder)]
    assert names == ["damaged.json", f"{NAME}.json", f"{NAME}.weights.h5"]


def test_a_folder_of_nothing_is_refused(tmp_path):
    with pytest.raises(
        WeightsNotFoundError, match=r"Expected \*.weights.h5, \*.checkpoint.h5 files or cards in"
    ):
        find_files(tmp_path)
    with pytest.raises(WeightsNotFoundError, match="Nothing is at"):
        find_files(tmp_path / "none")


def test_all_that_ships_is_sound(capsys):
    assert status_of(shipped_folder(), shipped_folder() / "classifiers") == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    lines = captured.out.splitlines()
    assert len(lines) >= 10
    assert all(line.startswith("ok: ") for line in lines)
    assert not any("no card beside it" in line for line in lines)


def test_what_is_not_sound_is_named_and_the_rest_still_checked(folder, weights, capsys):
    (folder / "zz.weights.h5").write_bytes(weights.read_bytes()[:-1])
    (folder / "aa.json").write_text('{"name": "aa", "config": {}}')
    assert status_of(folder) == 2
    captured = capsys.readouterr()
    first, second = captured.err.splitlines()
    assert first.startswith(
        f"error: {folder / 'aa.json'}: unknown keys [], missing keys ['family']"
    )
    assert second.startswith(f"error: {folder / 'zz.weights.h5'} can't be read as an HDF5 file")
    assert len(captured.out.splitlines()) == 2


def test_weights_that_their_card_does_not_describe(folder, weights):
    with open(weights, "ab") as file:
        file.write(b"\0")
    with pytest.raises(ChecksumError, match=rf"isn't the file that {NAME}\.json describes"):
        verify(weights)


def test_a_size_that_is_not_the_file_s(folder, weights):
    card = dataclasses.replace(zoo.info(NAME), size=1)
    card.write(folder / f"{NAME}.json")
    with pytest.raises(ChecksumError, match=r"1 bytes\. Received"):
        verify(weights)


def test_a_card_that_cannot_be_read_is_an_error_of_its_weights_too(folder, weights):
    (folder / f"{NAME}.json").write_text("[]")
    with pytest.raises(CardError):
        verify(weights)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (np.array([0, np.nan], "float16"), "x holds NaN or infinity"),
        (np.array([0, np.inf]), "x holds NaN or infinity"),
        (np.zeros(2, "complex64"), r"x must hold numbers\. Received: complex64"),
    ],
    ids=str,
)
def test_only_finite_numbers_are_sound(tmp_path, data, reason):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = data
    with pytest.raises(WeightsFormatError, match=reason):
        verify(tmp_path / "a.h5")


def test_what_a_file_may_unpack_to_is_limited(weights, capsys):
    size = verify(weights).unpacked_bytes
    assert status_of(weights, "--max-bytes", size) == 0
    assert status_of(weights, "--max-bytes", size - 1) == 2
    assert f"would unpack to {size:,} bytes" in capsys.readouterr().err
    assert status_of(weights, "--max-bytes", 0) == 2


STREAM = """
import sys
from scripts.fuzzing.worker import peak_memory
from zoo.hub.verification import verify

before = peak_memory()
report = verify(sys.argv[1])
loaded = {"keras", "h5py", "jax", "torch", "tensorflow"} & set(sys.modules)
print(report.unpacked_bytes, peak_memory() - before, *loaded)
"""


@pytest.mark.parametrize("options", [{}, {"compression": "gzip"}], ids=["plain", "gzip"])
def test_memory_stays_flat_and_neither_keras_nor_libhdf5_is_imported(tmp_path, options):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=np.zeros((4096, 8192), "float32"), **options)
    result = subprocess.run(
        [sys.executable, "-c", STREAM, str(tmp_path / "a.h5")],
        env=environment("jax"),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    unpacked, grown, *loaded = result.stdout.split()
    assert int(unpacked) == 2**27
    assert int(grown) < 40 * 2**20
    assert loaded == []


def test_classifier_cards_need_a_hash(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"task": "digits"}))
    with pytest.raises(CardError, match="sha256"):
        verify(tmp_path / "a.json")


def test_a_checkpoint_is_described_by_its_epoch_or_its_damage(tmp_path):
    arrays = {"generator/0000": np.arange(1000, dtype="float32")}
    path = checkpoint_path(tmp_path, 3)
    write_checkpoint(path, arrays, {"epoch": 3, "configuration": {}, "along": []})
    assert verify(path).kind == "checkpoint of epoch 3"
    assert find_files(tmp_path) == [path]
    data = bytearray(path.read_bytes())
    data[data.index(np.float32(500).tobytes())] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="aren't those that were saved"):
        verify(path)
