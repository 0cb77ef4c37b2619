"""An exponential moving average of a network's weights (Yazici et al. 2019)."""

import contextlib

import keras
from keras import ops

from zoo import digest
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


class LeftByTraining:
    """The generator's weights as training left them, to tell whether something else changed them.

    Only of models that keep an average: others have no use for it.
    """

    def __init__(self):
        self.state = None

    def note(self, model):
        """Notes the weights of a compiled model's generator as they are."""
        self.state = None if model.average_generator is None else _generator_state(model)

    @contextlib.contextmanager
    def noted_after(self, model):
        """Notes the weights at the end of a `fit`."""
        yield
        self.note(model)

    def is_changed(self, model):
        """Returns whether the generator was changed since, and not by training."""
        if self.state is None:
            return False
        (updates, weights), (updates_now, weights_now) = self.state, _generator_state(model)
        return updates == updates_now and weights != weights_now


def _generator_state(model):
    weights = {str(i): array for i, array in enumerate(model.generator.get_weights())}
    updates = ops.convert_to_numpy(model.optimizer.iterations)  # of a replica, where there are many
    return int(updates), digest.of_arrays(weights)


def stand_in(store, source, target):
    """Lets one part of a file be read where another is looked for.

    Args:
        store: what Keras reads a file by; its `get` and `has_path` take the path of a part.
        source: str, the part that is read.
        target: str, the part that it stands in for.
    """

    def redirected(find):
        def find_source(path):
            first, slash, rest = path.partition("/")
            return find(f"{source}{slash}{rest}" if first == target else path)

        return find_source

    store.get, store.has_path = redirected(store.get), redirected(store.has_path)


def update_average(average, network, decay, batches, sound=None):
    """Moves `average` toward `network` by 1 - decay, batch statistics included.

    The decay rises to its value over the first batches, (1 + t) / (10 + t), so that the
    average soon forgets the initial weights.

    Args:
        average: `keras.Model`, changed in place.
        network: `keras.Model`, the trained one.
        decay: float in [0, 1).
        batches: int or integer tensor, batches trained on so far.
        sound: scalar bool; if false, nothing changes. `None` for true.
    """
    step = ops.cast(batches, "float32")
    share = 1.0 - ops.minimum(decay, (1.0 + step) / (10.0 + step))
    if sound is not None:
        share = ops.where(sound, share, 0.0)
    for slow, fast in zip(average.variables, network.variables, strict=True):
        if not keras.backend.is_float_dtype(slow.dtype):
            continue  # the state of a random seed
        fast = ops.stop_gradient(ops.convert_to_tensor(fast))
        slow.assign(slow + ops.cast(share, slow.dtype) * (fast - slow))
