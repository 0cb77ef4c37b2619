"""Names of augmentations, as people write them."""

import pytest

from zoo.checks import read_policy
from zoo.errors import InvalidInputError

pytestmark = pytest.mark.no_backend


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("color", ("color",)),
        ("color,translation,cutout", ("color", "translation", "cutout")),
        ("cutout, color", ("cutout", "color")),
        (("translation",), ("translation",)),
        (["cutout", "color"], ("cutout", "color")),
    ],
)
def test_what_is_meant(value, expected):
    assert read_policy(value) == expected


@pytest.mark.parametrize("value", ["", "colour", "color,color", "color,", (), ("flip",), (1,), 1])
def test_anything_else_is_refused_with_the_names_there_are(value):
    with pytest.raises(InvalidInputError, match=r"'color', 'translation', 'cutout'.*Received"):
        read_policy(value)
