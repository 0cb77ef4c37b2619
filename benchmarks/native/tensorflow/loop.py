"""The adversarial step, one graph."""

import tensorflow as tf

from benchmarks.native.base import NativeLoop
from benchmarks.native.blocks import discriminator_network, generator_network
from benchmarks.native.tensorflow.adam import Adam
from benchmarks.native.tensorflow.networks import Sequential


class Loop(NativeLoop):
    """See `NativeLoop`."""

    def build(self, generator_weights, discriminator_weights):
        tf.random.set_seed(self.seed)
        dtype = tf.bfloat16 if self.mixed else tf.float32
        config = self.config
        generator = generator_network(config, generator_weights)
        discriminator = discriminator_network(config, discriminator_weights)
        self.generator = Sequential(generator, config, dtype)
        self.discriminator = Sequential(discriminator, config, dtype)
        self.generator_adam = Adam(list(self.generator.trainable_variables))
        self.discriminator_adam = Adam(list(self.discriminator.trainable_variables))
        xla = self.variant == "xla"
        self.train_step = tf.function(self._train_step, jit_compile=xla)
        self.sample_step = tf.function(self._sample_step, jit_compile=xla)

    def put(self, images):
        return tf.convert_to_tensor(images)

    def step(self, batch, draws=None):
        return self.train_step(batch, draws)

    def generate(self, count, latents=None):
        return self.sample_step(count, latents)

    def read(self, array):
        return array.numpy()

    def synchronize(self):
        tf.test.experimental.sync_devices()

    def _train_step(self, images, latents):
        """(uint8 images, latents or `None`) -> losses."""
        real = tf.cast(images, tf.float32) * (2 / 255) - 1
        if latents is None:
            latents = self._draw_latents(images.shape[0])
        with tf.GradientTape(watch_accessed_variables=False) as generator_tape:
            generator_tape.watch(self.generator_adam.weights)
            fake = to_images(self.generator(latents))

        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.discriminator_adam.weights)
            real_logits, fake_logits = self._judge(real), self._judge(fake)
            loss_d = tf.reduce_mean(tf.nn.softplus(-real_logits))
            loss_d += tf.reduce_mean(tf.nn.softplus(fake_logits))
        self.discriminator_adam.apply(tape.gradient(loss_d, self.discriminator_adam.weights))

        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(fake)
            loss_g = tf.reduce_mean(tf.nn.softplus(-self._judge(fake)))
        gradients = generator_tape.gradient(
            fake, self.generator_adam.weights, tape.gradient(loss_g, fake)
        )
        self.generator_adam.apply(gradients)
        return loss_d, loss_g

    def _sample_step(self, count, latents):
        """uint8 images (count, H, W, C) of latents, or of fresh ones."""
        if latents is None:
            latents = self._draw_latents(count)
        levels = tf.round((to_images(self.generator(latents, training=False)) + 1) * (255 / 2))
        return tf.cast(tf.clip_by_value(levels, 0, 255), tf.uint8)

    def _draw_latents(self, count):
        return tf.random.normal((count, self.config["latent_dim"]))

    def _judge(self, images):
        return self.discriminator(images, dropout=self.config["dropout"])


def to_images(x):
    """Outputs of the last block -> [-1, 1], in float32: bfloat16 would show as bands."""
    return tf.tanh(tf.cast(x, tf.float32))
