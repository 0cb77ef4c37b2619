"""Many samples, batch by batch."""

from hypothesis import given
from hypothesis import strategies as st

from zoo.models.batches import batch_slices


@given(st.integers(0, 50), st.integers(0, 60))
def test_slices_cover_all_with_one_length(count, batch_size):
    slices = list(batch_slices(count, batch_size))
    covered = {index for part in slices for index in range(part.start, part.stop)}
    assert covered == set(range(count))
    assert len({part.stop - part.start for part in slices}) <= 1
    assert all(part.stop - part.start <= max(1, batch_size) for part in slices)
