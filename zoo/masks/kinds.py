"""Kinds of masks: each turns uniform random numbers into missing pixels.

Written once for NumPy and for the training step, in functions that `numpy` and `keras.ops` share;
`xp` below is one of the two.
"""

import math

from zoo.errors import InvalidInputError
from zoo.masks.brush import paint_until, rows_of_capsules


class Masks:
    """Base class of the kinds. A user-defined kind overrides `numbers` and `paint`.

    Args:
        coverage: `(lowest, highest)` fraction of missing pixels, in (0, 1); or one number.

    Example:

    ```python
    class LeftHalf(zoo.masks.Masks):
        def __init__(self):
            super().__init__((0.4, 0.6))

        def numbers(self, height: int, width: int) -> int:
            return 1                                     # uniform numbers per mask, unused here

        def paint(self, xp, uniforms, height, width):    # (N, 1) -> bool (N, height, width)
            columns = xp.arange(width) < width // 2
            return xp.broadcast_to(columns, (xp.shape(uniforms)[0], height, width))
    ```

    `compile(masks=LeftHalf())` takes it. To load a model that was saved with it, register the class
    with `keras.saving.register_keras_serializable()`, and override `get_config` if it takes other
    arguments than `coverage`.
    """

    symmetric = False
    """Whether the mirror images of a mask, along either axis, are as likely as the mask itself. If
    so, a training step paints a quarter of its masks and mirrors them."""

    def __init__(self, coverage: float | tuple[float, float]):
        bounds = tuple(coverage) if isinstance(coverage, (tuple, list)) else (coverage, coverage)
        numeric = all(isinstance(bound, (int, float)) for bound in bounds)
        if len(bounds) != 2 or not numeric or not 0 < bounds[0] <= bounds[1] < 1:
            raise InvalidInputError(
                "`coverage` must be a fraction of the area in (0, 1), or a pair (lowest, highest). "
                f"Received: coverage={coverage!r}"
            )
        self.coverage = tuple(float(bound) for bound in bounds)

    def numbers(self, height: int, width: int) -> int:
        """Returns the number of uniform random numbers that a mask is made from."""
        raise NotImplementedError

    def paint(self, xp, uniforms, height, width):
        """Makes masks from random numbers.

        Args:
            xp: `numpy` or `keras.ops`.
            uniforms: float32 of shape `(N, numbers)`, in [0, 1).
            height: int, in pixels.
            width: int, in pixels.

        Returns:
            bool of shape `(N, height, width)`, True where a pixel is missing.
        """
        raise NotImplementedError

    def tolerance(self, height: int, width: int) -> float:
        """Returns how far a mask can be from `coverage`, by rounding to pixels or by chance."""
        return 1 / height + 1 / width

    def misses(self, shares, height: int, width: int):
        """Returns whether masks with these shares of missing pixels are out of `coverage`."""
        low, high = self.coverage
        tolerance = self.tolerance(height, width)
        return (shares < low - tolerance) | (shares > high + tolerance)

    def thickest(self, height: int, width: int) -> int:
        """Returns the side of the largest square that fits in such a hole, in pixels.

        A square of the largest coverage, unless a kind knows better.
        """
        return max(1, round(math.sqrt(self.coverage[1]) * min(height, width)))

    def get_config(self) -> dict:
        """Returns the constructor's arguments as plain values."""
        return {"coverage": list(self.coverage)}

    @classmethod
    def from_config(cls, config: dict):
        """Makes the masks of what `get_config` returns."""
        return cls(**config)

    def _between(self, uniform):
        low, high = self.coverage
        return low + (high - low) * uniform


class CenterSquare(Masks):
    """One centered hole in the image's proportions (Pathak et al. 2016); a quarter by default."""

    symmetric = True

    def __init__(self, coverage: float | tuple[float, float] = 0.25):
        super().__init__(coverage)

    def numbers(self, height: int, width: int) -> int:
        return 1

    def paint(self, xp, uniforms, height, width):
        scale = xp.sqrt(self._between(uniforms[:, :1]))
        rows = _centered(xp, scale, height)
        columns = _centered(xp, scale, width)
        return rows[:, :, None] & columns[:, None, :]


class Rectangles(Masks):
    """One rectangle anywhere, with sides in a ratio of up to 2 to 1 either way."""

    symmetric = True

    def __init__(self, coverage: float | tuple[float, float] = (0.1, 0.3)):
        super().__init__(coverage)

    def numbers(self, height: int, width: int) -> int:
        return 4

    def paint(self, xp, uniforms, height, width):
        area = self._between(uniforms[:, :1])
        # Neither side can exceed the image, or the area would shrink.
        stretch = xp.exp(math.log(2.0) * (uniforms[:, 1:2] - 0.5))
        stretch = xp.minimum(xp.maximum(stretch, xp.sqrt(area)), 1.0 / xp.sqrt(area))
        rows = _placed(xp, uniforms[:, 2:3], xp.sqrt(area) * stretch, height)
        columns = _placed(xp, uniforms[:, 3:4], xp.sqrt(area) / stretch, width)
        return rows[:, :, None] & columns[:, None, :]


class FreeForm(Masks):
    """Strokes of a round brush that turns at each vertex (Yu et al. 2019, DeepFill v2).

    As published for 256 pixels, scaled to the image: strokes of about an eighth of the diagonal
    between vertices, a turn near 2 pi / 5 that alternates in sign, a brush of 12 to 40 pixels. The
    pen is lifted after 8 vertices on average, and paints until the wanted fraction is covered.

    Args:
        coverage: `(lowest, highest)` fraction of missing pixels; at least 0.05 apart, because a
            single stroke covers some of it.
        brush: `(thinnest, thickest)` brush, as a fraction of the image's shorter side.
    """

    symmetric = True
    strokes = 32

    def __init__(
        self,
        coverage: tuple[float, float] = (0.1, 0.35),
        brush: tuple[float, float] = (12 / 256, 40 / 256),
    ):
        super().__init__(coverage)
        if self.coverage[1] - self.coverage[0] < 0.05 - 1e-9:
            raise InvalidInputError(
                "`coverage` of brush strokes must be a pair at least 0.05 apart. "
                f"Received: coverage={coverage!r}"
            )
        self.brush = tuple(brush)

    def numbers(self, height: int, width: int) -> int:
        return 2 + 7 * self.strokes

    def paint(self, xp, uniforms, height, width):
        target = self._between(uniforms[:, 0])
        thinnest, thickest = (share * min(height, width) for share in self.brush)
        radius = 0.5 * (thinnest + (thickest - thinnest) * uniforms[:, 1:2])
        draws = xp.reshape(uniforms[:, 2:], (-1, self.strokes, 7))
        ends = self._walk(xp, draws, height, width)
        starts, stops = (self._mirrored(xp, pair, draws, height, width) for pair in ends)
        left, right = rows_of_capsules(xp, starts, stops, radius, height)
        return paint_until(xp, left, right, target, self.coverage[1], width)

    def _walk(self, xp, draws, height, width):
        """Returns the ends of the pen's segments: two pairs `(x, y)` of shape `(N, strokes)`."""
        mean_turn, turn_range = 2 * math.pi / 5, 2 * math.pi / 15
        turn = mean_turn + turn_range * (2 * draws[..., 0] - 1)
        angle = turn * (2 * (xp.arange(self.strokes, dtype="float32") % 2) - 1)
        # Box-Muller transform: a normal variable from two uniform ones.
        normal = xp.sqrt(-2 * xp.log(1 - draws[..., 1])) * xp.cos(2 * math.pi * draws[..., 2])
        step = math.hypot(height, width) / 8 * xp.clip(1 + 0.5 * normal, 0, 2)
        moves = (step * xp.cos(angle), step * xp.sin(angle))
        jumps = (draws[..., 3] * width, draws[..., 4] * height)
        lifted = draws[..., 5] < 1 / 8
        limits = (float(width), float(height))
        starts, stops = ([], []), ([], [])
        point = [jump[:, 0] for jump in jumps]
        for s in range(self.strokes):
            for axis in range(2):
                start = xp.where(lifted[:, s], jumps[axis][:, s], point[axis])
                stop = xp.clip(start + moves[axis][:, s], 0.0, limits[axis])
                starts[axis].append(start)
                stops[axis].append(stop)
                point[axis] = stop
        return [[xp.stack(axis, axis=1) for axis in ends] for ends in (starts, stops)]

    def _mirrored(self, xp, ends, draws, height, width):
        """Mirrors all strokes of a mask along either axis at random: the pen starts upward."""
        pairs = zip(ends, (width, height), (0, 1), strict=True)
        return [xp.where(draws[:, i : i + 1, 6] < 0.5, side - x, x) for x, side, i in pairs]

    def tolerance(self, height: int, width: int) -> float:
        return 0.0

    def thickest(self, height: int, width: int) -> int:
        return max(1, round(self.brush[1] * min(height, width)))

    def get_config(self) -> dict:
        return {**super().get_config(), "brush": list(self.brush)}


class Scratches(FreeForm):
    """Thin, nearly straight lines, as on a damaged print."""

    def __init__(
        self,
        coverage: tuple[float, float] = (0.03, 0.12),
        brush: tuple[float, float] = (2 / 256, 8 / 256),
    ):
        super().__init__(coverage, brush)

    def _walk(self, xp, draws, height, width):
        """Returns the ends of scratches, which go across the image from anywhere."""
        starts = [draws[..., 0] * width, draws[..., 1] * height]
        length = (0.3 + 0.7 * draws[..., 2]) * math.hypot(height, width)
        # Most of a print's scratches run in the direction in which it was pulled.
        angle = math.pi * (draws[:, :1, 3] + 0.15 * (draws[..., 4] - 0.5))
        stops = [starts[0] + length * xp.cos(angle), starts[1] + length * xp.sin(angle)]
        return starts, stops


class MissingPixels(Masks):
    """Single missing pixels, independent of each other."""

    symmetric = True

    def __init__(self, coverage: float | tuple[float, float] = (0.1, 0.5)):
        super().__init__(coverage)

    def numbers(self, height: int, width: int) -> int:
        return 1 + height * width

    def thickest(self, height: int, width: int) -> int:
        return 1

    def paint(self, xp, uniforms, height, width):
        return xp.reshape(uniforms[:, 1:], (-1, height, width)) < self._between(
            uniforms[:, :1, None]
        )


def _centered(xp, share, length):
    """Returns the middle `share` (N, 1) of an axis, as bool of shape `(N, length)`."""
    size = xp.round(share * length)
    first = xp.floor((length - size) / 2)
    positions = xp.arange(length, dtype="float32")[None]
    return (positions >= first) & (positions < first + size)


def _placed(xp, uniform, share, length):
    """Returns a stretch of `share` (N, 1) of an axis, placed by `uniform` (N, 1)."""
    size = xp.maximum(xp.round(share * length), 1.0)
    first = xp.floor(uniform * (length - size + 1))
    positions = xp.arange(length, dtype="float32")[None]
    return (positions >= first) & (positions < first + size)
