"""Warming up until it is steady, and timed windows of a fixed number of steps."""

import math
import time

STEADY = 0.1
"""Two warm-up runs in a row are steady if their speeds differ by no more than this share."""
LONGEST_WARM_UP = 30.0
"""Windows that the warm-up may last, in all."""


def warm_up(contestant, seconds, clock=time.perf_counter):
    """Runs until compilation is over and the speed is steady.

    What a run costs once, however long it is (`fit` sets up its pipeline), doesn't count when the
    length of a window is chosen: short windows would hold one step and little else.

    Args:
        contestant: see `benchmarks.measure.contestants`.
        seconds: float, what the steps of a window should last.
        clock: function, seconds.

    Returns:
        A dict of what a row tells of it: `first_call_seconds`, one step with all compilation;
        `warm_up_seconds`, all after it; `steps_per_window`. The contestant is left prepared for
        windows of that many steps.
    """
    contestant.prepare(1)
    first_call_seconds = _timed(contestant, clock)
    started = clock()
    steps, previous = 1, math.inf
    shortest, shortest_elapsed = 0, math.inf  # the run that the others are compared with
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
            steps, shortest, shortest_elapsed = 1, 0, math.inf  # that one compiled something too
        elif long_enough:
            if abs(step_seconds / previous - 1) <= STEADY:
                break
            previous = step_seconds
        elif steps == shortest:
            steps *= 4
        else:
            # At most four times as many: the run before may have compiled something.
            steps = math.ceil(steps * min(max(seconds / 3 / more, 1.5), 4.0))
    return {
        "first_call_seconds": first_call_seconds,
        "warm_up_seconds": spent,
        "steps_per_window": contestant.prepare(max(1, round(seconds / step_seconds))),
    }


def time_window(contestant, clock=time.perf_counter):
    """One timed run: seconds, and its losses or `None`."""
    started = clock()
    losses = contestant.run()
    return clock() - started, losses


def check_losses(losses, previous):
    """Raises `RuntimeError` unless the losses of a window are finite and not the last window's.

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
