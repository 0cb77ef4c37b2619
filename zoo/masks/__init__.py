"""Masks of missing pixels: squares, rectangles, brush strokes, scratches, scattered pixels.

`draw` takes random numbers from NumPy, which gives the same masks on every backend; a training step
takes them from the backend, one draw per batch.
"""

import difflib
import math
from collections.abc import Sequence

import numpy as np

from zoo.checks import check_count, check_seed
from zoo.errors import InvalidInputError
from zoo.masks.kinds import CenterSquare, FreeForm, Masks, MissingPixels, Rectangles, Scratches

__all__ = [
    "MASKS",
    "CenterSquare",
    "FreeForm",
    "Masks",
    "MissingPixels",
    "Mixture",
    "Rectangles",
    "Scratches",
    "draw",
    "draw_in_step",
    "get_masks",
    "serialize",
]

ATTEMPTS = 100
"""Attempts of `draw` to get a mask whose fraction of missing pixels is in range."""


class Mixture(Masks):
    """Masks of several kinds: each mask is of one of them.

    Args:
        kinds: sequence of `Masks` or names of `MASKS`.
        shares: positive numbers, how often each kind occurs; equally often by default.
    """

    def __init__(
        self,
        kinds: Sequence[str | Masks] = ("center_square", "free_form", "rectangles", "scratches"),
        shares: Sequence[float] | None = None,
    ):
        if not isinstance(kinds, (tuple, list)) or not kinds:
            raise InvalidInputError(
                f"`kinds` must be a sequence of masks or their names. Received: kinds={kinds!r}"
            )
        self.kinds = [get_masks(kind) for kind in kinds]
        shares = [1.0] * len(self.kinds) if shares is None else [float(share) for share in shares]
        if len(shares) != len(self.kinds) or min(shares) <= 0 or not math.isfinite(sum(shares)):
            raise InvalidInputError(
                f"`shares` must be {len(self.kinds)} positive numbers, one for each kind. "
                f"Received: shares={shares!r}"
            )
        self.shares = [share / sum(shares) for share in shares]
        self.symmetric = all(kind.symmetric for kind in self.kinds)
        super().__init__(
            (
                min(kind.coverage[0] for kind in self.kinds),
                max(kind.coverage[1] for kind in self.kinds),
            )
        )

    def numbers(self, height: int, width: int) -> int:
        # All kinds are painted from the same numbers, and one of them is kept.
        return 1 + max(kind.numbers(height, width) for kind in self.kinds)

    def paint(self, xp, uniforms, height, width):
        choice, rest = uniforms[:, :1, None], uniforms[:, 1:]
        mask, bound = None, 0.0
        for kind, share in zip(self.kinds, self.shares, strict=True):
            painted = kind.paint(xp, rest[:, : kind.numbers(height, width)], height, width)
            mask = painted if mask is None else xp.where(choice < bound, mask, painted)
            bound += share
        return mask

    def thickest(self, height: int, width: int) -> int:
        return max(kind.thickest(height, width) for kind in self.kinds)

    def get_config(self) -> dict:
        return {"kinds": [serialize(kind) for kind in self.kinds], "shares": self.shares}


MASKS = {
    "center_square": CenterSquare,
    "rectangles": Rectangles,
    "free_form": FreeForm,
    "scratches": Scratches,
    "missing_pixels": MissingPixels,
    "mixture": Mixture,
}


def get_masks(identifier: str | dict | Masks) -> Masks:
    """Returns the masks of a name or a configuration.

    Args:
        identifier: a name of `MASKS`; a `Masks`, which is returned; or a result of `serialize`,
            where a user-defined kind must be known to Keras, as `custom_objects` or registered.

    Raises:
        InvalidInputError: for anything else.
    """
    if isinstance(identifier, Masks):
        return identifier
    if isinstance(identifier, str) and identifier in MASKS:
        return MASKS[identifier]()
    if isinstance(identifier, dict) and identifier.get("kind") in MASKS:
        options = {key: value for key, value in identifier.items() if key != "kind"}
        try:
            return MASKS[identifier["kind"]](**options)
        except TypeError as error:
            raise InvalidInputError(f"Masks of kind {identifier['kind']!r}: {error}") from error
    if isinstance(identifier, dict) and "class_name" in identifier:
        import keras

        return get_masks(keras.saving.deserialize_keras_object(identifier))
    closest = difflib.get_close_matches(str(identifier), MASKS, n=1)
    hint = f" Did you mean {closest[0]!r}?" if closest else ""
    raise InvalidInputError(
        f"`masks` must be one of {', '.join(map(repr, MASKS))}, or a `zoo.masks.Masks`.{hint} "
        f"Received: masks={identifier!r}"
    )


def serialize(masks: Masks) -> dict:
    """Returns plain values for `get_masks`: of a user-defined kind, those that Keras makes."""
    for name, kind in MASKS.items():
        if type(masks) is kind:
            return {"kind": name, **masks.get_config()}
    import keras

    return keras.saving.serialize_keras_object(masks)


def draw(
    kind: str | Masks, count: int, image_size: tuple[int, int], seed: int | None = None
) -> np.ndarray:
    """Draws masks, the same ones on every backend.

    Args:
        kind: a name of `MASKS`, or a `Masks`.
        count: int, number of masks.
        image_size: `(height, width)` in pixels.
        seed: int of at least 0, or `None` for different masks each time.

    Returns:
        bool array of shape `(count, height, width)`, True where a pixel is missing.

    Raises:
        InvalidInputError: for an unknown kind, or a number out of range.

    Example:

    >>> float(zoo.masks.draw("center_square", 2, (64, 64)).mean())
    0.25
    >>> zoo.masks.draw(zoo.masks.FreeForm(coverage=(0.2, 0.3)), 5, (64, 64), seed=0).shape
    (5, 64, 64)
    """
    kind = get_masks(kind)
    check_count("count", count)
    check_seed(seed)
    height, width = _check_size(image_size)
    rng = np.random.default_rng(seed)
    masks = np.empty((count, height, width), bool)
    missing = np.arange(count)
    for _ in range(ATTEMPTS):
        for start in range(0, len(missing), 256):  # bounded memory for any count
            part = missing[start : start + 256]
            uniforms = rng.random((len(part), kind.numbers(height, width)), dtype="float32")
            masks[part] = kind.paint(np, uniforms, height, width)
        shares = masks[missing].mean(axis=(1, 2))
        missing = missing[kind.misses(shares, height, width)]
        if not len(missing):
            return masks
    low, high = kind.coverage
    raise InvalidInputError(
        f"{len(missing)} of {count} masks of {height}x{width} pixels didn't reach a coverage of "
        f"{low:g} to {high:g}. Allow a wider range."
    )


def draw_in_step(kind, count, image_size, seed):
    """Draws masks for one batch of a training step.

    Of a symmetric kind a quarter is painted, then mirrored along either axis and along both: each
    mask is distributed as if painted on its own, in a quarter of the time. Where `draw` paints a
    mask again, because it misses its coverage, another one of the batch takes its place here.

    Args:
        kind: `Masks`.
        count: int, or a scalar tensor.
        image_size: `(height, width)` in pixels.
        seed: `keras.random.SeedGenerator`.

    Returns:
        float32 tensor of shape `(count, height, width, 1)`, 1 where a pixel is missing.
    """
    import keras
    from keras import ops

    from zoo import distribution

    height, width = image_size
    painted_count = (count + 3) // 4 if kind.symmetric else count
    numbers = kind.numbers(height, width)
    uniforms = distribution.own_rows(
        lambda count: keras.random.uniform((count, numbers), dtype="float32", seed=seed),
        painted_count,
    )
    masks = ops.cast(kind.paint(ops, uniforms, height, width), "float32")
    missed = kind.misses(ops.mean(masks, axis=(1, 2)), height, width)
    masks = ops.take(masks, _replacements(ops, missed), axis=0)
    if kind.symmetric:
        both = ops.concatenate([masks, ops.flip(masks, axis=1)])
        masks = ops.concatenate([both, ops.flip(both, axis=2)])[:count]
    return masks[..., None]


def _replacements(ops, missed):
    """Returns an index (N,) for each of N masks: its own, or that of one that didn't miss."""
    own = ops.arange(ops.shape(missed)[0], dtype="int32")
    missed = ops.cast(missed, "int32")
    kept_first = ops.cast(ops.argsort(missed * ops.shape(missed)[0] + own), "int32")
    kept = ops.maximum(ops.sum(1 - missed), 1)
    return ops.where(missed > 0, ops.take(kept_first, own % kept, axis=0), own)


def _check_size(image_size):
    sizes = tuple(image_size) if isinstance(image_size, (tuple, list)) else ()
    if len(sizes) != 2:
        raise InvalidInputError(
            f"`image_size` must be (height, width). Received: image_size={image_size!r}"
        )
    for name, size in zip(("height", "width"), sizes, strict=True):
        check_count(name, size)
    return sizes
