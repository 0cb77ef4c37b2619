"""TensorFlow: an optimizer's update on a replica of `tf.distribute`, as on the only device."""

import contextlib

import tensorflow as tf

from zoo.backend.replacing import replaced


@contextlib.contextmanager
def on_own_copies(variables):
    """Lets an optimizer update this replica's copies of variables, as the only device would.

    Their gradients are the means over replicas already. Keras would reduce them again, and in a
    branch, by which gradients are accumulated and a step is skipped, it can't.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        yield
        return
    # Of several processes, each has variables of its own.
    split = [v for v in variables if isinstance(v._value, tf.distribute.DistributedValues)]
    copies = [(variable, variable._value) for variable in split]
    interim = tf.__internal__.distribute.interim
    with (
        replaced(tf.distribute, "get_replica_context", lambda: None),
        replaced(interim, "maybe_merge_call", lambda call, strategy, *args: call(_Own(), *args)),
    ):
        for variable, value in copies:
            variable._value = value._get()
        try:
            yield
        finally:
            for variable, value in copies:
                variable._value = value


class _Own:
    """A strategy of one device, as far as Keras' optimizers look."""

    @property
    def extended(self):
        return self

    def update(self, variable, function, args=(), group=True):
        del group
        return function(variable, *args)
