"""A step with NaN or infinity leaves nothing behind, with any optimizer, in any precision."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import zoo
from tests.helpers import BATCH, LATENT_DIM, Batches, batches, build, normal, values
from zoo import backend
from zoo.adversarial.guard import diversity_terms, relative_diversity
from zoo.training.state import state_variables

OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(1e-2),
    "clipped": lambda: keras.optimizers.Adam(1e-2, global_clipnorm=1.0),
    "momentum": lambda: keras.optimizers.SGD(1e-2, momentum=0.9),
    "rmsprop": lambda: keras.optimizers.RMSprop(1e-2),
    "scaled": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(1e-2)),
}


def state(model):
    """All that training changes, but for what is counted and the loss scale."""
    names = [name for name in state_variables(model) if not name.startswith("random")]
    kept = [name for name in names if "seed" not in state_variables(model)[name].path]
    variables = {name: state_variables(model)[name] for name in kept}
    return {
        name: value
        for name, value in zip(variables, values(variables.values()), strict=True)
        if not any(word in variables[name].path for word in ("dynamic_scale", "step_counter"))
    }


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("value", [np.nan, np.inf], ids=str)
def test_a_poisoned_batch_leaves_nothing_behind(optimizer, value):
    check_poisoned(optimizer, value)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="JAX' steps are always compiled; PyTorch's compiler has tests/backend/test_compiling.py",
)
@pytest.mark.parametrize("optimizer", ["adam", "momentum"])
def test_a_poisoned_batch_leaves_nothing_behind_under_xla(optimizer):
    check_poisoned(optimizer, np.nan, jit_compile=True)


def check_poisoned(optimizer, value, **options):
    make = OPTIMIZERS[optimizer]
    model = build(
        generator_optimizer=make(),
        discriminator_optimizer=make(),
        average_decay=0.9,
        r1_penalty=0.1,
        **options,
    )
    model.check_arrays = lambda *data: None  # as in mid-epoch, where nobody looks
    good, bad, after = batches(3, poisoned=[1], value=value)
    model.train_on_batch(good)
    before = state(model)
    model.train_on_batch(bad)
    # Under loss scaling each optimizer decides for its own network, and for that network only.
    kept = [name for name in before if optimizer != "scaled" or name.startswith("discriminator_")]
    for name in kept:
        np.testing.assert_array_equal(state(model)[name], before[name], err_msg=name)
    assert all(np.isfinite(array).all() for array in state(model).values())
    model.train_on_batch(after)
    moved = [name for name in before if not np.array_equal(state(model)[name], before[name])]
    assert {name.split("/")[0] for name in moved} >= {
        "generator",
        "discriminator",
        "average_generator",
        "generator_optimizer",
        "discriminator_optimizer",
    }


@pytest.mark.parametrize(
    ("value", "sound"),
    [(-2.0, True), (1e18, True), (1e20, False), (np.nan, False), (np.inf, False), (-np.inf, False)],
)
def test_numbers_must_be_finite_and_their_squares_as_well(value, sound):
    array = np.ones((2, 3, 4, 5), "float32")
    array[1, 2, 3, 4] = value
    tensor = ops.convert_to_tensor(array)
    # However they lie in memory, some of them more than once.
    layouts = [
        tensor,
        ops.transpose(tensor, (3, 1, 0, 2)),
        ops.broadcast_to(tensor[1, 2, 3, 4], (7,)),
    ]
    for layout in layouts:
        tensors = [ops.convert_to_tensor(1.0), layout, ops.ones((3,))]
        assert bool(backend.all_finite(tensors)) == sound


class Spoiled(zoo.AdversarialModel):
    """The generator's loss is infinite, the discriminator's is not."""

    def generator_loss(self, fake, batch, adversarial_loss, training=True):
        loss, extras = super().generator_loss(fake, batch, adversarial_loss, training)
        return loss + ops.cast(ops.mean(fake), "float32") * float("inf"), extras


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_a_poisoned_generator_keeps_its_weights(policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = build(Spoiled)
    finally:
        keras.config.set_dtype_policy("float32")
    generator = values(model.generator.variables)
    logs = model.train_on_batch(batches(1)[0], return_dict=True)
    for before, now in zip(generator, values(model.generator.variables), strict=True):
        np.testing.assert_array_equal(now, before)
    assert logs["skipped_steps"] == 1
    assert np.isnan(logs["generator_loss"])  # no sound step, no value
    assert np.isfinite(logs["discriminator_loss"])


def test_the_logs_count_what_was_skipped_and_average_the_rest():
    keras.utils.set_random_seed(0)
    model = build(run_eagerly=True)
    everything = batches(4, poisoned=[1, 3])
    history = model.fit(Batches([(batch,) for batch in everything]), verbose=0).history
    assert history["skipped_steps"] == [2]
    assert all(np.isfinite(value[0]) for value in history.values())


def test_without_it_nan_goes_its_way():
    model = build(skip_nonfinite=False)
    model.check_arrays = lambda *data: None
    logs = model.train_on_batch(batches(1, poisoned=[0])[0], return_dict=True)
    assert "skipped_steps" not in logs
    assert not all(np.isfinite(array).all() for array in values(model.discriminator.variables))


def test_sound_steps_are_the_same_with_and_without_it():
    results = []
    for skip_nonfinite in (True, False):
        model = build(skip_nonfinite=skip_nonfinite, average_decay=0.9)
        model.fit(np.concatenate(batches(5)), batch_size=BATCH, verbose=0)
        results.append(state(model))
    for name, array in results[0].items():
        np.testing.assert_allclose(array, results[1][name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_diversity_is_the_share_of_the_datas_spread():
    real = normal(1000, 4, 2)

    def diversity(fake, real):
        return float(relative_diversity(diversity_terms(*map(ops.convert_to_tensor, (fake, real)))))

    assert diversity(3 * real, real) == pytest.approx(9)
    assert diversity(np.ones((8, 4, 2), "float32"), real[:8]) == 0
    assert diversity(real[:1], real[1:2]) == 0


def test_diversity_is_that_of_what_the_generator_draws():
    generator = keras.Sequential([keras.Input((LATENT_DIM,)), layers.Dense(2, trainable=False)])
    generator.layers[0].set_weights([np.zeros((LATENT_DIM, 2)), np.ones(2)])
    discriminator = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    model = zoo.AdversarialModel(generator, discriminator, LATENT_DIM, seed=0)
    model.compile()
    assert model.fit(np.concatenate(batches(2)), verbose=0).history["diversity"] == [0]
