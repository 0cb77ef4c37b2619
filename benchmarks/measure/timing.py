"""Warm-up until the speed is steady, and timed windows of a fixed number of steps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.measure.contestants import Contestant

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
"""Seconds that passed, or seconds that the process's threads computed."""
STEADY = 0.1
"""Largest relative difference between two consecutive warm-up runs at a steady speed."""
LONGEST_WARM_UP = 30.0
"""Longest warm-up, in windows."""


def warm_up(
    contestant: Contestant, seconds: float, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Runs a contestant until compilation is over and the speed is steady.

    The constant cost of a run (`fit` sets up its pipeline) is left out when the length of a window
    is chosen: short windows would consist of one step and little else.

    Args:
        contestant: see `benchmarks.measure.contestants`.
        seconds: intended length of a window's steps.
        clock: returns the time in seconds.

    Returns:
        Fields of a row: `first_call_seconds`, of one step with all compilation; `warm_up_seconds`,
        of everything after it; `steps_per_window`. The contestant is left prepared for windows of
        that many steps.
    """
    contestant.prepare(1)
    first_call_seconds = _timed(contestant, clock)
    started = clock()
    steps, previous = 1, math.inf
    shortest, shortest_elapsed = 0, math.inf  # the run that longer ones are compared with
    while True:
        steps = contestant.prepare(steps)
        elapsed = max(_timed(contestant, clock), 1e-9)
        spent = clock() - started
        shortest = shortest or steps
        if steps == shortest:
            shortest_elapsed = min(elapsed, shortest_elapsed)
            step_seconds, long_enough = elapsed / steps, elapsed >= seconds
        else:
            more = elapsed - shortest_elapsed
            step_seconds, long_enough = more / (steps - shortest), more >= seconds / 4
        if spent > LONGEST_WARM_UP * seconds and long_enough:
            break
        if step_seconds <= 0:
            steps, shortest, shortest_elapsed = 1, 0, math.inf  # the shortest run compiled too
        elif long_enough:
            if abs(step_seconds / previous - 1) <= STEADY:
                break
            previous = step_seconds
        elif steps == shortest:
            steps *= 4
        else:
            # At most four times as many: the previous run may have compiled something.
            steps = math.ceil(steps * min(max(seconds / 3 / more, 1.5), 4.0))
    return {
        "first_call_seconds": first_call_seconds,
        "warm_up_seconds": spent,
        "steps_per_window": contestant.prepare(max(1, round(seconds / step_seconds))),
    }


def time_window(
    contestant: Contestant, clock: Callable[[], float] = time.perf_counter
) -> tuple[float, tuple[float, float] | None]:
    """Times one run and returns its seconds and its losses, which are `None` when sampling."""
    started = clock()
    losses = contestant.run()
    return clock() - started, losses


def check_losses(losses: tuple[float, float] | None, previous: tuple[float, float] | None) -> None:
    """Raises `RuntimeError` unless a window's losses are finite and differ from the previous ones.

    A step that does not train must not win.
    """
    if losses is None:
        return
    if not all(math.isfinite(loss) for loss in losses):
        raise RuntimeError(f"The losses of a window must be finite. Received: {losses}")
    if losses == previous:
        raise RuntimeError(f"The losses must change from window to window. Received: {losses}")


def _timed(contestant, clock):
    return time_window(contestant, clock)[0]
