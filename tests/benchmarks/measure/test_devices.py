"""The seam: the same functions for each backend, and those that a CPU has do what they say."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks.measure import devices
from tests.benchmarks import fake_devices
from tests.benchmarks.tiny_cells import BACKEND, DEVICES

FOLDER = Path(devices.__file__).parent
FUNCTIONS = re.findall(r"^\| `(\w+)`", devices.__doc__, re.MULTILINE)


@pytest.mark.parametrize("backend", ["jax", "tensorflow", "torch"])
def test_each_backend_has_the_same_functions(backend):
    tree = ast.parse((FOLDER / f"{backend}.py").read_text(encoding="utf-8"))
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    names += [
        node.targets[0].id
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id.islower()
    ]
    assert sorted(n for n in names if not n.startswith("_")) == sorted(FUNCTIONS)


def test_the_fake_has_them_too():
    assert all(callable(getattr(fake_devices, name)) for name in FUNCTIONS)


def test_frameworks_are_imported_in_the_seam_and_in_native_loops_only():
    root = FOLDER.parents[1]
    paths = [path for path in root.rglob("*.py") if not {"native", "devices"} & set(path.parts)]
    assert len(paths) > 20
    for path in paths:
        source = path.read_text(encoding="utf-8")
        for name in ("jax", "tensorflow", "torch"):
            assert f"import {name}" not in source, path


def test_arrays_on_the_device():
    values = np.arange(12, dtype="uint8").reshape(3, 4)
    placed = DEVICES.put(values)
    assert np.array(placed).tolist() == np.arange(12).reshape(3, 4).tolist()
    assert "uint8" in str(placed.dtype)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_products(dtype):
    a = DEVICES.random(8, dtype)
    product = DEVICES.multiply(a, a)
    DEVICES.synchronize([product])
    assert product.shape == (8, 8)
    assert str(product.dtype).replace("torch.", "").replace("<dtype: '", "").startswith(dtype)


def test_negation():
    a = DEVICES.random(4, "float32")
    assert np.array(DEVICES.negate(a)).tolist() == (-np.array(a)).tolist()
    assert np.unique(np.array(a)).size == 16


def test_the_framework_s_own_error_is_out_of_memory():
    assert DEVICES.is_out_of_memory(fake_devices.out_of_memory_error())
    assert DEVICES.is_out_of_memory(MemoryError())
    assert DEVICES.is_out_of_memory(RuntimeError("can't allocate memory: you tried to ..."))
    assert not DEVICES.is_out_of_memory(ValueError("shapes don't match"))


def test_a_profile_names_what_was_computed():
    a, multiply = DEVICES.random(256, "float32"), DEVICES.multiply
    if BACKEND == "tensorflow":  # which names the operations of a graph
        import tensorflow as tf

        multiply = tf.function(multiply)
    DEVICES.synchronize([multiply(a, a)])  # compiled
    found = list(DEVICES.profile(lambda: DEVICES.synchronize([multiply(a, a)])))
    # XLA's name depends on what it makes of a product, TensorFlow's on whether oneDNN takes it:
    # "MatMul" or "_MklMatMul".
    product = {"jax": "", "tensorflow": "MatMul", "torch": "aten::mm"}[BACKEND]
    times = [nanoseconds for name, nanoseconds in found if product in name]
    assert len(times) == 1, found
    # Between a thousandth and a thousand times what one core takes.
    assert 1e3 < times[0] < 1e9


def test_a_cpu_has_a_name_and_no_driver():
    if DEVICES.is_gpu():
        pytest.skip("this is a GPU")
    assert DEVICES.device_name()
    assert DEVICES.driver() is None


def test_tf32_is_set_alike():
    DEVICES.set_float32_precision(False)
    try:
        assert _allows_tf32() is False
        DEVICES.set_float32_precision(True)
        assert _allows_tf32() is True
    finally:
        _restore_precision()


def _allows_tf32():
    if BACKEND == "jax":
        import jax

        return {"tensorfloat32": True, "highest": False}[jax.config.jax_default_matmul_precision]
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.config.experimental.tensor_float_32_execution_enabled()
    import torch

    products = torch.get_float32_matmul_precision() == "high"
    assert products == torch.backends.cudnn.allow_tf32
    return products


def _restore_precision():
    if BACKEND == "jax":
        import jax

        jax.config.update("jax_default_matmul_precision", None)
    if BACKEND == "torch":
        import torch

        torch.set_float32_matmul_precision("highest")
