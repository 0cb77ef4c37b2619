"""The inpainting GAN in plain JAX: one jitted function of a donated state."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.native import inpainting
from benchmarks.native.jax import adam
from benchmarks.native.jax.packing import Carried

LAYOUT = ("NHWC", "HWIO", "NHWC")


class Loop(inpainting.InpaintingLoop):
    """See `inpainting.InpaintingLoop`."""

    def build_layers(self, generator, discriminator, directions):
        networks = {"generator": generator, "discriminator": discriminator}
        state = {
            **networks,
            "directions": directions,
            "moments": {k: adam.init(v) for k, v in networks.items()},
            "count": 0,
        }
        self.architecture = (self.halvings, tuple(self.dilations), self.dtype)
        step = functools.partial(train_step, architecture=self.architecture)
        self.carried = Carried(step, state)

    def put(self, images, masks):
        return jax.device_put((images, masks))

    def step(self, batch, draws=None):
        return self.carried.step(*batch)

    def restoring_weights(self):
        return self.carried.tree["generator"]

    def complete(self, weights, batch):
        completed = complete(weights, *batch, self.architecture)
        completed.copy_to_host_async()
        return completed

    def fetch(self, result):
        return np.asarray(result)

    def synchronize(self, arrays=None):
        jax.block_until_ready(self.carried.arrays if arrays is None else arrays)


def train_step(state, images, masks, architecture):
    """(state, uint8 images, bool masks) -> (state, losses)."""
    count = state["count"] + 1
    dtype = architecture[-1]
    real, holes = encode(images, masks)
    fake, pullback = jax.vjp(
        lambda weights: generate(weights, real, holes, architecture), state["generator"]
    )

    def judge(weights, directions, samples):
        return discriminate(weights, directions, beside(samples, holes, dtype))

    def present(fake):
        return real + holes * (fake - real)

    def discriminator_loss(weights):
        real_logits, directions = judge(weights, state["directions"], real)
        fake_logits, directions = judge(weights, directions, present(fake))
        loss = jnp.mean(jax.nn.relu(1 - real_logits)) + jnp.mean(jax.nn.relu(1 + fake_logits))
        return loss, directions

    (loss_d, directions), gradients = jax.value_and_grad(discriminator_loss, has_aux=True)(
        state["discriminator"]
    )
    discriminator, moments_d = adam.update(
        state["discriminator"], gradients, state["moments"]["discriminator"], count
    )

    def generator_loss(fake):
        logits, new_directions = judge(discriminator, directions, present(fake))
        loss = reconstruction_loss(fake, real, holes)
        return loss - inpainting.ADVERSARIAL_WEIGHT * jnp.mean(logits), new_directions

    (loss_g, directions), fake_gradient = jax.value_and_grad(generator_loss, has_aux=True)(fake)
    (gradients,) = pullback(fake_gradient)
    generator, moments_g = adam.update(
        state["generator"], gradients, state["moments"]["generator"], count
    )
    state = {
        "generator": generator,
        "discriminator": discriminator,
        "directions": directions,
        "moments": {"generator": moments_g, "discriminator": moments_d},
        "count": count,
    }
    return state, (loss_d, loss_g)


@functools.partial(jax.jit, static_argnames="architecture")
def complete(weights, images, masks, architecture):
    """(uint8 images, bool masks) -> completed images, uint8."""
    drawn = generate(weights, *encode(images, masks), architecture)
    drawn = jnp.clip(jnp.rint((drawn + 1) * 127.5), 0, 255).astype("uint8")
    return jnp.where(masks[..., None], drawn, images)


def encode(images, masks):
    """uint8 images and bool masks -> float32 in [-1, 1], and (batch, H, W, 1) in {0, 1}."""
    return images.astype("float32") * (2 / 255) - 1, masks[..., None].astype("float32")


def beside(images, holes, dtype):
    """Images and masks as channels of one array."""
    return jnp.concatenate([images.astype(dtype), holes.astype(dtype)], axis=-1)


def generate(weights, images, holes, architecture):
    """[-1, 1] images and their holes -> whole images, float32."""
    halvings, dilations, dtype = architecture
    guess = pull_push(images, holes)
    layers = iter(weights)
    x = beside(guess, holes, dtype)
    x = inpainting.encode_decode(x, layers, halvings, dilations, gated, grow)
    return guess + convolve(x.astype("float32"), *next(layers))


def pull_push(images, holes):
    """Holes filled with averages of the nearest known pixels, coarse to fine."""
    known = 1 - holes
    pyramid = [jnp.concatenate([images * known, known], axis=-1)]
    for _ in range(inpainting.LEVELS):
        pyramid.append(halve(pyramid[-1]))
    values, weights = pyramid[-1][..., :-1], pyramid[-1][..., -1:]
    guess = values / (weights + inpainting.GUESS_EPSILON)
    for level in reversed(pyramid[:-1]):
        values, weights = level[..., :-1], level[..., -1:]
        guess = values + (1 - weights) * jax.image.resize(guess, values.shape, "linear")
    return guess


def halve(x):
    """Averages of 2x2 pixels; along an axis of one pixel, that pixel."""
    for axis in (1, 2):
        if x.shape[axis] > 1:
            pairs = (*x.shape[:axis], x.shape[axis] // 2, 2, *x.shape[axis + 1 :])
            x = jnp.mean(x.reshape(pairs), axis=axis + 1)
    return x


def convolve(x, kernel, bias, stride=1, dilation=1):
    """A convolution in the input's precision."""
    x = lax.conv_general_dilated(
        x,
        kernel.astype(x.dtype),
        (stride, stride),
        "SAME",
        rhs_dilation=(dilation, dilation),
        dimension_numbers=LAYOUT,
    )
    return x + bias.astype(x.dtype)


def gated(x, layer, stride=1, dilation=1):
    """A convolution whose second half of channels gates the first."""
    features, gates = jnp.split(convolve(x, *layer, stride, dilation), 2, axis=-1)
    return jax.nn.elu(features) * jax.nn.sigmoid(gates)


def grow(x, layer, skip):
    """A 1x1 convolution, doubled in size, plus `skip`."""
    x = convolve(x, *layer)
    batch, height, width, channels = x.shape
    skip = skip.reshape(batch, height, 2, width, 2, channels)
    x = x[:, :, None, :, None] + skip
    return x.reshape(batch, 2 * height, 2 * width, channels)


def discriminate(weights, directions, x):
    """(images beside masks) -> float32 logits of patches, and the new directions."""
    found = []
    for (kernel, bias), direction in zip(weights, directions, strict=True):
        kernel, direction = normalize_kernel(kernel, direction)
        found.append(direction)
        if len(found) < len(weights):
            x = jax.nn.leaky_relu(convolve(x, kernel, bias, stride=2), inpainting.NEGATIVE_SLOPE)
    return convolve(x.astype("float32"), kernel, bias), found


def normalize_kernel(kernel, direction):
    """A kernel divided by its largest singular value, after one step of the power iteration."""
    matrix = kernel.reshape(-1, kernel.shape[-1])
    left = lax.stop_gradient(matrix) @ direction
    left = left / (jnp.linalg.norm(left) + inpainting.NORM_EPSILON)
    right = left @ matrix
    largest = jnp.linalg.norm(right)
    return kernel / largest, lax.stop_gradient(right / largest)


def reconstruction_loss(fake, real, holes):
    """Weighted means of the absolute error over missing and over known pixels."""
    missing = jnp.sum(holes)
    hole_weight = inpainting.HOLE_WEIGHT / jnp.maximum(missing, 1)
    known_weight = inpainting.KNOWN_WEIGHT / jnp.maximum(holes.size - missing, 1)
    weights = jnp.where(holes > 0, hole_weight, known_weight) / real.shape[-1]
    return jnp.sum(jnp.abs(fake - real) * weights)
