"""TensorFlow: the processes of a job, which `TF_CONFIG` describes, and the loss of one."""

import contextlib
import json
import os
import re

import tensorflow as tf

from zoo import interrupts
from zoo.errors import InvalidInputError, ReplicaError

JOBS = ("chief", "worker")
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
)
"""What TensorFlow raises where another process is missing, and elsewhere."""
SIGNS = re.compile("collective op|coordination|heartbeat|RecvBuf", re.IGNORECASE)
"""One of these is in what it says then."""

_strategy = None
_place = (0, 1)


def connect():
    """Connects this process with the others of its job; returns whether there are any."""
    global _strategy, _place
    if _strategy is not None:
        return True
    addresses, number = _read_config(os.environ.get("TF_CONFIG", "{}"))
    if len(addresses) < 2:
        return False
    _take_device(addresses, number)
    place = number, len(addresses)
    try:
        # It waits for the others with the interpreter locked.
        with _ending_together(place), interrupts.left_to_the_system():
            _strategy = tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        if "startup" not in str(error):
            raise
        raise InvalidInputError(
            "On TensorFlow the processes of a job connect before anything is computed: call "
            "`data_parallel` at the start of the script. Received: a call after TensorFlow's "
            "first operation"
        ) from error
    _place = place
    return True


def process():
    """Returns the number of this process, from 0, and how many there are."""
    return _place


def run(step, data):
    """Runs a step as one replica of the processes, which reduce with each other in it."""
    if _place[1] == 1:
        return step(data)
    return _strategy.run(step, args=(data,))


def share(variables):
    """Gives the variables of every process the values that they have in the first one."""
    if _place[1] == 1 or not variables:
        return
    # One type, which one call reduces; it holds floats, counts and the seeds' 32 bits exactly.
    values = [tf.cast(variable.value, tf.float64) for variable in variables]
    if _place[0] != 0:
        values = [tf.zeros_like(value) for value in values]

    def add(values):
        context = tf.distribute.get_replica_context()
        return context.all_reduce(tf.distribute.ReduceOp.SUM, [tf.identity(x) for x in values])

    with ending_together():
        graph = tf.function(lambda: _strategy.run(add, args=(values,)))
        totals = graph.get_concrete_function()()  # of one call: TensorFlow warns of new functions
    for variable, value in zip(variables, totals, strict=True):
        variable.assign(tf.cast(value, variable.dtype))


def meet():
    """Waits until every process is here."""
    if _place[1] > 1:
        with ending_together():
            _strategy.reduce(tf.distribute.ReduceOp.SUM, tf.identity(0.0), axis=None).numpy()


@contextlib.contextmanager
def apart():
    """Within the block, this process is one by itself."""
    global _place
    before, _place = _place, (0, 1)
    try:
        yield
    finally:
        _place = before


def ending_together():
    """Turns what TensorFlow raises for the loss of another process into one clear error."""
    return _ending_together(_place)


@contextlib.contextmanager
def _ending_together(place):
    try:
        yield
    except LOST as error:
        number, count = place
        said = [line for line in error.message.splitlines() if SIGNS.search(line)]
        if count == 1 or not said:
            raise
        raise ReplicaError(
            f"Process {number} of {count} (from 0) lost the others: one of them has ended, or "
            "can't be reached. The first error among the outputs of all processes says why; then "
            "resume the run from its last checkpoint. TensorFlow said: "
            f"{said[0].strip()}"
        ) from error


def _read_config(text):
    """Returns the addresses of all processes, the first one's first, and this one's number."""
    try:
        config = json.loads(text)
        cluster = config.get("cluster", {})
        addresses = [address for job in JOBS for address in cluster.get(job, [])]
        if not cluster:
            return [], 0
        own = cluster[config["task"]["type"]][int(config["task"]["index"])]
        return addresses, addresses.index(own)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise InvalidInputError(
            "On TensorFlow each of several processes needs a TF_CONFIG such as "
            '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", '
            f'"index": 0}}}}, with jobs named "chief" and "worker" only. Received: {text!r}'
        ) from error


def _take_device(addresses, number):
    """Lets this process see one GPU of its machine: the first process there has the first one."""
    gpus = tf.config.list_physical_devices("GPU")
    if len(gpus) > 1:
        machines = [address.rpartition(":")[0] for address in addresses]
        place = machines[:number].count(machines[number])
        tf.config.set_visible_devices(gpus[place], "GPU")
