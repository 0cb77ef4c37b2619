import io

import pytest
from rich.console import Console

from benchmarks.measure.result_file import make_row
from benchmarks.measure.view import RunView, make_table
from tests.benchmarks.result_rows import MACHINE, RUN, failed_outcome, outcome

pytestmark = pytest.mark.no_backend


ROWS = [make_row(each, RUN, MACHINE) for each in (outcome(), failed_outcome())]


def test_what_a_pipe_shows():
    stream = io.StringIO()
    with RunView(2, stream) as view:
        view.watch(outcome().cell, "warm_up", outcome())
        view.group_done(
            [make_row(outcome(), RUN, MACHINE), make_row(failed_outcome(), RUN, MACHINE)]
        )
    lines = stream.getvalue().splitlines()
    assert lines == [
        "gan28 train float32 4: jax zoo fit (numpy, jit auto): 80 images/s",
        "gan28 train float32 4: jax zoo fit (numpy, jit auto): failed. it broke",
    ]


def test_the_table():
    stream = io.StringIO()
    Console(file=stream, width=160).print(make_table(ROWS))
    text = stream.getvalue()
    assert "jax zoo fit (numpy, jit auto)" in text
    assert "80" in text
    assert "32.0%" in text
    assert "failed" in text
