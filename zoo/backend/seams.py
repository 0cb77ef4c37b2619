"""Seams: what the project uses of other libraries without their promise that it stays.

A minor release can rename any of these, so the dependencies have upper bounds in `pyproject.toml`.
To raise a bound, install the new version and run `tests/backend/test_seams.py` on each backend: it
checks every entry, says what breaks, and finds private names that aren't listed here.
"""

from typing import NamedTuple


class Seam(NamedTuple):
    """A name of another library that its documentation doesn't promise.

    Args:
        name: str, as the sources spell it.
        owner: str, where the library has it.
        users: Folders of the project that use it.
        breaks: str, what goes wrong without it.
        backend: str, the only Keras backend that it is used on; `None` for all.
    """

    name: str
    owner: str
    users: tuple[str, ...]
    breaks: str
    backend: str | None = None


SEAMS = (
    Seam(
        "_jax_state",
        "keras.Model",
        ("zoo/backend",),
        "a `fit` that fails writes older weights back over newer ones",
        "jax",
    ),
    Seam(
        "jax_state_sync",
        "keras.Model",
        ("zoo/backend",),
        "callbacks read stale weights in the middle of an epoch",
        "jax",
    ),
    Seam(
        "_jax_state_synced",
        "keras.Model",
        ("zoo/backend",),
        "samples drawn in the middle of an epoch are of older weights",
        "jax",
    ),
    Seam(
        "_purge_model_variables",
        "keras.Model",
        ("zoo/backend",),
        "a `fit` whose first step fails loses every weight",
        "jax",
    ),
    Seam(
        "_make_function",
        "keras.Model",
        ("zoo/backend",),
        "no step of `fit`, `evaluate` or `predict` runs",
        "jax",
    ),
    Seam(
        "_flatten_layers",
        "keras.Layer",
        (
            "zoo/adversarial",
            "zoo/backend",
            "zoo/distribution.py",
            "zoo/layers",
            "zoo/training",
        ),
        "no model is built",
    ),
    Seam(
        "_loss_ids",
        "keras.Layer",
        ("zoo/adversarial",),
        "losses that layers add are ignored without a word, within compiled steps",
    ),
    Seam(
        "_is_improvement",
        "keras.callbacks.EarlyStopping",
        ("zoo/adversarial",),
        "an epoch without a sound step counts as the best",
    ),
    Seam(
        "original_scope",
        "keras.StatelessScope",
        ("zoo/backend",),
        "functions that are differentiated inside a step don't see the step's variables",
        "jax",
    ),
    Seam(
        "_call_has_training_arg",
        "keras.Layer",
        ("zoo/backend",),
        "direct calls of layers leave out `training`: dropout and batch statistics stop",
        "torch",
    ),
    Seam(
        "_run_through_graph",
        "keras.Model, functional",
        ("zoo/backend",),
        "no step of a functional network runs",
        "torch",
    ),
    Seam(
        "Functional",
        "name of the class of functional models",
        ("zoo/backend", "benchmarks"),
        "on PyTorch functional networks lose the direct calls of their layers, a share of their "
        "speed; benchmarks can't count their work",
    ),
    Seam(
        "keras.src.layers.",
        "module of Keras' own layers",
        ("zoo/backend",),
        "networks lose the direct calls of their layers, a share of their speed",
        "torch",
    ),
    Seam(
        "_forward_hooks",
        "torch.nn.Module",
        ("zoo/backend",),
        "no step runs, or hooks of the user's are skipped",
        "torch",
    ),
    Seam(
        "_forward_pre_hooks",
        "torch.nn.Module",
        ("zoo/backend",),
        "no step runs, or hooks of the user's are skipped",
        "torch",
    ),
    Seam(
        "_scaled_dot_product_attention_math",
        "torch",
        ("zoo/backend",),
        "no gradient penalty with attention",
        "torch",
    ),
    Seam(
        "keras.src.backend.torch",
        "module of `cond`, and of `random` with `torch_seed_generator`",
        ("zoo/backend",),
        "no `jit_compile=True` on PyTorch",
        "torch",
    ),
    Seam(
        "torch._subclasses",
        "module of `fake_tensor` and its exceptions",
        ("zoo/backend",),
        "no `jit_compile=True` on PyTorch",
        "torch",
    ),
    Seam(
        "_value",
        "keras.Variable",
        ("zoo/backend",),
        "no step with Keras' plain Adam runs on PyTorch, none on several devices of TensorFlow",
    ),
    Seam(
        "_initial_seed",
        "keras.random.SeedGenerator",
        ("zoo/backend",),
        "a replayed graph with seeded dropout rounds otherwise than the eager step",
        "torch",
    ),
    Seam(
        "_dtype",
        "keras.Variable",
        ("zoo/backend",),
        "no step runs",
    ),
    Seam(
        "keras.src.ops",
        "modules of operations, each with its `any_symbolic_tensors`",
        ("zoo/backend",),
        "no step runs",
        "torch",
    ),
    Seam(
        "keras.src.backend.common",
        "module of `global_state`",
        ("zoo/backend",),
        "no step runs",
        "torch",
    ),
    Seam(
        "_foreach_norm",
        "torch",
        ("zoo/backend",),
        "no step runs that guards against NaN, the default",
        "torch",
    ),
    Seam(
        "_foreach_copy_",
        "torch",
        ("zoo/backend",),
        "no step runs that guards against NaN, the default",
        "torch",
    ),
    Seam(
        "_schema",
        "torch._ops.OpOverload",
        ("zoo/backend",),
        "no step is replayed",
        "torch",
    ),
    Seam(
        "_unsafe_view",
        "torch.ops.aten",
        ("zoo/backend",),
        "no step is replayed",
        "torch",
    ),
    Seam(
        "_fused_adam_",
        "torch",
        ("zoo/backend",),
        "no step with Keras' plain Adam runs, the default optimizer",
        "torch",
    ),
    Seam(
        "keras.",
        "module of Keras' own `Adam`",
        ("zoo/backend",),
        "updates of Adam lose their fused kernel, a share of the speed",
    ),
    Seam(
        "_get_variable_index",
        "keras.optimizers.Optimizer",
        ("zoo/backend",),
        "no step with Keras' plain Adam runs, the default optimizer",
    ),
    Seam(
        "_momentums",
        "keras.optimizers.Adam",
        ("zoo/backend",),
        "no step with Keras' plain Adam runs, the default optimizer",
    ),
    Seam(
        "_velocities",
        "keras.optimizers.Adam",
        ("zoo/backend",),
        "no step with Keras' plain Adam runs, the default optimizer",
    ),
    Seam(
        "_trainable_variables",
        "keras.optimizers.Optimizer",
        ("zoo/adversarial",),
        "a second `compile` can't tell whether an optimizer belongs to other networks",
    ),
    Seam(
        "_learning_rate",
        "keras.optimizers.Optimizer",
        ("zoo/adversarial",),
        "`HealthCallback` can't lower rates after a rollback",
    ),
    Seam(
        "_iterations",
        "keras.optimizers.Optimizer",
        ("zoo/adversarial",),
        "the moving average can't count batches: no step that keeps one runs",
    ),
    Seam(
        "_tracker",
        "keras.Model",
        ("zoo/adversarial",),
        "a moving average that was switched off can't be forgotten: `compile` fails",
    ),
    Seam(
        "_assert_compile_called",
        "keras.Model",
        ("zoo/adversarial",),
        "`fit` before `compile` raises an AttributeError instead of saying so",
    ),
    Seam(
        "_initial_epoch",
        "keras.Model",
        ("zoo/training",),
        "a run that was killed starts again at epoch 1",
    ),
    Seam(
        "_moments",
        "keras.layers.BatchNormalization",
        ("zoo/distribution.py",),
        "several devices take the statistics of batch normalization each for itself",
    ),
    Seam(
        "_reduction_axes",
        "keras.layers.BatchNormalization",
        ("zoo/distribution.py",),
        "no step with batch normalization runs on several devices",
    ),
    Seam(
        "_get",
        "variable of `tf.distribute`",
        ("zoo/backend",),
        "no step runs on several devices of TensorFlow",
        "tensorflow",
    ),
    Seam(
        "jax._src",
        "module of `distributed`, with `global_state`",
        ("zoo/backend",),
        "a process that has lost another one waits for it at its end, and aborts",
        "jax",
    ),
    Seam(
        "keras.src.trainers.data_adapters.data_adapter",
        "module of Keras' base of data adapters",
        ("benchmarks", "zoo/backend"),
        "on TensorFlow `fit` takes no batches, and benchmarks none that are on the device",
    ),
)
