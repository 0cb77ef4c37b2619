"""The inpainting GAN in plain TensorFlow: variables, `tf.nn`, and one `tf.function`."""

import tensorflow as tf

from benchmarks.native import inpainting
from benchmarks.native.tensorflow.adam import Adam


class Loop(inpainting.InpaintingLoop):
    """See `inpainting.InpaintingLoop`."""

    def build_layers(self, generator, discriminator, directions):
        self.generator = [tuple(map(tf.Variable, layer)) for layer in generator]
        self.discriminator = [tuple(map(tf.Variable, layer)) for layer in discriminator]
        self.directions = [tf.Variable(d, trainable=False) for d in directions]
        self.generator_adam = Adam(tf.nest.flatten(self.generator))
        self.discriminator_adam = Adam(tf.nest.flatten(self.discriminator))
        compiled = self.variant == "xla"
        self.train_step = tf.function(self._train_step, jit_compile=compiled)
        self.finish = tf.function(self._complete, jit_compile=compiled)

    def put(self, images, masks):
        return tf.constant(images), tf.constant(masks)

    def step(self, batch, draws=None):
        return self.train_step(*batch)

    def restoring_weights(self):
        return None  # the variables themselves

    def complete(self, weights, batch):
        return self.finish(*batch)

    def fetch(self, result):
        return result.numpy()

    def synchronize(self, arrays=None):
        tf.test.experimental.sync_devices()

    def _train_step(self, images, masks):
        real, holes = encode(images, masks)
        with tf.GradientTape(watch_accessed_variables=False) as generator_tape:
            generator_tape.watch(self.generator_adam.weights)
            fake = self._draw(real, holes)

        shown_real = beside(real, holes, self.dtype)
        shown_fake = beside(present(fake, real, holes), holes, self.dtype)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.discriminator_adam.weights)
            real_logits, fake_logits = self.judge(shown_real), self.judge(shown_fake)
            loss_d = tf.reduce_mean(tf.nn.relu(1 - real_logits))
            loss_d += tf.reduce_mean(tf.nn.relu(1 + fake_logits))
        self.discriminator_adam.apply(tape.gradient(loss_d, self.discriminator_adam.weights))

        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(fake)
            shown_fake = beside(present(fake, real, holes), holes, self.dtype)
            loss_g = reconstruction_loss(fake, real, holes)
            loss_g -= inpainting.ADVERSARIAL_WEIGHT * tf.reduce_mean(self.judge(shown_fake))
        gradients = generator_tape.gradient(
            fake, self.generator_adam.weights, tape.gradient(loss_g, fake)
        )
        self.generator_adam.apply(gradients)
        return loss_d, loss_g

    def _complete(self, images, masks):
        """(uint8 images, bool masks) -> completed images, uint8."""
        drawn = self._draw(*encode(images, masks))
        drawn = tf.clip_by_value(tf.round((drawn + 1) * 127.5), 0, 255)
        return tf.where(masks[..., None], tf.cast(drawn, tf.uint8), images)

    def _draw(self, images, holes):
        """[-1, 1] images and their holes -> whole images, float32."""
        guess = pull_push(images, holes)
        layers = iter(self.generator)
        x = beside(guess, holes, self.dtype)
        x = inpainting.encode_decode(x, layers, self.halvings, self.dilations, gated, grow)
        return guess + convolve(tf.cast(x, tf.float32), *next(layers))

    def judge(self, x):
        """(images beside masks) -> float32 logits of patches; moves the directions."""
        *layers, last = zip(self.discriminator, self.directions, strict=True)
        for (kernel, bias), direction in layers:
            x = convolve(x, normalize_kernel(kernel, direction), bias, stride=2)
            x = tf.nn.leaky_relu(x, inpainting.NEGATIVE_SLOPE)
        (kernel, bias), direction = last
        return convolve(tf.cast(x, tf.float32), normalize_kernel(kernel, direction), bias)


def encode(images, masks):
    """uint8 images and bool masks -> float32 in [-1, 1], and (batch, H, W, 1) in {0, 1}."""
    images = tf.cast(images, tf.float32) * (2 / 255) - 1
    return images, tf.cast(masks[..., None], tf.float32)


def beside(images, holes, dtype):
    """Images and masks as channels of one tensor."""
    return tf.concat([tf.cast(images, dtype), tf.cast(holes, dtype)], axis=-1)


def present(fake, real, holes):
    """The completed image."""
    return real + holes * (fake - real)


def pull_push(images, holes):
    """Holes filled with averages of the nearest known pixels, coarse to fine."""
    known = 1 - holes
    pyramid = [tf.concat([images * known, known], axis=-1)]
    for _ in range(inpainting.LEVELS):
        pyramid.append(tf.nn.avg_pool2d(pyramid[-1], 2, 2, "SAME"))
    values, weights = pyramid[-1][..., :-1], pyramid[-1][..., -1:]
    guess = values / (weights + inpainting.GUESS_EPSILON)
    for level in reversed(pyramid[:-1]):
        values, weights = level[..., :-1], level[..., -1:]
        guess = values + (1 - weights) * tf.image.resize(guess, values.shape[1:3])
    return guess


def convolve(x, kernel, bias, stride=1, dilation=1):
    """A convolution in the input's precision."""
    # Not `conv2d`, whose gradient of dilated kernels only oneDNN has on a CPU.
    x = tf.nn.convolution(x, tf.cast(kernel, x.dtype), stride, "SAME", dilations=dilation)
    return tf.nn.bias_add(x, tf.cast(bias, x.dtype))


def gated(x, layer, stride=1, dilation=1):
    """A convolution whose second half of channels gates the first."""
    features, gates = tf.split(convolve(x, *layer, stride, dilation), 2, axis=-1)
    return tf.nn.elu(features) * tf.sigmoid(gates)


def grow(x, layer, skip):
    """A 1x1 convolution, doubled in size, plus `skip`."""
    x = convolve(x, *layer)
    height, width, channels = x.shape[1:]
    skip = tf.reshape(skip, (-1, height, 2, width, 2, channels))
    return tf.reshape(x[:, :, None, :, None] + skip, (-1, 2 * height, 2 * width, channels))


def normalize_kernel(kernel, direction):
    """A kernel divided by its largest singular value, after one step of the power iteration."""
    kernel = tf.convert_to_tensor(kernel)
    matrix = tf.reshape(kernel, (-1, kernel.shape[-1]))
    left = tf.linalg.matvec(tf.stop_gradient(matrix), direction)
    left /= tf.norm(left) + inpainting.NORM_EPSILON
    right = tf.linalg.matvec(matrix, left, transpose_a=True)
    largest = tf.norm(right)
    direction.assign(tf.stop_gradient(right / largest))
    return kernel / largest


def reconstruction_loss(fake, real, holes):
    """Weighted means of the absolute error over missing and over known pixels."""
    missing = tf.reduce_sum(holes)
    known = tf.reduce_sum(1 - holes)
    hole_weight = inpainting.HOLE_WEIGHT / tf.maximum(missing, 1)
    known_weight = inpainting.KNOWN_WEIGHT / tf.maximum(known, 1)
    weights = tf.where(holes > 0, hole_weight, known_weight) / real.shape[-1]
    return tf.reduce_sum(tf.abs(fake - real) * weights)
