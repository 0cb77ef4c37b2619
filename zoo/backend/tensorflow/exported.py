"""Runs what was exported as a SavedModel, on any backend of Keras."""

import numpy as np

from zoo.backend.tensorflow.beside import keep_tensorflow_off_gpus


def run_saved_model(path, arrays):
    """Returns what a SavedModel makes of arrays, as an array."""
    keep_tensorflow_off_gpus()
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))  # its variables live as long as it does
    return np.asarray(loaded.serve(*arrays))
