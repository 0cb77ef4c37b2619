"""TensorFlow as a library of another backend's program."""

import contextlib

import keras


def keep_tensorflow_off_gpus():
    """Keeps TensorFlow on the CPU, unless it is Keras' backend.

    Otherwise its first operation would claim the memory of every GPU that it sees, as much as
    the backend hasn't claimed yet.
    """
    if keras.backend.backend() == "tensorflow":
        return
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):  # It has started on them: too late, and not by us.
        tf.config.set_visible_devices([], "GPU")
