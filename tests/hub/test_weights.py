"""Weights files: nothing is lost in a round trip, nothing unsound reaches a model."""

import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

import zoo
from tests.tiny import build_tiny, set_weights
from zoo.errors import (
    ChecksumError,
    WeightsFormatError,
    WeightsMismatchError,
    WeightsNotFoundError,
)
from zoo.hub.array_files import open_arrays
from zoo.hub.untrusted import one_process
from zoo.hub.weights import load_weights, read_arrays, save_weights

ROOT = Path(__file__).resolve().parents[2]
BACKENDS = ("jax", "tensorflow", "torch")

KERNEL = "generator/layers/dense/vars/0"
BIAS = "discriminator/layers/dense/vars/1"


def tiny(seed=0, hidden_units=(5,)):
    model = zoo.VanillaGAN(image_shape=(4, 4, 1), latent_dim=3, hidden_units=hidden_units, seed=0)
    set_weights(model, seed)
    return model


def arrays(model):
    """Copies of the weights that ship: the sampling generator's and the discriminator's."""
    networks = (model.sampling_network(), model.discriminator)
    return [array for network in networks for array in network.get_weights()]


def assert_same(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def halved(array):
    return array.astype("float16").astype("float32") if array.ndim > 1 else array


@pytest.fixture(scope="module", autouse=True)
def _one_process():
    with one_process():
        yield


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Bytes of a sound weights file of `tiny()`."""
    path = tmp_path_factory.mktemp("saved") / "a.weights.h5"
    save_weights(tiny(), path)
    return path.read_bytes()


@pytest.fixture
def path(tmp_path, saved):
    path = tmp_path / "a.weights.h5"
    path.write_bytes(saved)
    return path


@pytest.fixture(scope="module")
def other():
    """A model with other weights than those saved; no failed load may change it."""
    return tiny(seed=1)


@pytest.fixture(scope="module")
def convolutional():
    """Built once: JAX compiles every operation of its first forward pass."""
    return build_tiny("dcgan_mnist")


def assert_refused(model, path, error, match, **options):
    """Loading must raise, name the file, and leave the model and the file as they were."""
    weights, content = arrays(model), path.read_bytes()
    with pytest.raises(error, match=match) as caught:
        load_weights(model, path, **options)
    assert type(caught.value) is error
    assert str(path) in str(caught.value)
    assert_same(arrays(model), weights)
    assert path.read_bytes() == content


# ------------------------------------------------------------------ round trips


@pytest.mark.parametrize("kind", ["other", "convolutional"])
def test_half_precision_rounds_kernels_and_nothing_else(kind, request, tmp_path):
    model = request.getfixturevalue(kind)
    set_weights(model, seed=5)
    originals = arrays(model)
    save_weights(model, tmp_path / "a.weights.h5")
    set_weights(model, seed=6)
    load_weights(model, tmp_path / "a.weights.h5")
    assert any(array.ndim > 2 for array in originals) == (kind == "convolutional")
    for loaded, original in zip(arrays(model), originals, strict=True):
        assert loaded.dtype == np.float32
        if original.ndim > 1:
            # Under 6e-5 float16 has fewer digits.
            np.testing.assert_allclose(loaded, original, rtol=1e-3, atol=1e-7)
            assert np.any(loaded != original)
        else:
            np.testing.assert_array_equal(loaded, original)


def test_a_file_holds_kernels_in_half_precision(path):
    with h5py.File(path) as file:
        assert file[KERNEL].dtype == np.float16
        assert file[BIAS].dtype == np.float32
    assert {array.dtype for array in read_arrays(path, expected(path)).values()} == {
        np.dtype("float32")
    }


def expected(path):
    """What `read_arrays` is told that the architecture has."""
    with open_arrays(path) as file:
        return {name: file.read(name).astype("float32") for name in file.arrays}


def test_full_precision_is_exact(tmp_path, other):
    model = tiny(seed=2)
    save_weights(model, tmp_path / "a.weights.h5", half_precision=False)
    load_weights(other, tmp_path / "a.weights.h5")
    assert_same(arrays(other), arrays(model))
    np.testing.assert_array_equal(other.generate(4, seed=0), model.generate(4, seed=0))


def test_biases_beyond_the_range_of_half_precision_are_exact(tmp_path, other):
    model = tiny()
    values = np.full((1,), 1e30, "float32")
    model.discriminator.layers[-1].bias.assign(values)
    save_weights(model, tmp_path / "a.weights.h5")
    load_weights(other, tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(other.discriminator.get_weights()[-1], values)


def test_kernels_beyond_the_range_of_half_precision_survive(tmp_path, other):
    model = tiny()
    kernel = model.generator.layers[0].kernel
    kernel.assign(np.full(kernel.shape, 1e5, "float32"))
    save_weights(model, tmp_path / "a.weights.h5")
    load_weights(other, tmp_path / "a.weights.h5")
    np.testing.assert_allclose(other.generator.get_weights()[0], 1e5, rtol=1e-3)


def test_keras_alone_reads_the_file_too(path):
    fresh = tiny(seed=1)
    fresh.load_weights(path)
    assert_same(arrays(fresh), [halved(array) for array in arrays(tiny())])


def averaging(average_decay=0.9):
    """A compiled model whose average, if it keeps one, differs from its generator."""
    model = tiny(seed=3)
    model.compile(average_decay=average_decay)
    if average_decay is not None:
        average = model.average_generator
        average.set_weights([array + 0.25 for array in average.get_weights()])
    return model


def test_the_moving_average_is_what_is_saved(tmp_path):
    model, fresh = averaging(), tiny()
    save_weights(model, tmp_path / "a.weights.h5", half_precision=False)
    load_weights(fresh, tmp_path / "a.weights.h5")
    assert_same(fresh.generator.get_weights(), model.average_generator.get_weights())
    assert_same(fresh.discriminator.get_weights(), model.discriminator.get_weights())
    assert np.any(fresh.generator.get_weights()[0] != model.generator.get_weights()[0])
    np.testing.assert_array_equal(fresh.generate(4, seed=0), model.generate(4, seed=0))


@pytest.mark.parametrize("average_decay", [None, 0.9], ids=["plain", "averaged"])
def test_what_keras_saves_while_training_loads(tmp_path, average_decay):
    model, fresh = averaging(average_decay), tiny()
    model.save_weights(tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "a.weights.h5") as file:
        assert "optimizer" in file
        assert ("average_generator" in file) == (average_decay is not None)
    load_weights(fresh, tmp_path / "a.weights.h5")
    assert fresh.average_generator is None
    assert_same(arrays(fresh), arrays(model))


def test_a_path_may_be_a_string(path, other):
    load_weights(other, str(path))
    assert_same(arrays(other), [halved(array) for array in arrays(tiny())])


SAVE_ELSEWHERE = """
import sys
import numpy as np
from tests.tiny import build_tiny, set_weights
from zoo.hub.weights import save_weights

model = build_tiny("dcgan_mnist")
set_weights(model, seed=7)
save_weights(model, sys.argv[1])
np.savez(sys.argv[2], *model.generator.get_weights(), *model.discriminator.get_weights())
"""


def test_another_backend_s_file_loads_bit_by_bit(tmp_path, convolutional):
    # In a ring, so that runs on all backends cover all pairs at a third of the cost.
    here = BACKENDS.index(keras.backend.backend())
    others = [*BACKENDS[here + 1 :], *BACKENDS[:here]]
    there = next((name for name in others if importlib.util.find_spec(name)), None)
    if there is None:
        pytest.skip("only one backend is installed")
    file, reference = tmp_path / "a.weights.h5", tmp_path / "reference.npz"
    subprocess.run(
        [sys.executable, "-c", SAVE_ELSEWHERE, file, reference],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": there},
        check=True,
        capture_output=True,
    )
    load_weights(convolutional, file)
    with np.load(reference) as stored:
        assert_same(arrays(convolutional), [halved(stored[name]) for name in stored.files])


# -------------------------------------------------------------- other architectures


@pytest.mark.parametrize(
    ("hidden_units", "match"),
    [
        ((6,), r"another model: .*/vars/\d must have shape \(.*6.*\). Received: \(.*5"),
        (
            (5, 5),
            r"another model: [1-9]\d* arrays are missing \(discriminator/.*, 1 are unknown \(gen",
        ),
    ],
    ids=["wider", "deeper"],
)
def test_a_file_of_another_architecture_says_what_differs(path, hidden_units, match):
    assert_refused(tiny(hidden_units=hidden_units), path, WeightsMismatchError, match)


def test_a_file_of_another_family_is_refused(path, convolutional):
    assert_refused(convolutional, path, WeightsMismatchError, r"are missing \(.*conv.*are unknown")


# ------------------------------------------------------------------ unsound files


def replace(file, name, **dataset):
    del file[name]
    file.create_dataset(name, **dataset)


def not_a_number(file):
    file[KERNEL][1, 2] = np.nan


def infinite(file):
    file[BIAS][0] = -np.inf


def integers(file):
    replace(file, KERNEL, data=file[KERNEL][()].astype("int8"))


def inexact_doubles(file):
    replace(file, BIAS, data=file[BIAS][()].astype("float64") + 1e-12)


def large_doubles(file):
    replace(file, BIAS, data=np.full(5, 1e300))


def strings(file):
    replace(file, BIAS, shape=file[BIAS].shape, dtype=h5py.string_dtype())


def link(file):
    file["generator/extra"] = h5py.SoftLink("/generator")


def extra_array(file):
    file["generator/layers/extra/vars/0"] = np.zeros(3, "float32")


def missing_array(file):
    del file[KERNEL]


def transposed(file):
    replace(file, KERNEL, data=file[KERNEL][()].T)


def no_shape(file):
    replace(file, BIAS, data=h5py.Empty("float32"))


def missing_network(file):
    del file["discriminator"]


def array_for_a_network(file):
    replace(file, "generator", data=np.zeros(3, "float32"))


def group_for_an_array(file):
    del file[KERNEL]
    file.create_group(KERNEL)


FORMAT, MISMATCH = WeightsFormatError, WeightsMismatchError


@pytest.mark.parametrize(
    ("edit", "error", "match"),
    [
        (not_a_number, FORMAT, f"{KERNEL} holds NaN or infinity"),
        (infinite, FORMAT, f"{BIAS} holds NaN or infinity"),
        (integers, FORMAT, f"{KERNEL} must be float16 or float32 or float64. Received: int8"),
        (inexact_doubles, FORMAT, f"{BIAS} is stored as float64, and holds numbers that float32 c"),
        (large_doubles, FORMAT, f"{BIAS} is stored as float64, and holds numbers that float32 c"),
        (strings, FORMAT, f"{BIAS} must be float16 or float32 or float64. Received: object"),
        (link, FORMAT, "generator/extra is a link"),
        (extra_array, MISMATCH, r"0 arrays are missing.*1 are unknown \(.*extra/vars/0"),
        (missing_array, MISMATCH, rf"1 arrays are missing \({KERNEL}\), 0 are unknown"),
        (transposed, MISMATCH, rf"{KERNEL} must have shape \(3, 5\). Received: \(5, 3\)"),
        (no_shape, MISMATCH, rf"{BIAS} must have shape \(5,\). Received: None"),
        (missing_network, MISMATCH, r"arrays are missing \(discriminator/"),
        (array_for_a_network, MISMATCH, r"arrays are missing \(generator/"),
        (group_for_an_array, MISMATCH, rf"1 arrays are missing \({KERNEL}\)"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.parametrize("known", [False, True], ids=["unknown", "hash known"])
def test_unsound_files_are_refused(path, other, edit, error, match, known):
    with h5py.File(path, "r+") as file:
        edit(file)
    options = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()} if known else {}
    assert_refused(other, path, error, match, **options)


@pytest.mark.parametrize("options", [{"libver": "latest"}, {"track_order": True}], ids=str)
def test_any_form_and_precision_that_keeps_the_numbers_loads(path, other, tmp_path, options):
    with h5py.File(path) as file, h5py.File(tmp_path / "b.h5", "w", **options) as copy:
        for name in expected(path):
            array = file[name][()].astype("float64")
            copy.create_dataset(name, data=array, **({"compression": "lzf"} if array.ndim else {}))
    load_weights(other, tmp_path / "b.h5")
    assert_same(arrays(other), [halved(array) for array in arrays(tiny())])


# ------------------------------------------------------------------ hashes and paths


def test_the_right_hash_loads(path, other, saved):
    load_weights(other, path, sha256=hashlib.sha256(saved).hexdigest())
    assert_same(arrays(other), [halved(array) for array in arrays(tiny())])


def test_a_wrong_hash_is_refused_and_both_are_told(path, saved):
    received = hashlib.sha256(saved).hexdigest()
    wanted = "0" * 64
    model = tiny(seed=1)
    assert_refused(model, path, ChecksumError, f"{wanted}.*{received}.*weights=", sha256=wanted)


def test_one_flipped_byte_anywhere_breaks_the_hash(path, saved):
    model, sha256 = tiny(seed=1), hashlib.sha256(saved).hexdigest()
    for position in np.linspace(0, len(saved) - 1, 5).astype(int):
        damaged = bytearray(saved)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        assert_refused(model, path, ChecksumError, sha256, sha256=sha256)


@pytest.mark.parametrize("prepare", [lambda path: None, os.mkdir], ids=["missing", "folder"])
def test_a_path_without_a_file_is_named(tmp_path, other, prepare):
    prepare(tmp_path / "none.weights.h5")
    weights = arrays(other)
    with pytest.raises(WeightsNotFoundError, match=r"none\.weights\.h5.*Pass the path"):
        load_weights(other, tmp_path / "none.weights.h5")
    assert_same(arrays(other), weights)


# ---------------------------------------------------------------------- saving


def test_a_failed_save_leaves_the_older_file_and_no_litter(path, saved, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))

    def fail(file, data):
        with open(file, "wb") as opened:
            opened.write(data[: len(data) // 2])
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="disk full"):
        save_weights(tiny(seed=1), path)
    assert path.read_bytes() == saved
    assert sorted(os.listdir(tmp_path)) == [path.name, "scratch"]
    assert os.listdir(scratch) == []


def test_weights_pass_through_no_temporary_folder(path, other, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(path.parent / "none"))
    save_weights(tiny(seed=4), path)
    load_weights(other, path)


def test_saving_replaces_an_older_file_and_leaves_nothing_else(path, other):
    model = tiny(seed=4)
    save_weights(model, path, half_precision=False)
    load_weights(other, path)
    assert_same(arrays(other), arrays(model))
    assert os.listdir(path.parent) == [path.name]


# ------------------------------------------------------------------ checkpoints


def test_any_set_of_arrays_of_a_checkpoint_is_read(tmp_path):
    path = tmp_path / "a.weights.h5"
    averaging().save_weights(path)
    steps = "optimizer/generator_optimizer/vars/0"
    with h5py.File(path, "r+") as file:
        del file[steps]  # a backend's own type, int32 or int64
        file[steps] = np.int32(7)
    found = read_arrays(path, {"steps": np.zeros((), "int32")}, lambda names: {steps: "steps"})
    assert found == {"steps": 7}
    assert found["steps"].dtype == np.int32
    with pytest.raises(WeightsFormatError, match=r"steps must be int64\. Received: int32"):
        read_arrays(path, {"steps": np.zeros((), "int64")}, lambda names: {steps: "steps"})
    with pytest.raises(WeightsMismatchError, match=r"1 arrays are missing \(none\)"):
        read_arrays(path, {"none": np.zeros(())}, lambda names: {})
    with open_arrays(path) as file:
        everything = read_arrays(path, file.arrays)
    assert {"generator", "average_generator", "discriminator", "optimizer"} == {
        name.split("/")[0] for name in everything
    }
