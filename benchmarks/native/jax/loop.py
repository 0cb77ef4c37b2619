"""The adversarial step, jitted as a whole."""

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.native.base import NativeLoop
from benchmarks.native.blocks import discriminator_network, generator_network
from benchmarks.native.jax import adam
from benchmarks.native.jax.networks import Sequential
from benchmarks.native.jax.packing import Carried


class Loop(NativeLoop):
    """See `NativeLoop`."""

    def build(self, generator_weights, discriminator_weights):
        dtype = "bfloat16" if self.mixed else "float32"
        generator = generator_network(self.config, generator_weights)
        discriminator = discriminator_network(self.config, discriminator_weights)
        self.generator = Sequential(generator.blocks, self.config, dtype)
        self.discriminator = Sequential(discriminator.blocks, self.config, dtype)
        key, self.sampling_key = jax.random.split(jax.random.key(self.seed))
        state = {
            "generator": generator.weights,
            "generator_statistics": generator.statistics,
            "generator_moments": adam.init(generator.weights),
            "discriminator": discriminator.weights,
            "discriminator_statistics": discriminator.statistics,
            "discriminator_moments": adam.init(discriminator.weights),
            "count": 0,
            "key": key,
        }
        self.carried = Carried(self._train_step, state)
        self.sample_step = jax.jit(self._sample_step, static_argnames="count")
        self.draws = 0

    def put(self, images):
        return jax.device_put(images)

    def step(self, batch, draws=None):
        return self.carried.step(batch, draws)

    def generate(self, count, latents=None):
        self.draws += 1
        state = self.carried.tree
        weights, statistics = state["generator"], state["generator_statistics"]
        return self.sample_step(weights, statistics, self.draws, latents, count=count)

    def read(self, array):
        return np.asarray(array)

    def synchronize(self):
        jax.block_until_ready(self.carried.arrays)

    def _train_step(self, state, images, latents):
        """(state, uint8 images, latents or `None`) -> (state, losses)."""
        state = dict(state)
        state["key"], latents_key, *dropout_keys = jax.random.split(state["key"], 5)
        state["count"] = state["count"] + 1
        real = images.astype("float32") * (2 / 255) - 1
        if latents is None:
            latents = jax.random.normal(latents_key, (len(images), self.config["latent_dim"]))

        def generate(weights):
            images, statistics = self.generator(weights, state["generator_statistics"], latents)
            return to_images(images), statistics

        def judge(weights, statistics, images, key):
            rate = self.config["dropout"]
            return self.discriminator(weights, statistics, images, dropout=rate, key=key)

        fake, pullback, state["generator_statistics"] = jax.vjp(
            generate, state["generator"], has_aux=True
        )

        def discriminator_loss(weights):
            statistics = state["discriminator_statistics"]
            real_logits, statistics = judge(weights, statistics, real, dropout_keys[0])
            fake_logits, statistics = judge(weights, statistics, fake, dropout_keys[1])
            loss = jnp.mean(jax.nn.softplus(-real_logits)) + jnp.mean(jax.nn.softplus(fake_logits))
            return loss, statistics

        (loss_d, state["discriminator_statistics"]), gradients = jax.value_and_grad(
            discriminator_loss, has_aux=True
        )(state["discriminator"])
        update(state, "discriminator", gradients)

        def generator_loss(fake):
            logits, statistics = judge(
                state["discriminator"], state["discriminator_statistics"], fake, dropout_keys[2]
            )
            return jnp.mean(jax.nn.softplus(-logits)), statistics

        (loss_g, state["discriminator_statistics"]), gradient = jax.value_and_grad(
            generator_loss, has_aux=True
        )(fake)
        update(state, "generator", *pullback(gradient))
        return state, (loss_d, loss_g)

    def _sample_step(self, weights, statistics, draw, latents, count):
        """uint8 images (count, H, W, C) of latents, or of draw number `draw`."""
        if latents is None:
            key = jax.random.fold_in(self.sampling_key, draw)
            latents = jax.random.normal(key, (count, self.config["latent_dim"]))
        images, _ = self.generator(weights, statistics, latents, training=False)
        levels = jnp.rint((to_images(images) + 1) * (255 / 2))
        return jnp.clip(levels, 0, 255).astype("uint8")


def to_images(x):
    """Outputs of the last block -> [-1, 1], in float32: bfloat16 would show as bands."""
    return jnp.tanh(x.astype("float32"))


def update(state, name, gradients):
    """Adam on one network's weights in `state`."""
    moments = f"{name}_moments"
    state[name], state[moments] = adam.update(
        state[name], gradients, state[moments], state["count"]
    )
