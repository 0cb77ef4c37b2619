"""Masks of missing pixels: squares, rectangles, brush strokes, scratches, scattered pixels.

Written once for NumPy and for the training step: each kind turns uniform random numbers into masks
by functions that `numpy` and `keras.ops` share (`xp` below). NumPy's numbers give the same masks on
every backend; inside a step the numbers come from the backend, one draw per batch.
"""

import difflib
import math

import numpy as np

from zoo.checks import check_count, check_seed
from zoo.errors import InvalidInputError

ATTEMPTS = 100
"""Redraws of a mask whose share of missing pixels came out of range, outside of a step."""


class Masks:
    """Base of the kinds. A kind of one's own needs `numbers` and `paint`.

    Args:
        coverage: (lowest, highest) share of missing pixels, in (0, 1).

    Example:

    ```python
    class LeftHalf(zoo.masks.Masks):
        def __init__(self):
            super().__init__((0.4, 0.6))

        def numbers(self, height, width):
            return 1                                     # uniform numbers per mask, unused here

        def paint(self, xp, uniforms, height, width):    # (N, 1) -> bool (N, height, width)
            columns = xp.arange(width) < width // 2
            return xp.broadcast_to(columns, (uniforms.shape[0], height, width))
    ```
    """

    def __init__(self, coverage):
        bounds = tuple(coverage) if isinstance(coverage, (tuple, list)) else (coverage, coverage)
        numeric = all(isinstance(bound, (int, float)) for bound in bounds)
        if len(bounds) != 2 or not numeric or not 0 < bounds[0] <= bounds[1] < 1:
            raise InvalidInputError(
                "`coverage` must be a share of the area in (0, 1), or a pair (lowest, highest). "
                f"Received: coverage={coverage!r}"
            )
        self.coverage = tuple(float(bound) for bound in bounds)

    def numbers(self, height, width):
        """How many uniform random numbers one mask is made from."""
        raise NotImplementedError

    def paint(self, xp, uniforms, height, width):
        """Masks from random numbers.

        Args:
            xp: `numpy` or `keras.ops`.
            uniforms: float32 (N, numbers), each in [0, 1).
            height: int, in pixels.
            width: int, in pixels.

        Returns:
            bool (N, height, width), True where a pixel is missing.
        """
        raise NotImplementedError

    def tolerance(self, height, width):
        """How far rounding to whole pixels, or chance, may take a mask from `coverage`."""
        return 1 / height + 1 / width

    def get_config(self):
        """The constructor's arguments, plain values."""
        return {"coverage": list(self.coverage)}

    def _between(self, uniform):
        low, high = self.coverage
        return low + (high - low) * uniform


class CenterSquare(Masks):
    """One centered hole of the image's proportions (Pathak et al. 2016); a quarter by default."""

    def __init__(self, coverage=0.25):
        super().__init__(coverage)

    def numbers(self, height, width):
        return 1

    def paint(self, xp, uniforms, height, width):
        scale = xp.sqrt(self._between(uniforms[:, :1]))
        rows = _centered(xp, scale, height)
        columns = _centered(xp, scale, width)
        return rows[:, :, None] & columns[:, None, :]


class Rectangles(Masks):
    """One rectangle anywhere, sides in a ratio of up to 2 to 1 either way."""

    def __init__(self, coverage=(0.1, 0.3)):
        super().__init__(coverage)

    def numbers(self, height, width):
        return 4

    def paint(self, xp, uniforms, height, width):
        area = self._between(uniforms[:, :1])
        # Neither side may outgrow the image, or the area would shrink.
        stretch = xp.exp(math.log(2.0) * (uniforms[:, 1:2] - 0.5))
        stretch = xp.minimum(xp.maximum(stretch, xp.sqrt(area)), 1.0 / xp.sqrt(area))
        rows = _placed(xp, uniforms[:, 2:3], xp.sqrt(area) * stretch, height)
        columns = _placed(xp, uniforms[:, 3:4], xp.sqrt(area) / stretch, width)
        return rows[:, :, None] & columns[:, None, :]


class FreeForm(Masks):
    """Strokes of a round brush that turns at each vertex (Yu et al. 2019, DeepFill v2).

    As published for 256 pixels, scaled to the image: strokes of about an eighth of the diagonal
    between vertices, a turn near 2 pi / 5 that alternates in sign, a brush of 12 to 40 pixels. The
    pen is lifted after 8 vertices on average, and paints until the wanted share is covered.

    Args:
        coverage: (lowest, highest) share of missing pixels; at least 0.05 apart, for a stroke
            covers some of it at once.
        brush: (thinnest, thickest) brush, as a share of the image's shorter side.
    """

    strokes = 32

    def __init__(self, coverage=(0.1, 0.35), brush=(12 / 256, 40 / 256)):
        super().__init__(coverage)
        if self.coverage[1] - self.coverage[0] < 0.05 - 1e-9:
            raise InvalidInputError(
                "`coverage` of brush strokes must be a pair at least 0.05 apart. "
                f"Received: coverage={coverage!r}"
            )
        self.brush = tuple(brush)

    def numbers(self, height, width):
        return 2 + 7 * self.strokes

    def paint(self, xp, uniforms, height, width):
        target = self._between(uniforms[:, 0])
        thinnest, thickest = (share * min(height, width) for share in self.brush)
        radius = 0.5 * (thinnest + (thickest - thinnest) * uniforms[:, 1:2])
        draws = xp.reshape(uniforms[:, 2:], (-1, self.strokes, 7))
        starts, stops = self._walk(xp, draws, height, width)
        left, right = _rows_of_capsules(xp, starts, stops, radius, height)
        return _paint_until(xp, left, right, target, self.coverage[1], width)

    def _walk(self, xp, draws, height, width):
        """Ends of the segments that the pen draws: two pairs (x, y) of (N, strokes)."""
        mean_turn, turn_range = 2 * math.pi / 5, 2 * math.pi / 15
        turn = mean_turn + turn_range * (2 * draws[..., 0] - 1)
        angle = turn * (2 * (xp.arange(self.strokes, dtype="float32") % 2) - 1)
        # Box and Muller: a normal variable from two uniform ones.
        normal = xp.sqrt(-2 * xp.log(1 - draws[..., 1])) * xp.cos(2 * math.pi * draws[..., 2])
        step = math.hypot(height, width) / 8 * xp.clip(1 + 0.5 * normal, 0, 2)
        moves = (step * xp.cos(angle), step * xp.sin(angle))
        jumps = (draws[..., 3] * width, draws[..., 4] * height)
        lifted = draws[..., 5] < 1 / 8
        mirrored = draws[:, :1, 6] < 0.5
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
        starts, stops = ([xp.stack(axis, axis=1) for axis in ends] for ends in (starts, stops))
        for ends in (starts, stops):
            ends[0] = xp.where(mirrored, width - ends[0], ends[0])
        return starts, stops

    def tolerance(self, height, width):
        return 0.0

    def get_config(self):
        return {**super().get_config(), "brush": list(self.brush)}


class Scratches(FreeForm):
    """Thin, nearly straight lines, as across a damaged print."""

    def __init__(self, coverage=(0.03, 0.12), brush=(2 / 256, 8 / 256)):
        super().__init__(coverage, brush)

    def _walk(self, xp, draws, height, width):
        """Each scratch goes across the image, from anywhere to anywhere."""
        starts = [draws[..., 0] * width, draws[..., 1] * height]
        length = (0.3 + 0.7 * draws[..., 2]) * math.hypot(height, width)
        # Most of a print's scratches run the way it was pulled.
        angle = math.pi * (draws[:, :1, 3] + 0.15 * (draws[..., 4] - 0.5))
        stops = [starts[0] + length * xp.cos(angle), starts[1] + length * xp.sin(angle)]
        return starts, stops


class MissingPixels(Masks):
    """Pixels missing here and there, each on its own."""

    def __init__(self, coverage=(0.1, 0.5)):
        super().__init__(coverage)

    def numbers(self, height, width):
        return 1 + height * width

    def paint(self, xp, uniforms, height, width):
        return xp.reshape(uniforms[:, 1:], (-1, height, width)) < self._between(
            uniforms[:, :1, None]
        )


class Mixture(Masks):
    """Of several kinds, one per mask.

    Args:
        kinds: sequence of `Masks` or names of `MASKS`.
        shares: how often each occurs, any positive numbers; equally often by default.
    """

    def __init__(
        self, kinds=("center_square", "free_form", "rectangles", "scratches"), shares=None
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
        super().__init__(
            (
                min(kind.coverage[0] for kind in self.kinds),
                max(kind.coverage[1] for kind in self.kinds),
            )
        )

    def numbers(self, height, width):
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

    def get_config(self):
        return {"kinds": [serialize(kind) for kind in self.kinds], "shares": self.shares}


MASKS = {
    "center_square": CenterSquare,
    "rectangles": Rectangles,
    "free_form": FreeForm,
    "scratches": Scratches,
    "missing_pixels": MissingPixels,
    "mixture": Mixture,
}


def get_masks(identifier):
    """The masks of this name or configuration; an object of `Masks` is returned as it is.

    Args:
        identifier: one of `MASKS`; a `Masks`; or what `serialize` returns.

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
    closest = difflib.get_close_matches(str(identifier), MASKS, n=1)
    hint = f" Did you mean {closest[0]!r}?" if closest else ""
    raise InvalidInputError(
        f"`masks` must be one of {', '.join(map(repr, MASKS))}, or a `zoo.masks.Masks`.{hint} "
        f"Received: masks={identifier!r}"
    )


def serialize(masks):
    """Plain values that `get_masks` makes the same masks from; a kind of one's own as it is."""
    for name, kind in MASKS.items():
        if type(masks) is kind:
            return {"kind": name, **masks.get_config()}
    return masks


def draw(kind, count, image_size, seed=None):
    """Draws masks, the same ones on every backend.

    Args:
        kind: a name of `MASKS`, or a `Masks`.
        count: int, how many.
        image_size: (height, width) in pixels.
        seed: int of at least 0, or `None` for fresh ones.

    Returns:
        bool ndarray (count, height, width), True where a pixel is missing.

    Raises:
        InvalidInputError: for an unknown kind, or a number out of range.

    Example:

    >>> zoo.masks.draw("center_square", 2, (64, 64)).mean()
    0.25
    >>> masks = zoo.masks.draw(zoo.masks.FreeForm(coverage=(0.2, 0.3)), 100, (64, 64), seed=0)
    """
    kind = get_masks(kind)
    check_count("count", count)
    check_seed(seed)
    height, width = _check_size(image_size)
    rng = np.random.default_rng(seed)
    masks = np.empty((count, height, width), bool)
    missing = np.arange(count)
    low, high = kind.coverage
    tolerance = kind.tolerance(height, width)
    for _ in range(ATTEMPTS):
        for start in range(0, len(missing), 256):  # bounded memory for any count
            part = missing[start : start + 256]
            uniforms = rng.random((len(part), kind.numbers(height, width)), dtype="float32")
            masks[part] = kind.paint(np, uniforms, height, width)
        shares = masks[missing].mean(axis=(1, 2))
        missing = missing[(shares < low - tolerance) | (shares > high + tolerance)]
        if not len(missing):
            return masks
    raise InvalidInputError(
        f"{len(missing)} of {count} masks of {height}x{width} pixels kept missing a coverage of "
        f"{low:g} to {high:g}. Allow a wider range."
    )


def draw_in_step(kind, count, image_size, seed):
    """Masks for one batch of a training step.

    A quarter of them is painted, and mirrored along either axis and both: each mask is distributed
    as if painted on its own, at a quarter of the time.

    Args:
        kind: `Masks`.
        count: int, or a scalar tensor.
        image_size: (height, width) in pixels.
        seed: `keras.random.SeedGenerator`.

    Returns:
        float32 tensor (count, height, width, 1), 1 where a pixel is missing.
    """
    import keras
    from keras import ops

    height, width = image_size
    uniforms = keras.random.uniform(((count + 3) // 4, kind.numbers(height, width)), seed=seed)
    painted = ops.cast(kind.paint(ops, uniforms, height, width), "float32")
    flipped = ops.flip(painted, axis=1)
    both = ops.concatenate([painted, flipped])
    masks = ops.concatenate([both, ops.flip(both, axis=2)])[:count]
    return masks[..., None]


def _check_size(image_size):
    sizes = tuple(image_size) if isinstance(image_size, (tuple, list)) else ()
    if len(sizes) != 2:
        raise InvalidInputError(
            f"`image_size` must be (height, width). Received: image_size={image_size!r}"
        )
    for name, size in zip(("height", "width"), sizes, strict=True):
        check_count(name, size)
    return sizes


def _centered(xp, share, length):
    """(N, length): the middle `share` (N, 1) of an axis."""
    size = xp.round(share * length)
    first = xp.floor((length - size) / 2)
    positions = xp.arange(length, dtype="float32")[None]
    return (positions >= first) & (positions < first + size)


def _placed(xp, uniform, share, length):
    """(N, length): a stretch of `share` (N, 1) of an axis, placed by `uniform` (N, 1)."""
    size = xp.maximum(xp.round(share * length), 1.0)
    first = xp.floor(uniform * (length - size + 1))
    positions = xp.arange(length, dtype="float32")[None]
    return (positions >= first) & (positions < first + size)


def _rows_of_capsules(xp, starts, stops, radius, height):
    """Where each row of pixels meets each stroke.

    A straight stroke of a round brush covers a capsule, which is convex: a row meets it in one
    interval, whose ends follow from its two discs and the rectangle between them.

    Args:
        xp: `numpy` or `keras.ops`.
        starts: (x, y), each (N, strokes).
        stops: likewise.
        radius: (N, 1).
        height: int.

    Returns:
        First and last x, each (N, strokes, height); first > last where a row misses the stroke.
    """
    far = 1e6
    rows = xp.arange(height, dtype="float32") + 0.5
    (x0, y0), (x1, y1) = ([axis[..., None] for axis in ends] for ends in (starts, stops))
    radius = radius[..., None]
    firsts, lasts = [], []
    for x, y in ((x0, y0), (x1, y1)):
        rest = radius * radius - (rows - y) ** 2
        half = xp.sqrt(xp.maximum(rest, 0.0))
        firsts.append(xp.where(rest >= 0, x - half, far))
        lasts.append(xp.where(rest >= 0, x + half, -far))
    dx, dy = x1 - x0, y1 - y0
    length = xp.sqrt(dx * dx + dy * dy)
    dot = length < 1e-3  # the two discs, and nothing between
    dx, dy = dx / xp.maximum(length, 1e-3), dy / xp.maximum(length, 1e-3)
    # Within the rectangle: |across| <= radius and 0 <= along <= length, both linear in x.
    above = (rows - y0) * dx
    low1, high1 = _solve(xp, dy, above - radius, above + radius, far)
    along = (rows - y0) * dy
    low2, high2 = _solve(xp, dx, -along, length - along, far)
    first, last = x0 + xp.maximum(low1, low2), x0 + xp.minimum(high1, high2)
    between = (first <= last) & ~dot
    firsts.append(xp.where(between, first, far))
    lasts.append(xp.where(between, last, -far))
    return (
        xp.minimum(xp.minimum(firsts[0], firsts[1]), firsts[2]),
        xp.maximum(xp.maximum(lasts[0], lasts[1]), lasts[2]),
    )


def _solve(xp, slope, low, high, far):
    """The interval of x with low <= slope * x <= high."""
    flat = xp.abs(slope) < 1e-6
    safe = xp.where(flat, 1.0, slope)
    ends = low / safe, high / safe
    everywhere = (low <= 0) & (high >= 0)
    first = xp.where(flat, xp.where(everywhere, -far, far), xp.minimum(*ends))
    last = xp.where(flat, xp.where(everywhere, far, -far), xp.maximum(*ends))
    return first, last


def _paint_until(xp, left, right, target, most, width):
    """Union of strokes, one after the other, until `target` (N,) of the area is covered.

    A stroke that would cover more than `most` of the area is left out.
    """
    columns = xp.arange(width, dtype="float32") + 0.5
    covered, share = None, xp.zeros_like(target)
    for s in range(left.shape[1]):
        stroke = (columns >= left[:, s, :, None]) & (columns <= right[:, s, :, None])
        union = stroke if covered is None else covered | stroke
        new_share = xp.mean(xp.where(union, 1.0, 0.0), axis=(1, 2))
        wanted = (share < target) & (new_share <= most)
        if covered is None:
            covered = union & wanted[:, None, None]
        else:
            covered = xp.where(wanted[:, None, None], union, covered)
        share = xp.where(wanted, new_share, share)
    return covered
