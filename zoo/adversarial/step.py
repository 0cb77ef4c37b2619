"""The adversarial step, written once: Algorithm 1 of Goodfellow et al. 2014, on any backend.

Functions of a model, a `zoo.adversarial.base.BaseGAN`, and a batch. They read the model's networks,
optimizers and `TrainingSetup`, and call three of its hooks: `generator_input`, `composite` and
`generator_loss`.
"""

from typing import Any, NamedTuple

import keras
from keras import activations, layers, ops

from zoo import backend, distribution
from zoo.adversarial import penalties
from zoo.adversarial.average import update_average
from zoo.adversarial.guard import (
    StepGuard,
    count_refused,
    diversity_terms,
    relative_diversity,
)
from zoo.checks import check_one_output
from zoo.layers import fast


class Batch(NamedTuple):
    """One minibatch of a step.

    Args:
        real: float32 tensor (batch, *sample_shape), the real samples.
        condition: what both networks take beside the samples: the masks of an inpainting model,
            the one-hot classes of a class-conditional one; `None` for neither.
        sound: scalar bool tensor, whether all values are among those that the model trains on;
            `None` if they can't be others.
    """

    real: Any
    condition: Any = None
    sound: Any = None


def adversarial_step(model, batch):
    """Updates both networks on one minibatch of real samples (Algorithm 1).

    The generator's update uses the fake samples of the last discriminator update: one forward
    pass of the generator serves both.

    Returns:
        dict name -> scalar, the logs of the epoch so far.
    """
    discriminator_steps = model.setup.discriminator_steps
    batch = batch._replace(sound=distribution.all_agree(batch.sound))
    guard = StepGuard(model.statistics, model.setup.skip_nonfinite, batch.sound)
    for _ in range(discriminator_steps - 1):
        with model.normalizations.ahead(model.generator):
            fake = generate(model, batch)
        update_discriminator(model, batch, fake, guard)
    with model.normalizations.ahead(model.generator):
        fake, pullback = backend.forward_and_pullback(
            lambda: generate(model, batch), model.generator.trainable_variables
        )
    if discriminator_steps > 0:
        update_discriminator(model, batch, fake, guard)
    update_generator(model, batch, fake, pullback, guard)
    logs = model.generator_means.results()
    if discriminator_steps > 0:
        logs = {**model.discriminator_means.results(), **logs}
    guard.count(model.skipped_steps)
    if guard.active:
        logs["skipped_steps"] = model.skipped_steps.result()
    return logs


def update_discriminator(model, batch, fake, guard):
    """Descends the discriminator's loss; the generator's variables stay as they are."""
    setup, optimizer = model.setup, model.optimizer.discriminator_optimizer
    fake = ops.stop_gradient(model.composite(fake, batch))

    def logits_of(samples):
        return discriminate(model, samples, batch)

    def objective():
        penalty = 0.0
        if setup.r1_penalty:
            # The penalty's gradient and the loss share one forward pass on real samples.
            real_logits, gradient = penalties.logits_and_gradient(logits_of, batch.real)
            penalty += setup.r1_penalty * penalties.r1_penalty(gradient)
            fake_logits = logits_of(fake)
        else:
            real_logits, fake_logits = _discriminate_both(model, batch, fake)
        if setup.gradient_penalty:
            penalty += setup.gradient_penalty * penalties.unit_norm_penalty(
                logits_of, batch.real, ops.cast(fake, "float32"), model.seed_generator
            )
        loss = setup.loss.discriminator(real_logits, fake_logits) + penalty
        return optimizer.scale_loss(loss), (loss, real_logits, fake_logits)

    variables = model.discriminator.trainable_variables
    with model.normalizations.ahead(model.discriminator):
        (_, outcome), gradients = backend.value_and_gradients(objective, variables)
    gradients, values = distribution.means((gradients, discriminator_values(model, *outcome)))
    guard.apply_gradients(optimizer, gradients, variables, values["discriminator_loss"])
    model.discriminator_means.update(values, batch_size(batch), guard.sound)


def update_generator(model, batch, fake, pullback, guard):
    """Descends the generator's loss through the discriminator, which stays as it is."""
    setup, optimizer = model.setup, model.optimizer.generator_optimizer

    def objective(fake):
        def adversarial_loss():
            return setup.loss.generator(discriminate(model, model.composite(fake, batch), batch))

        loss, extras = model.generator_loss(fake, batch, adversarial_loss)
        return optimizer.scale_loss(loss), (loss, extras)

    with model.normalizations.ahead(model.discriminator):
        (_, outcome), fake_gradients = backend.input_gradient(objective, fake)
    variables = model.generator.trainable_variables
    gradients, values, terms = distribution.means(
        (pullback(fake_gradients), generator_values(*outcome), diversity_terms(fake, batch.real))
    )
    guard.apply_gradients(optimizer, gradients, variables, values["generator_loss"])
    guard.keep_statistics()
    if model.average_generator is not None:
        update_average(
            model.average_generator,
            model.generator,
            setup.average_decay,
            model.optimizer.batches,
            guard.sound,
        )
    values["diversity"] = relative_diversity(terms)
    model.generator_means.update(values, batch_size(batch), guard.sound)


def evaluation_step(model, batch):
    """Measures losses (without penalties) and accuracies in inference mode.

    Returns:
        dict name -> scalar, the means over the batches so far.
    """
    loss = model.setup.loss
    batch = batch._replace(sound=distribution.all_agree(batch.sound))
    fake = generate(model, batch, training=False)
    real_logits, fake_logits = (
        discriminate(model, samples, batch, training=False)
        for samples in (batch.real, model.composite(fake, batch))
    )
    outcome = model.generator_loss(fake, batch, lambda: loss.generator(fake_logits), training=False)
    discriminator_loss = loss.discriminator(real_logits, fake_logits)
    ours, others, terms = distribution.means(
        (
            discriminator_values(model, discriminator_loss, real_logits, fake_logits),
            generator_values(*outcome),
            diversity_terms(fake, batch.real),
        )
    )
    others["diversity"] = relative_diversity(terms)
    model.discriminator_means.update(ours, batch_size(batch), batch.sound)
    model.generator_means.update(others, batch_size(batch), batch.sound)
    count_refused(model.skipped_steps, batch.sound, batch.sound)
    return {**model.discriminator_means.results(), **model.generator_means.results()}


def generate(model, batch, training=True):
    """Returns as many generated samples as there are real ones, under the same condition."""
    inputs = model.generator_input(batch)
    return _call(model, model.generator, inputs, batch.condition, training)


def discriminate(model, samples, batch, training=True):
    """Returns the discriminator's float32 logits (batch, ...) of real or composited samples.

    In training it sees them augmented and with noise if `compile` was given either.
    """
    setup, condition = model.setup, batch.condition
    if training and setup.diff_augment is not None:
        samples, condition = setup.diff_augment(samples, condition, model.seed_generator)
    if training and setup.instance_noise.stddev:
        samples = setup.instance_noise(samples, model.optimizer.iterations, model.seed_generator)
    return ops.cast(_call(model, model.discriminator, samples, condition, training), "float32")


def _discriminate_both(model, batch, fake):
    """Returns the logits of real and of fake samples, from one pass if the network can't tell.

    Two passes take 4.7% more CPU time in a step of the benchmark gan28 on torch (quartiles 3.6%
    and 5.6%), 4.6% on TensorFlow (2.9% and 6.7%).
    """
    if batch.condition is not None or not model.samplewise:
        return discriminate(model, batch.real, batch), discriminate(model, fake, batch)
    both = ops.concatenate([batch.real, ops.cast(fake, batch.real.dtype)])
    return ops.split(discriminate(model, both, batch), 2)


def _call(model, network, inputs, condition, training):
    """Runs a network, which takes the condition beside its input where there is one."""
    inputs = inputs if condition is None else [inputs, condition]
    outputs = backend.call_network(network, inputs, training)
    name = "discriminator" if network is model.discriminator else "generator"
    check_one_output(**{name: outputs})
    model.added_losses.refuse()
    return outputs


def discriminator_values(model, loss, real_logits, fake_logits):
    """Returns the discriminator's loss and accuracies: dict name -> scalar."""
    threshold = getattr(model.setup.loss, "threshold", 0.0)
    return {
        "discriminator_loss": ops.cast(loss, "float32"),
        "real_accuracy": ops.mean(ops.cast(real_logits > threshold, "float32")),
        "fake_accuracy": ops.mean(ops.cast(fake_logits <= threshold, "float32")),
    }


def generator_values(loss, extras):
    """Returns the generator's losses: dict name -> scalar."""
    values = {"generator_loss": loss, **extras}
    return {name: ops.cast(value, "float32") for name, value in values.items()}


def batch_size(batch):
    """Returns the number of real samples of this replica."""
    return ops.shape(batch.real)[0]


SAMPLEWISE = {
    layers.Activation, layers.Conv1D, layers.Conv2D, layers.Conv2DTranspose, layers.Dense,
    layers.Dropout, layers.ELU, layers.Flatten, layers.InputLayer, layers.LeakyReLU, layers.ReLU,
    layers.Reshape, fast.Conv2D, fast.Conv2DTranspose, fast.Dropout,
}  # fmt: skip
"""Layers whose output for a sample does not depend on the others of its batch."""
ELEMENTWISE = [
    activations.linear,
    activations.relu,
    activations.relu6,
    activations.leaky_relu,
    activations.elu,
    activations.selu,
    activations.celu,
    activations.gelu,
    activations.silu,
    activations.mish,
    activations.tanh,
    activations.sigmoid,
    activations.softplus,
    activations.softsign,
    activations.exponential,
    activations.hard_sigmoid,
    activations.hard_silu,
    activations.hard_tanh,
    activations.log_sigmoid,
]
"""Activation functions of single numbers. One of somebody's own may look at the whole batch."""


def is_samplewise(network):
    """Returns whether a network is a `Sequential` of `SAMPLEWISE` layers only.

    Any other layer is assumed not to be: batch normalization, for one, and spectral normalization,
    whose power iteration counts calls.
    """
    return type(network) is keras.Sequential and all(map(_is_samplewise, network.layers))


def _is_samplewise(layer):
    activation = getattr(layer, "activation", None)
    return (
        type(layer) in SAMPLEWISE
        and (activation is None or activation in ELEMENTWISE or _is_samplewise(activation))
        # A mask for the batch, or a scale of numbers of 8 bits, would be one for both.
        and getattr(layer, "noise_shape", None) is None
        and layer.dtype_policy.quantization_mode is None
    )
