"""What rows on the host's time say."""

import pytest

from benchmarks.record.host_time import allowed, is_host_time, milliseconds, over_native
from tests.benchmarks.result_rows import row

pytestmark = pytest.mark.no_backend

HOST = {"mode": "overhead", "data": "device", "batch_size": 2, "clock": "cpu"}


def host_row(milliseconds, **changes):
    return row([2000.0 / time for time in milliseconds], **{**HOST, **changes})


def test_milliseconds_and_what_they_allow():
    measured = host_row([4.0, 2.0, 3.0])
    assert is_host_time(measured)
    assert not is_host_time(row())
    assert milliseconds(measured)["median"] == pytest.approx(3.0)
    assert milliseconds(measured)["p10"] == pytest.approx(2.2)
    assert allowed(measured) == pytest.approx([64 / 3e-3, 256 / 3e-3, 1024 / 3e-3])


def test_times_over_each_native_loop_are_paired():
    zoo = host_row([1.0, 20.0, 3.0])
    slow = host_row([1.0, 10.0, 1.0], implementation="native", variant="eager")
    fast = host_row([0.5, 5.0, 0.5], implementation="native", variant="compile")
    other = host_row([9.0] * 3, implementation="native", variant="xla", group="another")
    ratios = over_native(zoo, [slow, fast, zoo, other])
    assert list(ratios) == ["compile", "eager"]
    assert ratios == pytest.approx({"eager": 2.0, "compile": 4.0})
    assert over_native(slow, [zoo, slow]) == {}
