"""Checks of arguments that several areas share."""

import numpy as np
import pytest

from zoo.checks import check_images
from zoo.errors import InvalidInputError

pytestmark = pytest.mark.no_backend


@pytest.mark.parametrize(
    ("images", "limits", "expected"),
    [
        (np.zeros((4, 5, 7, 3), "float32"), {}, r"\(N, H, W, C\)\. Received: float32 of shape \(4"),
        (np.zeros((5, 7, 3), "uint8"), {}, r"uint8 of shape \(5, 7, 3\)"),
        ([[0]], {}, "Received: list"),
        (None, {}, "Received: NoneType"),
        (np.zeros((4, 5, 7, 2), "uint8"), {"channels": (1, 3)}, "C one of 1, 3"),
        (np.zeros((4, 5, 7, 3), "uint8"), {"image_shape": (5, 7, 1)}, r"\(N, 5, 7, 1\)"),
        (np.zeros((0, 5, 7, 3), "uint8"), {"empty": False}, "at least one pixel"),
        (np.zeros((4, 0, 7, 3), "uint8"), {"empty": False}, "at least one pixel"),
    ],
)
def test_images_of_another_kind_are_refused(images, limits, expected):
    with pytest.raises(InvalidInputError, match=expected):
        check_images(images, **limits)


@pytest.mark.parametrize("limits", [{}, {"image_shape": [5, 7, 1], "channels": (1,)}])
def test_images_of_the_right_kind_pass(limits):
    check_images(np.zeros((0, 5, 7, 1), "uint8"), **limits)
