import pytest

from benchmarks.measure.search import largest_batch

pytestmark = pytest.mark.no_backend


@pytest.mark.parametrize("limit", [1, 5, 63, 64, 65, 100, 4096, 5000])
def test_finds_the_largest_to_a_sixteenth(limit):
    tried = []

    def fits(size):
        assert size not in tried
        tried.append(size)
        return size <= limit

    found = largest_batch(fits, start=64)
    assert found <= limit
    assert limit - found <= max(1, limit // 16)


def test_stops_at_the_limit():
    assert largest_batch(lambda size: True, start=64, limit=1000) == 512


def test_nothing_fits():
    assert largest_batch(lambda size: False, start=8) == 0
