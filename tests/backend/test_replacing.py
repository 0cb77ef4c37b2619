"""Functions of a library in another form: in one thread, for one block, and then no longer."""

import threading
import types

import pytest

from zoo.backend.replacing import replaced

pytestmark = pytest.mark.no_backend


@pytest.fixture
def library():
    return types.SimpleNamespace(name=lambda: "original", other=lambda: "other")


def in_thread(function):
    """What a function returns in a thread of its own."""
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join(10)
    return found[0]


def test_other_threads_do_not_see_it(library):
    original = library.name
    with replaced(library, "name", lambda: "replaced"):
        assert library.name() == "replaced"
        assert in_thread(lambda: library.name()) == "original"
    assert library.name is original


def test_two_threads_have_their_own_and_the_last_one_to_end_puts_it_back(library):
    original = library.name
    inside, leave = threading.Event(), threading.Event()
    found = []

    def other():
        with replaced(library, "name", lambda: "theirs"):
            inside.set()
            assert leave.wait(10)
            found.append(library.name())
        found.append(library.name())

    with replaced(library, "name", lambda: "ours"):
        thread = threading.Thread(target=other)
        thread.start()
        assert inside.wait(10)
        assert library.name() == "ours"
    assert library.name() == "original"
    assert library.name is not original
    leave.set()
    thread.join(10)
    assert found == ["theirs", "original"]
    assert library.name is original


def test_blocks_nest(library):
    original = library.name
    with replaced(library, "name", lambda: "outer"):
        with replaced(library, "name", lambda: "inner"), replaced(library, "other", lambda: "o"):
            assert (library.name(), library.other()) == ("inner", "o")
        assert (library.name(), library.other()) == ("outer", "other")
    assert library.name is original


def test_an_error_puts_everything_back(library):
    original = library.name
    with (
        pytest.raises(ZeroDivisionError),
        replaced(library, "name", lambda: "outer"),
        replaced(library, "name", lambda: 1 / 0),
    ):
        library.name()
    assert library.name is original
    with replaced(library, "name", lambda: "again"):
        assert library.name() == "again"


def test_a_function_that_calls_the_original_gets_it(library):
    original = library.name
    with replaced(library, "name", lambda: original() + "!"):
        assert library.name() == "original!"


def test_a_thread_with_another_replacement_gets_the_original(library):
    def other():
        with replaced(library, "other", lambda: "theirs"):
            return library.name(), library.other()

    with replaced(library, "name", lambda: "ours"):
        assert in_thread(other) == ("original", "theirs")
