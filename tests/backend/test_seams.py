"""Private names of other libraries: each is still there and does what the project takes it for."""

import ast
import importlib
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers, ops

from tests.helpers import array
from zoo.backend.seams import SEAMS

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [ROOT / name for name in ("zoo", "benchmarks") if (ROOT / name).is_dir()]
HERE = [seam for seam in SEAMS if seam.backend in (None, keras.backend.backend())]


def network():
    inputs = keras.Input((3,))
    return keras.Model(inputs, layers.Dense(2, "tanh")(layers.Dropout(0.5, seed=0)(inputs)))


def compiled():
    model = network()
    model.compile("adam", "mse")
    return model


def fit(model, **options):
    return model.fit(np.ones((4, 3)), np.ones((4, 2)), batch_size=2, verbose=0, **options)


def adam(**options):
    variables = [keras.Variable(np.ones(shape, "float32")) for shape in ((2,), (3,))]
    optimizer = keras.optimizers.Adam(0.1, beta_1=0.5, beta_2=0.75, **options)
    optimizer.build(variables)
    return optimizer, variables


def check_jax_state():
    model, seen = compiled(), []
    watch = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(model._jax_state)
    )
    fit(model, callbacks=[watch])
    assert set(seen[0]) == {
        *("trainable_variables", "non_trainable_variables"),
        *("optimizer_variables", "metrics_variables"),
    }
    kernel = array(model.layers[-1].kernel).copy()
    model._jax_state = None
    model.jax_state_sync()
    np.testing.assert_array_equal(array(model.layers[-1].kernel), kernel)


def check_jax_state_sync():
    model, kernels = compiled(), []

    def read(batch, logs):
        model.jax_state_sync()
        kernels.append(array(model.layers[-1].kernel).copy())

    fit(model, callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=read)])
    assert not np.array_equal(*kernels)
    np.testing.assert_array_equal(kernels[-1], array(model.layers[-1].kernel))


def check_purge():
    model, values = compiled(), []
    model._purge_model_variables = lambda **groups: values.append(groups)
    fit(model)
    assert values == [dict.fromkeys(values[0], True)]
    assert model._jax_state_synced


def check_make_function():
    step = compiled()._make_function(lambda state, data: (data, state), concatenate_outputs=True)
    assert step("state", iter([1])) == (1, "state")


class Adds(layers.Layer):
    def call(self, x):
        self.add_loss(ops.sum(x))
        return x


def check_losses():
    model = keras.Sequential([keras.Sequential([Adds()])])
    model(np.ones((1, 2)))
    (layer,) = (layer for layer in model._flatten_layers() if isinstance(layer, Adds))
    assert [float(loss) for loss in layer._losses] == [2.0]


def check_loss_ids():
    layer = Adds()
    with keras.StatelessScope(collect_losses=True) as scope:
        layer(np.ones((1, 2)))
    assert layer._loss_ids == set(map(id, scope.losses))


def check_is_improvement():
    stopping = keras.callbacks.EarlyStopping("loss", mode="min")
    stopping._is_improvement = lambda value, best: False
    fit(compiled(), callbacks=[stopping])
    assert stopping.best is None


def check_original_scope():
    with keras.StatelessScope() as outer, keras.StatelessScope() as inner:
        assert inner.original_scope is outer
    assert outer.original_scope is None


def check_call_has_training_arg():
    assert layers.Dropout(0.5)._call_has_training_arg
    assert not layers.LeakyReLU()._call_has_training_arg


def check_run_through_graph():
    model, operations = network(), []

    def direct(operation):
        operations.append(operation)
        return operation

    inputs = ops.ones((2, 3))
    outputs = model._run_through_graph(inputs, operation_fn=direct)
    assert operations == model.layers[1:]
    np.testing.assert_allclose(array(outputs), array(model(inputs)), rtol=1e-6)


def check_functional():
    assert type(network()).__name__ == "Functional"
    assert type(keras.Sequential([layers.Dense(1)])) is keras.Sequential


def check_modules_of_layers():
    for layer in (layers.Dense, layers.Conv2D, layers.LeakyReLU, layers.Dropout, layers.Reshape):
        assert layer.__module__.startswith("keras.src.layers.")


def check_forward_hooks(name="_forward_hooks", register="register_forward_hook"):
    layer, seen = layers.Dense(1), []
    layer(ops.ones((1, 1)))
    assert not getattr(layer, name)
    getattr(layer, register)(lambda *_: seen.append(1))
    assert getattr(layer, name)


def check_forward_pre_hooks():
    check_forward_hooks("_forward_pre_hooks", "register_forward_pre_hook")


def check_fused_adam():
    import torch

    values, gradients = torch.ones(3), torch.tensor([1.0, -2.0, 0.0])
    first, second, late = torch.zeros(3), torch.zeros(3), torch.full((), 1e9)

    def update(found_inf):
        torch._fused_adam_(
            [values],
            [gradients],
            [first],
            [second],
            [],
            [late],
            lr=torch.tensor(0.1),
            beta1=0.5,
            beta2=0.75,
            weight_decay=0.0,
            eps=1e-7,
            amsgrad=False,
            maximize=False,
            found_inf=found_inf,
        )

    update(torch.tensor(1.0))
    assert values.tolist() == [1.0, 1.0, 1.0]
    update(torch.tensor(0.0))
    # Both moments as they are, uncorrected: half the gradient, and the root of a quarter of its
    # square.
    np.testing.assert_allclose(values, [0.9, 1.1, 1.0], rtol=1e-5)
    np.testing.assert_allclose(second, [0.25, 1.0, 0.0], rtol=1e-6)


def check_own_adam():
    kind = type(adam()[0])
    assert (kind.__name__, kind.__module__.split(".")[0]) == ("Adam", "keras")
    assert type(keras.optimizers.AdamW()).__name__ == "AdamW"


def check_variable_index():
    optimizer, variables = adam()
    assert [optimizer._get_variable_index(v) for v in reversed(variables)] == [1, 0]


def check_momentums():
    optimizer, variables = adam()
    optimizer.apply([2.0 * ops.ones(v.shape) for v in variables], variables)
    for first, second, variable in zip(
        optimizer._momentums, optimizer._velocities, variables, strict=True
    ):
        np.testing.assert_allclose(array(first), np.full(variable.shape, 1.0))
        np.testing.assert_allclose(array(second), np.full(variable.shape, 1.0))


def check_trainable_variables():
    optimizer, variables = adam()
    assert list(map(id, optimizer._trainable_variables)) == list(map(id, variables))


def check_learning_rate():
    optimizer, _ = adam()
    assert isinstance(optimizer._learning_rate, keras.Variable)
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    optimizer = keras.optimizers.Adam(schedule)
    assert optimizer._learning_rate is schedule
    optimizer._learning_rate = keras.optimizers.schedules.CosineDecay(0.5, 10)
    assert float(array(optimizer.learning_rate)) == pytest.approx(0.5)


def check_iterations():
    optimizer, variables = adam(gradient_accumulation_steps=2)
    for _ in range(3):
        optimizer.apply([ops.ones(v.shape) for v in variables], variables)
    assert int(optimizer.iterations) == 1
    assert int(optimizer._iterations) == 3


def check_tracker():
    model = keras.Model()
    model.part = keras.layers.Dense(1)
    assert model.layers == [model.part]
    model._tracker.untrack(model.part)
    assert model.layers == []


def check_assert_compile_called():
    compiled()._assert_compile_called("fit")
    with pytest.raises(ValueError, match="compile"):
        network()._assert_compile_called("fit")


def check_initial_epoch():
    class Later(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.model._initial_epoch = 2

    assert fit(compiled(), epochs=3, callbacks=[Later()]).epoch == [2]


def check_data_adapter():
    module = importlib.import_module("keras.src.trainers.data_adapters.data_adapter")
    names = {"get_jax_iterator", "get_torch_dataloader", "get_tf_dataset"}
    assert names | {"num_batches", "batch_size"} <= set(dir(module.DataAdapter))


def check_attention():
    import torch

    query = torch.ones(1, 1, 2, 3)
    assert torch._scaled_dot_product_attention_math(query, query, query)[0].shape == query.shape


def check_torch_module():
    from keras.src.backend.torch import core, random

    assert callable(core.cond)
    assert callable(random.torch_seed_generator)


def check_value():
    variable = keras.Variable([1.0, 2.0])
    assert variable._value is variable.value


def check_initial_seed():
    assert keras.random.SeedGenerator()._initial_seed is None
    assert keras.random.SeedGenerator(3)._initial_seed == 3


def check_dtype():
    assert keras.Variable([1.0], dtype="bfloat16")._dtype == "bfloat16"


def check_symbolic_tensors():
    from keras.src import ops as operations

    symbol = keras.Input((2,))
    for module in (operations.core, operations.math, operations.nn, operations.numpy):
        assert module.any_symbolic_tensors(([symbol],), {})
        assert module.any_symbolic_tensors((1.0,), {"x": symbol})
        assert not module.any_symbolic_tensors((1.0, [2.0]), {"axis": 0})


def check_global_state():
    from keras.src.backend.common import global_state

    with keras.device("meta"):
        assert global_state.get_global_attribute("torch_device") == "meta"
        assert ops.ones((1,)).device.type == "meta"


def check_foreach_norm():
    import torch

    tensors = [torch.full((2, 2), 2.0).T, torch.tensor([1e20, 1e20])]
    assert [float(norm) for norm in torch._foreach_norm(tensors, 2)] == [4.0, float("inf")]
    half = torch.full((4,), 60000.0, dtype=torch.float16)
    assert torch._foreach_norm([half], 2, dtype=torch.float32)[0].isfinite()


def check_foreach_copy():
    import torch

    tensors = [torch.zeros(2), torch.zeros(3)]
    torch._foreach_copy_(tensors, [torch.ones(2), torch.ones(3)])
    assert [tensor.tolist() for tensor in tensors] == [[1.0] * 2, [1.0] * 3]


def check_schema():
    import torch

    schema = torch.ops.aten.add.out._schema
    (out,) = (argument for argument in schema.arguments if argument.alias_info)
    assert schema.is_mutable
    assert out.name == "out"
    assert out.alias_info.before_set == schema.returns[0].alias_info.before_set
    assert torch.ops.aten.unbind.int._schema.returns[0].alias_info.before_set == set()


def check_unsafe_view():
    import torch

    x = torch.zeros(4)
    view = torch.ops.aten._unsafe_view.default
    assert view(x, [2, 2]).data_ptr() == x.data_ptr()
    assert view._schema.returns[0].alias_info is None


def check_fake_tensor():
    from torch._subclasses import fake_tensor

    assert issubclass(fake_tensor.DataDependentOutputException, Exception)
    assert issubclass(fake_tensor.DynamicOutputShapeException, Exception)


def check_moments():
    layer = layers.BatchNormalization(epsilon=0.0)
    layer.build((None, 2, 3))
    assert tuple(layer._reduction_axes) == (0, 1)
    layer._moments = lambda inputs, mask: (ops.ones((3,)), ops.ones((3,)) * 4.0)
    np.testing.assert_array_equal(array(layer(np.ones((4, 2, 3)) * 5.0, training=True)), 2.0)


def check_own_copy():
    import tensorflow as tf

    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        variable = keras.Variable([1.0, 2.0])

    def add():
        held, variable._value = variable._value, variable._value._get()
        variable.assign_add([1.0, 1.0])
        variable._value = held

    strategy.run(add)
    np.testing.assert_array_equal(array(variable), [2.0, 3.0])


def check_distributed_state():
    from jax._src import distributed

    state = distributed.global_state
    assert (state.client, state.service, state.preemption_sync_manager) == (None, None, None)


CHECKS = {
    "keras.src.backend.torch": check_torch_module,
    "torch._subclasses": check_fake_tensor,
    "_scaled_dot_product_attention_math": check_attention,
    "_jax_state": check_jax_state,
    "jax_state_sync": check_jax_state_sync,
    "_jax_state_synced": check_purge,
    "_purge_model_variables": check_purge,
    "_make_function": check_make_function,
    "_flatten_layers": check_losses,
    "_loss_ids": check_loss_ids,
    "_is_improvement": check_is_improvement,
    "original_scope": check_original_scope,
    "_call_has_training_arg": check_call_has_training_arg,
    "_run_through_graph": check_run_through_graph,
    "Functional": check_functional,
    "keras.src.layers.": check_modules_of_layers,
    "_forward_hooks": check_forward_hooks,
    "_forward_pre_hooks": check_forward_pre_hooks,
    "_value": check_value,
    "_initial_seed": check_initial_seed,
    "_dtype": check_dtype,
    "keras.src.ops": check_symbolic_tensors,
    "keras.src.backend.common": check_global_state,
    "_foreach_norm": check_foreach_norm,
    "_foreach_copy_": check_foreach_copy,
    "_schema": check_schema,
    "_unsafe_view": check_unsafe_view,
    "_fused_adam_": check_fused_adam,
    "keras.": check_own_adam,
    "_get_variable_index": check_variable_index,
    "_momentums": check_momentums,
    "_velocities": check_momentums,
    "_trainable_variables": check_trainable_variables,
    "_learning_rate": check_learning_rate,
    "_iterations": check_iterations,
    "_tracker": check_tracker,
    "_assert_compile_called": check_assert_compile_called,
    "_initial_epoch": check_initial_epoch,
    "_moments": check_moments,
    "_reduction_axes": check_moments,
    "_get": check_own_copy,
    "keras.src.trainers.data_adapters.data_adapter": check_data_adapter,
    "jax._src": check_distributed_state,
}


@pytest.mark.parametrize("seam", HERE, ids=lambda seam: seam.name)
def test_each_seam_holds(seam):
    try:
        CHECKS[seam.name]()
    except Exception as error:
        raise AssertionError(
            f"`{seam.name}` of {seam.owner}, used in {', '.join(seam.users)}, isn't what it was: "
            f"{seam.breaks}."
        ) from error


# ------------------------------------------------------------- nothing private is unlisted

LIBRARIES = ("keras", "torch", "jax", "jaxlib", "tensorflow")
PUBLIC = ("_replace", "_asdict", "_fields", "_make")
"""Of named tuples: documented in spite of the underscore."""


def own_names(tree):
    """Names that a file defines: those of other libraries are what is left."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield from [node.attr] if ast.unparse(node.value) == "self" else []


def private_uses(tree):
    """Attributes, modules and strings that look like private names of a library."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module
        elif isinstance(node, ast.Constant) and str(node.value)[:1] != "_":
            yield str(node.value)


def is_private(name):
    head, *rest = name.split(".")
    if head in LIBRARIES:
        return any(part in ("src", "python") or part.startswith("_") for part in rest)
    return name.startswith("_") and name.isidentifier() and name not in PUBLIC and name[1:2] != "_"


def private_names(folders):
    """Name -> the files that use it."""
    trees = {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text("utf-8"))
        for folder in folders
        for path in sorted(folder.rglob("*.py"))
        if path.name != "seams.py"
    }
    own = {name for tree in trees.values() for name in own_names(tree)}
    found = {}
    for path, tree in trees.items():
        for name in set(private_uses(tree)) - own:
            found.setdefault(name, []).append(path)
    return found


@pytest.mark.no_backend
def test_every_private_name_is_listed_and_every_listed_one_is_used():
    found = private_names(FOLDERS)
    listed = {seam.name: seam.users for seam in SEAMS}
    assert set(CHECKS) == set(listed)
    for name in filter(is_private, found):
        assert name in listed, f"{found[name]} use {name}: list it in zoo/backend/seams.py"
        for path in found[name]:
            assert path.startswith(listed[name]), f"{path} uses {name}: list its folder"
    for name, users in listed.items():
        if any((ROOT / user).is_dir() for user in users):
            assert name in found, f"{name} isn't used anymore: take it off zoo/backend/seams.py"
