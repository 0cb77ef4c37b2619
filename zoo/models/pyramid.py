"""Restores a photograph from coarse to fine, around its holes, in windows of a few fixed sizes.

The photograph is halved until nothing is missing. On the way back, at each size, a hole is what the
smaller size shows there, with a smooth correction so that it meets the known pixels (a spline, as
membranes in Pérez et al. 2003, Poisson image editing); and where the hole is no thicker than those
that the model was trained on, the mean of that and of what the network draws. Coarse to fine as
Wexler et al. 2007, Space-time completion of video.
"""

import itertools
from typing import NamedTuple

import numpy as np

from zoo.models.drawing import draw_batches
from zoo.models.tiling import pad

WINDOWS = (64, 128, 256)
"""Sides of windows, in pixels: few shapes, so that backends compile once, not for each size."""
MARGIN = 32
"""Pixels that a window shows around what it is drawn for."""
RAMP = 16
"""Half the width of the seam across which neighboring windows fade into each other, in pixels."""
CONTEXT = 64
"""Pixels around a hole that its pyramid takes, beside as many as the hole is high or wide."""
CELL = 64
"""Side of the squares by which holes are found, in pixels."""
STRIP = 256
"""Rows that are halved at a time: in float32, a whole photograph is four times as large."""
MIDDLE = 127.5
"""What is drawn where nothing is known."""
NETWORK_COST = 8
"""Cost of the network's passes over a window, in those of the rest."""


def fill(model, image, mask):
    """Fills the holes of a photograph in place, and yields the share that is done.

    Args:
        model: `zoo.InpaintingGAN`.
        image: uint8 array (H, W, C). Known pixels stay as they are.
        mask: bool array (H, W), True where a pixel is missing.
    """
    regions = find_regions(mask)
    counts = [int(mask[region].sum()) for region in regions]
    done = 0
    for region, count in zip(regions, counts, strict=True):
        for share in _fill_region(model, image[region], mask[region]):
            yield (done + share * count) / sum(counts)
        done += count


def find_regions(mask):
    """Returns the parts of a photograph to work on: disjoint, with what is around their holes.

    Args:
        mask: bool array (H, W), True where a pixel is missing.

    Returns:
        list of pairs of slices, of rows and of columns.
    """
    height, width = mask.shape
    boxes = []
    for row, column in itertools.product(range(0, height, CELL), range(0, width, CELL)):
        cell = mask[row : row + CELL, column : column + CELL]
        if cell.any():
            (top, bottom), (left, right) = _bounds(cell, 1), _bounds(cell, 0)
            boxes.append([row + top, row + bottom, column + left, column + right])
    # Holes whose surroundings overlap are restored together, and grow the surroundings.
    merged = []
    while boxes:
        box = boxes.pop()
        around = _surroundings(box, mask.shape)
        near = [i for i, other in enumerate(merged) if _overlap(around, other[1])]
        if not near:
            merged.append((box, around))
            continue
        for i in reversed(near):
            box = _union(box, merged.pop(i)[0])
        boxes.append(box)
    return [(slice(*around[:2]), slice(*around[2:])) for _, around in merged]


def _surroundings(box, shape):
    top, bottom, left, right = box
    reach = CONTEXT + min(bottom - top, right - left)
    rows = max(top - reach, 0), min(bottom + reach, shape[0])
    return *rows, max(left - reach, 0), min(right + reach, shape[1])


def _overlap(one, other):
    rows = one[0] < other[1] and other[0] < one[1]
    return rows and one[2] < other[3] and other[2] < one[3]


def _union(one, other):
    pairs = zip(one, other, (min, max, min, max), strict=True)
    return [choose(a, b) for a, b, choose in pairs]


def _bounds(mask, axis):
    """Returns the first and the last index, exclusive, of what a mask marks."""
    marked = np.flatnonzero(mask.any(axis=axis))
    return int(marked[0]), int(marked[-1]) + 1


# ------------------------------------------------------------------- a pyramid


class Level(NamedTuple):
    """One size of a part of a photograph.

    Args:
        image: array (H, W, C) of gray values, uint8 at full size, float32 at others.
        mask: bool array (H, W), True where a pixel is missing.
        thin: bool array (H, W), True where the hole is no thicker than the model was trained for.
    """

    image: np.ndarray
    mask: np.ndarray
    thin: np.ndarray


def _fill_region(model, image, mask):
    """Fills the holes of a part of a photograph in place, and yields the share that is done."""
    levels = []
    while mask.any() and max(mask.shape) > 1:
        levels.append(Level(image, mask, thin_parts(mask, model.largest_hole)))
        image, mask = halve(image, mask)
    image[mask] = MIDDLE
    plans = [list(_plan(level)) for level in levels]
    total = sum(_cost(window) for plan in plans for row in plan for window in row)
    done = 0
    for level, plan in zip(reversed(levels), reversed(plans), strict=True):
        for row in _fill_level(model, level, plan, image):
            done += sum(map(_cost, row))
            yield done / total
        image = level.image


def halve(image, mask):
    """Returns an image of half the size, and its mask.

    Each pixel is the mean of the known ones among four; it is missing if two or more of them are.

    Args:
        image: array (H, W, C).
        mask: bool array (H, W).

    Returns:
        float32 array (ceil(H / 2), ceil(W / 2), C), and bool array (ceil(H / 2), ceil(W / 2)).
    """
    height, width, channels = image.shape
    size = (-(-height // 2), -(-width // 2))
    smaller, holes = np.empty((*size, channels), "float32"), np.empty(size, bool)
    for start in range(0, height, STRIP):
        rows, half = slice(start, start + STRIP), slice(start // 2, (start + STRIP) // 2)
        strip, known = image[rows], ~mask[rows]
        ends = [(0, side % 2) for side in known.shape]
        known = np.pad(known, ends, mode="edge").astype("float32")[..., None]
        strip = np.pad(strip, [*ends, (0, 0)], mode="edge") * known
        count = _sum_of_four(known)
        smaller[half] = _sum_of_four(strip) / np.maximum(count, 1)
        holes[half] = count[..., 0] <= 2
    return smaller, holes


def _sum_of_four(x):
    rows = x[::2] + x[1::2]
    return rows[:, ::2] + rows[:, 1::2]


def thin_parts(mask, thickest):
    """Returns where a hole is so thin that no square that is larger than `thickest` fits in.

    Args:
        mask: bool array (H, W), True where a pixel is missing.
        thickest: int, in pixels.
    """
    # What a square covers that fits in the hole (an opening): first the corners of such squares.
    corners = _spread(mask, thickest + 1, np.logical_and)
    covered = _spread(corners[::-1, ::-1], thickest + 1, np.logical_or)[::-1, ::-1]
    return mask & ~covered


def _spread(mask, length, combine):
    """Returns `combine` of a square of pixels right of and below each, nothing beyond the edge."""
    reach = 1
    while reach < length:  # twice as far with each step
        step = min(reach, length - reach)
        for axis in (0, 1):
            beyond = np.roll(mask, -step, axis)
            np.moveaxis(beyond, axis, 0)[-step:] = False
            mask = combine(mask, beyond)
        reach += step
    return mask


# --------------------------------------------------------------------- windows


class Span(NamedTuple):
    """A window along one axis, in pixels.

    Args:
        start: where the window begins.
        side: its length.
        first: the first pixel that is kept of it.
        share: float32 array, the window's part in each pixel that is kept.
    """

    start: int
    side: int
    first: int
    share: np.ndarray

    @property
    def kept(self):
        return slice(self.first, self.first + len(self.share))


class Window(NamedTuple):
    """A window, along rows and columns, and whether the network draws in it."""

    rows: Span
    columns: Span
    drawn: bool


def _cost(window):
    return window.rows.side**2 * (1 + NETWORK_COST * window.drawn)


def _plan(level):
    """Yields rows of windows that cover the holes of a level."""
    bounds = [_bounds(level.mask, axis) for axis in (1, 0)]
    lengths = level.mask.shape
    needs = [
        min(length, stop - start + 2 * MARGIN)
        for length, (start, stop) in zip(lengths, bounds, strict=True)
    ]
    side = next((side for side in WINDOWS if side >= max(needs)), WINDOWS[-1])
    spans = [_spans(*pair, side) for pair in zip(lengths, bounds, strict=True)]
    for rows in spans[0]:
        columns = [c for c in spans[1] if level.mask[rows.kept, c.kept].any()]
        if columns:
            yield [Window(rows, c, bool(level.thin[rows.kept, c.kept].any())) for c in columns]


def _spans(length, bounds, side):
    """Returns the windows that cover an axis of a length from one bound to the other."""
    start, stop = bounds
    step = stop - start if length <= side else side - 2 * MARGIN
    last = max(length - side, 0)
    spans = []
    for first in range(start, stop, step):
        end = min(first + step, stop)
        # Within the image if it can be; even, as pixels of half the size are pairs.
        begin = min(max((first + end - side) // 2, 0), last)
        begin += begin % 2
        low, high = max(first - RAMP, start), min(end + RAMP, stop)
        share = np.ones(high - low, "float32")
        ramp = (np.arange(2 * RAMP, dtype="float32") + 0.5) / (2 * RAMP)
        if first > start:
            share[: 2 * RAMP] *= ramp[: len(share)]
        if end < stop:
            share[end - RAMP - low :] *= 1 - ramp[: high - (end - RAMP)]
        spans.append(Span(begin, side, low, share))
    return spans


def _fill_level(model, level, plan, smaller):
    """Fills the holes of a level in place, and yields each row of windows that is drawn.

    Args:
        model: `zoo.InpaintingGAN`.
        level: `Level`.
        plan: list of rows of `Window`.
        smaller: array of half the size, whole.
    """
    batches = (_cut(level, window, smaller) for row in plan for window in row)
    drawn = draw_batches(model, batches, "refine_batch")
    left, right = _bounds(level.mask, 0)
    carry = np.zeros((0, right - left, level.image.shape[-1]), "float32")
    for index, row in enumerate(plan):
        kept = row[0].rows.kept
        # The next row of windows fades in over the last pixels of this one.
        band = np.zeros((kept.stop - kept.start, *carry.shape[1:]), "float32")
        band[: len(carry)] += carry
        for window in row:
            rows, columns = window.rows, window.columns
            inside = next(drawn)[0, _shift(kept, rows.start), _shift(columns.kept, columns.start)]
            share = rows.share[:, None, None] * columns.share[None, :, None]
            band[:, _shift(columns.kept, left)] += share * inside
        following = plan[index + 1][0].rows.first if index + 1 < len(plan) else kept.stop
        finished = min(following, kept.stop) - kept.start
        band, carry = band[:finished], band[finished:]
        here = slice(kept.start, kept.start + finished), slice(left, right)
        holes = level.mask[here]
        if level.image.dtype == np.uint8:
            band = np.clip(np.rint(band), 0, 255)
        level.image[here][holes] = band[holes]
        yield row


def _shift(part, start):
    return slice(part.start - start, part.stop - start)


def _cut(level, window, smaller):
    """Returns what `InpaintingGAN.refine_batch` takes, for one window."""
    sides = window.rows.side, window.columns.side
    here, there = (
        tuple(
            slice(span.start // part, (span.start + span.side) // part)
            for span in (window.rows, window.columns)
        )
        for part in (1, 2)
    )
    half = tuple(side // 2 for side in sides)
    arrays = [
        pad(level.image[here][None], sides).astype("float32"),
        pad(level.mask[here][None], sides),
        pad(smaller[there][None].astype("float32"), half),
    ]
    return (*arrays, pad(level.thin[here][None], sides)) if window.drawn else tuple(arrays)
