"""Runs that are killed, while they save as well, end like uninterrupted ones."""

from scripts.experiments.kill_and_resume import kill_and_resume
from tests.processes import HERE

KILLS = 5 if HERE == "jax" else 2
"""On JAX the trainer holds the state itself, and gives its memory away in each step."""


def test_kills_leave_no_trace(tmp_path):
    counts = kill_and_resume(tmp_path, kills=KILLS, seed=1, epochs=20)
    assert counts["kills"] == KILLS
    assert counts["identical"] == counts["runs"] >= 1
