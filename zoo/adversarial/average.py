"""An exponential moving average of a network's weights (Yazici et al. 2019)."""

import keras
from keras import ops

from zoo.errors import InvalidInputError


def copy_network(network, inputs):
    """Returns a second network with copies of all weights, none of them trainable.

    Aliased arrays would be donated twice to a compiled step on JAX.

    Args:
        network: `keras.Model`.
        inputs: `keras.KerasTensor`s that it takes.
    """
    try:
        config = keras.saving.serialize_keras_object(network)
        copy = keras.saving.deserialize_keras_object(config)
        copy(inputs)
    except Exception as error:
        raise InvalidInputError(
            "`average_decay` needs a generator that Keras can copy by its configuration: give the "
            f"class a `get_config()` and register it. Keras said: {str(error).splitlines()[-1]}"
        ) from error
    copy.trainable = False
    copy.set_weights(network.get_weights())
    return copy


def update_average(average, network, decay, iterations, sound=None):
    """Moves `average` toward `network` by 1 - decay, batch statistics included.

    The decay rises to its value over the first updates, (1 + t) / (10 + t), so that the
    average soon forgets the initial weights.

    Args:
        average: `keras.Model`, changed in place.
        network: `keras.Model`, the trained one.
        decay: float in [0, 1).
        iterations: int or integer tensor, updates so far.
        sound: scalar bool; if false, nothing changes. `None` for true.
    """
    step = ops.cast(iterations, "float32")
    share = 1.0 - ops.minimum(decay, (1.0 + step) / (10.0 + step))
    if sound is not None:
        share = ops.where(sound, share, 0.0)
    for slow, fast in zip(average.variables, network.variables, strict=True):
        if not keras.backend.is_float_dtype(slow.dtype):
            continue  # the state of a random seed
        fast = ops.stop_gradient(ops.convert_to_tensor(fast))
        slow.assign(slow + ops.cast(share, slow.dtype) * (fast - slow))
