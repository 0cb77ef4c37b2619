import math

import pytest

from benchmarks.measure import timing

pytestmark = pytest.mark.no_backend


class Clock:
    """Time passes while a `Worker` works."""

    now = 0.0

    def __call__(self):
        return self.now


class Worker:
    """A contestant with steps of a known duration, after some slow calls."""

    def __init__(self, clock, step_seconds, call_seconds=0.0, slow_calls=1, multiple=1):
        self.clock, self.step_seconds, self.call_seconds = clock, step_seconds, call_seconds
        self.slow_calls, self.multiple = slow_calls, multiple
        self.steps = self.calls = 0

    def prepare(self, steps):
        self.steps = math.ceil(steps / self.multiple) * self.multiple
        return self.steps

    def run(self):
        self.calls += 1
        compiling = 20.0 if self.calls <= self.slow_calls else 0.0
        self.clock.now += compiling + self.call_seconds + self.steps * self.step_seconds
        return 0.1, 0.2


@pytest.mark.parametrize("step_seconds", [1e-4, 0.01, 0.7, 5.0])
def test_windows_last_as_long_as_they_should(step_seconds):
    clock = Clock()
    worker = Worker(clock, step_seconds, call_seconds=0.001)
    report = timing.warm_up(worker, 2.0, clock)
    seconds, losses = timing.time_window(worker, clock)
    assert report["first_call_seconds"] == pytest.approx(20 + 0.001 + step_seconds)
    assert report["steps_per_window"] == worker.steps
    assert max(1.5, step_seconds) <= seconds <= max(2.6, step_seconds + 0.01)
    assert losses == (0.1, 0.2)


def test_what_a_run_costs_once_does_not_shorten_its_window():
    clock = Clock()
    worker = Worker(clock, 0.001, call_seconds=0.25)
    assert timing.warm_up(worker, 0.3, clock)["steps_per_window"] == 300


def test_a_second_compilation_is_warm_up_too():
    clock = Clock()
    worker = Worker(clock, 0.01, slow_calls=2)
    report = timing.warm_up(worker, 2.0, clock)
    assert report["warm_up_seconds"] > 20
    assert timing.time_window(worker, clock)[0] == pytest.approx(2.0, rel=0.1)


def test_a_speed_that_never_settles_ends_too():
    clock = Clock()

    class Restless(Worker):
        def run(self):
            self.step_seconds *= 1.3
            return super().run()

    report = timing.warm_up(Restless(clock, 0.01), 0.1, clock)
    assert report["steps_per_window"] >= 1
    assert 3 < report["warm_up_seconds"] < 10


def test_steps_that_a_contestant_rounds():
    clock = Clock()
    worker = Worker(clock, 0.01, multiple=50)
    assert timing.warm_up(worker, 2.0, clock)["steps_per_window"] == 200


@pytest.mark.parametrize("losses", [(1.0, float("nan")), (float("inf"), 1.0), (1.0, 2.0)])
def test_a_step_that_does_not_train_cannot_win(losses):
    with pytest.raises(RuntimeError, match="losses"):
        timing.check_losses(losses, (1.0, 2.0))


def test_losses_that_change_are_fine():
    timing.check_losses((1.0, 2.0), (1.0, 2.5))
    timing.check_losses((1.0, 2.0), None)
    timing.check_losses(None, None)
