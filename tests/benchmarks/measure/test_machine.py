import pytest

from benchmarks.measure import machine
from tests.benchmarks import fake_devices
from tests.benchmarks.tiny_cells import DEVICES


class Clock:
    """Each call of the device takes 10 ms, waiting for it another 2."""

    now = 0.0

    def __call__(self):
        return self.now

    def compute(self):
        self.now += 0.01

    def synchronize(self, arrays):
        self.now += 0.002


def test_rate():
    clock = Clock()
    # A tenth of two seconds: 20 calls per series, 0.202 s.
    rate = machine.rate(clock, clock.compute, 2.0, clock)
    assert rate == pytest.approx(20 / 0.202, rel=0.01)
    assert clock.now < 3


def test_products_of_this_machine():
    # Between a thousandth and a thousand times what one core does.
    assert 1e-4 < machine.matmul_tflops(DEVICES, 256, "float32", 0.02) < 1e3


def test_a_gpu_is_asked_for_more(monkeypatch):
    monkeypatch.setenv("BENCHMARK_TEST_DEVICE", "gpu")
    found = machine.measure_machine(fake_devices, "mixed_bfloat16", seconds=0.01)
    assert found["matmul_tflops"] > 0
    assert found["copy_gb_per_second"] > 0
    assert found["driver"] == "cuda 99.9"


def test_a_cpu_copies_nothing(monkeypatch):
    monkeypatch.delenv("BENCHMARK_TEST_DEVICE", raising=False)
    found = machine.measure_machine(fake_devices, "float32", seconds=0.01)
    assert found["copy_gb_per_second"] is None
