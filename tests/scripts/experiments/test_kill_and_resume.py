"""Runs that are killed, while they save as well, end as those that nobody killed."""

import pytest

from scripts.experiments.kill_and_resume import kill_and_resume


@pytest.mark.slow
def test_five_kills_leave_no_trace(tmp_path):
    counts = kill_and_resume(tmp_path, kills=5, seed=1, epochs=20)
    assert counts["kills"] == 5
    assert counts["identical"] == counts["runs"] >= 1
