"""GANs in plain TensorFlow: variables, `tf.nn`, and one `tf.function` of the whole step."""

from benchmarks.native.tensorflow.loop import Loop

__all__ = ["Loop"]
