"""TensorFlow: functions whose second derivative is wrong or missing, in a form that has it."""

import contextlib

import tensorflow as tf

from zoo.backend.replacing import replaced

_resize = tf.image.resize


@contextlib.contextmanager
def twice():
    """Makes what runs within the block differentiable twice: a penalty's forward pass."""
    with replaced(tf.nn, "moments", _moments), replaced(tf.image, "resize", _resize_linearly):
        yield


def _moments(x, axes, shift=None, keepdims=False, name=None):
    """Computes what `tf.nn.moments` does, which stops the gradient of the mean in the variance.

    That part of a gradient is 0, but not of a gradient's gradient.
    """
    del shift, name
    y = tf.cast(x, tf.float32) if x.dtype.size < 4 else x
    mean = tf.reduce_mean(y, axes, keepdims=True)
    variance = tf.reduce_mean(tf.math.squared_difference(y, mean), axes, keepdims=True)
    if not keepdims:
        mean, variance = tf.squeeze(mean, axes), tf.squeeze(variance, axes)
    return tf.cast(mean, x.dtype), tf.cast(variance, x.dtype)


def _resize_linearly(images, *args, **kwargs):
    """Resizes as `tf.image.resize` does, whose gradient's gradient is 0 or missing.

    A linear function is the derivative of itself, and its adjoint's adjoint.
    """

    @tf.custom_gradient
    def resize(images):
        @tf.custom_gradient
        def adjoint(gradient):
            with tf.GradientTape() as tape:
                tape.watch(images)
                resized = _resize(images, *args, **kwargs)
            return tape.gradient(resized, images, gradient), resize

        return _resize(images, *args, **kwargs), adjoint

    return resize(tf.convert_to_tensor(images))
