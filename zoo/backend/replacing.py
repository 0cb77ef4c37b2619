"""Functions of a library in another form, for as long and where a penalty needs it."""

import contextlib
import functools
import threading

_lock = threading.Lock()


class _Here(threading.local):
    functions: dict = {}  # noqa: RUF012


_here = _Here()
_originals: dict = {}


@contextlib.contextmanager
def replaced(owner, name, function):
    """Replaces `owner.name` in this thread within the block.

    Args:
        owner: a module or a class.
        name: str.
        function: takes what the original takes.

    Other threads get the original, and the last block to end puts it back.
    """
    key = (id(owner), name)
    with _lock:
        if key not in _originals:
            _originals[key] = [getattr(owner, name), 0]
            setattr(owner, name, _per_thread(key, _originals[key][0]))
        _originals[key][1] += 1
    before = _here.functions
    _here.functions = {**before, key: function}
    try:
        yield
    finally:
        _here.functions = before
        with _lock:
            _originals[key][1] -= 1
            if _originals[key][1] == 0:
                setattr(owner, name, _originals.pop(key)[0])


def _per_thread(key, original):
    @functools.wraps(original)
    def call(*args, **kwargs):
        return _here.functions.get(key, original)(*args, **kwargs)

    return call
