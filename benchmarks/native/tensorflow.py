"""The 28x28 DCGAN in plain TensorFlow: variables, `tf.nn`, and one `tf.function`."""

import tensorflow as tf

from benchmarks import native


class Loop(native.NativeLoop):
    """See `native.NativeLoop`."""

    def build(self, generator, statistics, discriminator, seed):
        tf.random.set_seed(seed)
        self.statistics = {k: tf.Variable(v) for k, v in statistics.items()}
        self.generator = {k: tf.Variable(v) for k, v in generator.items()}
        self.discriminator = {k: tf.Variable(v) for k, v in discriminator.items()}
        self.generator_adam = Adam(self.generator.values())
        self.discriminator_adam = Adam(self.discriminator.values())
        self.train_step = tf.function(self._train_step)

    def step(self, images, latents=None):
        return self.train_step(images, latents)

    def synchronize(self, arrays=None):
        # Reading waits; there is no other call for it on every kind of device.
        for array in [*self.generator.values()] if arrays is None else arrays:
            tf.reduce_sum(tf.cast(array, "float32")).numpy()

    def _train_step(self, images, latents):
        real = tf.cast(images, tf.float32) * (2 / 255) - 1
        if latents is None:
            latent_dim = self.generator["projection"].shape[0]
            latents = tf.random.normal((tf.shape(images)[0], latent_dim))
        with tf.GradientTape() as generator_tape:
            fake = self.generate(latents)

        with tf.GradientTape() as tape:
            real_logits, fake_logits = self.discriminate(real), self.discriminate(fake)
            loss_d = tf.reduce_mean(tf.nn.softplus(-real_logits))
            loss_d += tf.reduce_mean(tf.nn.softplus(fake_logits))
        self.discriminator_adam.apply(tape.gradient(loss_d, self.discriminator_adam.weights))

        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(fake)
            loss_g = tf.reduce_mean(tf.nn.softplus(-self.discriminate(fake)))
        gradients = generator_tape.gradient(
            fake, self.generator_adam.weights, tape.gradient(loss_g, fake)
        )
        self.generator_adam.apply(gradients)
        return loss_d, loss_g

    def generate(self, latents):
        """Latents -> images (batch, 28, 28, 1) in [-1, 1]."""
        weights, batch = self.generator, tf.shape(latents)[0]

        def transposed(x, i, stride):
            kernel, side = weights[f"kernel{i}"], x.shape[1] * stride
            shape = (batch, side, side, kernel.shape[2])
            return tf.nn.conv2d_transpose(x, kernel, shape, stride, "SAME")

        x = latents @ weights["projection"]
        x = self._normalize(x[:, None, None, :], 1)
        x = tf.reshape(x, (batch, native.GRID, native.GRID, weights["kernel1"].shape[3]))
        x = self._normalize(transposed(x, 1, 1), 2)
        x = self._normalize(transposed(x, 2, 2), 3)
        return tf.tanh(transposed(x, 3, 2) + weights["bias3"])

    def _normalize(self, x, i):
        x, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            x,
            self.generator[f"gamma{i}"],
            self.generator[f"beta{i}"],
            epsilon=native.VARIANCE_EPSILON,
        )
        for name, value in ((f"mean{i}", mean), (f"variance{i}", variance)):
            moving = self.statistics[name]
            moving.assign_sub((1 - native.MOMENTUM) * (moving - value))
        return tf.nn.leaky_relu(x, native.NEGATIVE_SLOPE)

    def discriminate(self, images):
        """Images -> logits (batch, 1)."""
        weights, x = self.discriminator, images
        for i in (1, 2):
            x = tf.nn.conv2d(x, weights[f"kernel{i}"], 2, "SAME")
            x = tf.nn.leaky_relu(tf.nn.bias_add(x, weights[f"bias{i}"]), native.NEGATIVE_SLOPE)
            if self.dropout:
                x = tf.nn.dropout(x, self.dropout)
        x = tf.reshape(x, (-1, weights["kernel3"].shape[0]))
        return x @ weights["kernel3"] + weights["bias3"]


class Adam:
    """Kingma & Ba 2015, one fused kernel per variable."""

    def __init__(self, weights):
        self.weights = list(weights)
        self.moments = [
            (tf.Variable(tf.zeros_like(w)), tf.Variable(tf.zeros_like(w))) for w in self.weights
        ]
        self.powers = tf.Variable(1.0), tf.Variable(1.0)

    def apply(self, gradients):
        """One update."""
        betas = native.BETA_1, native.BETA_2
        powers = [p.assign(p * beta) for p, beta in zip(self.powers, betas, strict=True)]
        for weight, (first, second), gradient in zip(
            self.weights, self.moments, gradients, strict=True
        ):
            tf.raw_ops.ResourceApplyAdam(
                var=weight.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=powers[0],
                beta2_power=powers[1],
                lr=native.LEARNING_RATE,
                beta1=native.BETA_1,
                beta2=native.BETA_2,
                epsilon=native.EPSILON,
                grad=gradient,
            )
