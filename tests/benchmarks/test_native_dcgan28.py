"""The comparison of the 28x28 DCGAN."""

import keras
import numpy as np
import pytest

from benchmarks import dcgan28

BATCH = 8


def test_a_comparison_reports_every_round():
    row = dcgan28.measure(batch_size=BATCH, steps=2, rounds=3, base_filters=4)
    assert row["backend"] == keras.backend.backend()
    for rounds in (row["native"], row["zoo"]):
        assert len(rounds["images_per_second"]) == 3
        assert rounds["first_call_seconds"] > 0
    ratios = np.divide(row["zoo"]["images_per_second"], row["native"]["images_per_second"])
    assert row["ratios"] == pytest.approx(ratios)


@pytest.mark.parametrize("losses", [[(1.0, 2.0), (1.0, 2.0)], [(1.0, 2.0), (float("nan"), 1.0)]])
def test_a_loop_that_does_not_train_cannot_win(losses):
    with pytest.raises(RuntimeError, match="native"):
        dcgan28.check_losses("native", losses)
