"""The 28x28 DCGAN in plain JAX: one jitted function of a donated state."""

import functools

import jax
import jax.numpy as jnp
from jax import lax

from benchmarks import native

LAYOUT = ("NHWC", "HWIO", "NHWC")


class Loop(native.NativeLoop):
    """See `native.NativeLoop`."""

    def build(self, generator, statistics, discriminator, seed):
        networks = {"generator": generator, "discriminator": discriminator}
        state = {
            **networks,
            "statistics": statistics,
            "moments": {k: (zeros_like(v), zeros_like(v)) for k, v in networks.items()},
            "count": 0.0,
            "key": jax.random.key(seed),
        }
        # Copies: donated buffers must be nobody else's.
        self.state = jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), state)

    def step(self, images, latents=None):
        self.state, losses = train_step(self.state, images, latents, dropout=self.dropout)
        return losses

    def synchronize(self, arrays=None):
        jax.block_until_ready(self.state if arrays is None else arrays)


@functools.partial(jax.jit, static_argnames="dropout", donate_argnames="state")
def train_step(state, images, latents, dropout):
    """(state, uint8 images, latents or `None`) -> (state, losses)."""
    key, latents_key, *dropout_keys = jax.random.split(state["key"], 5)
    count = state["count"] + 1
    real = images.astype("float32") * (2 / 255) - 1
    if latents is None:
        latent_dim = len(state["generator"]["projection"])
        latents = jax.random.normal(latents_key, (len(images), latent_dim))
    fake, pullback, statistics = jax.vjp(
        lambda weights: generate(weights, state["statistics"], latents),
        state["generator"],
        has_aux=True,
    )

    def discriminator_loss(weights):
        real_logits = discriminate(weights, real, dropout, dropout_keys[0])
        fake_logits = discriminate(weights, fake, dropout, dropout_keys[1])
        return jnp.mean(jax.nn.softplus(-real_logits)) + jnp.mean(jax.nn.softplus(fake_logits))

    loss_d, gradients = jax.value_and_grad(discriminator_loss)(state["discriminator"])
    discriminator, moments_d = adam(
        state["discriminator"], gradients, state["moments"]["discriminator"], count
    )

    def generator_loss(fake):
        logits = discriminate(discriminator, fake, dropout, dropout_keys[2])
        return jnp.mean(jax.nn.softplus(-logits))

    loss_g, fake_gradient = jax.value_and_grad(generator_loss)(fake)
    (gradients,) = pullback(fake_gradient)
    generator, moments_g = adam(state["generator"], gradients, state["moments"]["generator"], count)
    state = {
        "generator": generator,
        "discriminator": discriminator,
        "statistics": statistics,
        "moments": {"generator": moments_g, "discriminator": moments_d},
        "count": count,
        "key": key,
    }
    return state, (loss_d, loss_g)


def generate(weights, statistics, latents):
    """Latents -> images (batch, 28, 28, 1) in [-1, 1], and the new moving statistics."""
    statistics = dict(statistics)

    def normalize(x, i):
        axes = tuple(range(x.ndim - 1))
        mean = jnp.mean(x, axes)
        variance = jnp.mean(x * x, axes) - mean * mean
        for name, value in ((f"mean{i}", mean), (f"variance{i}", variance)):
            statistics[name] = native.MOMENTUM * statistics[name] + (1 - native.MOMENTUM) * value
        scale = lax.rsqrt(variance + native.VARIANCE_EPSILON) * weights[f"gamma{i}"]
        return jax.nn.leaky_relu((x - mean) * scale + weights[f"beta{i}"], native.NEGATIVE_SLOPE)

    def transposed(x, i, stride):
        return lax.conv_transpose(
            x,
            weights[f"kernel{i}"],
            (stride, stride),
            "SAME",
            dimension_numbers=LAYOUT,
            transpose_kernel=True,  # Keras' and TensorFlow's: the gradient of a convolution
        )

    x = normalize(latents @ weights["projection"], 1)
    x = x.reshape(len(x), native.GRID, native.GRID, -1)
    x = normalize(transposed(x, 1, 1), 2)
    x = normalize(transposed(x, 2, 2), 3)
    return jnp.tanh(transposed(x, 3, 2) + weights["bias3"]), statistics


def discriminate(weights, images, dropout, key):
    """Images -> logits (batch, 1)."""
    x = images
    for i, dropout_key in zip((1, 2), jax.random.split(key), strict=True):
        x = lax.conv_general_dilated(
            x, weights[f"kernel{i}"], (2, 2), "SAME", dimension_numbers=LAYOUT
        )
        x = jax.nn.leaky_relu(x + weights[f"bias{i}"], native.NEGATIVE_SLOPE)
        if dropout:
            kept = jax.random.bernoulli(dropout_key, 1 - dropout, x.shape)
            x = jnp.where(kept, x / (1 - dropout), 0)
    return x.reshape(len(x), -1) @ weights["kernel3"] + weights["bias3"]


def adam(weights, gradients, moments, count):
    """One update of Kingma & Ba 2015, in the faster form at the end of their section 2."""
    first, second = moments
    rate = native.LEARNING_RATE * jnp.sqrt(1 - native.BETA_2**count) / (1 - native.BETA_1**count)
    first = jax.tree.map(lambda m, g: m + (g - m) * (1 - native.BETA_1), first, gradients)
    second = jax.tree.map(lambda v, g: v + (g * g - v) * (1 - native.BETA_2), second, gradients)
    weights = jax.tree.map(
        lambda w, m, v: w - rate * m / (jnp.sqrt(v) + native.EPSILON), weights, first, second
    )
    return weights, (first, second)


def zeros_like(tree):
    """A tree of zeros."""
    return jax.tree.map(jnp.zeros_like, tree)
