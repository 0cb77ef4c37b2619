"""Paints strokes of a round brush by rows of pixels; `xp` is `numpy` or `keras.ops`."""


def rows_of_capsules(xp, starts, stops, radius, height):
    """Returns the interval in which each row of pixels meets each stroke.

    A straight stroke of a round brush covers a capsule, which is convex: a row meets it in one
    interval, whose ends follow from its two discs and the rectangle between them.

    Args:
        xp: `numpy` or `keras.ops`.
        starts: `(x, y)`, each of shape `(N, strokes)`.
        stops: `(x, y)`, the same.
        radius: of shape `(N, 1)`.
        height: int.

    Returns:
        First and last x, each of shape `(N, strokes, height)`; first > last where a row misses the
        stroke.
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
    """Returns the interval of x with low <= slope * x <= high."""
    flat = xp.abs(slope) < 1e-6
    safe = xp.where(flat, 1.0, slope)
    ends = low / safe, high / safe
    everywhere = (low <= 0) & (high >= 0)
    first = xp.where(flat & everywhere, -far, xp.where(flat, far, xp.minimum(*ends)))
    last = xp.where(flat & everywhere, far, xp.where(flat, -far, xp.maximum(*ends)))
    return first, last


def paint_until(xp, left, right, target, most, width):
    """Returns the union of strokes, in turn, until `target` (N,) of the area is covered.

    A stroke that would cover more than `most` of the area is left out.
    """
    columns = xp.arange(width, dtype="float32") + 0.5
    covered, share = None, xp.zeros_like(target)
    for s in range(left.shape[1]):
        stroke = (columns >= left[:, s, :, None]) & (columns <= right[:, s, :, None])
        union = stroke if covered is None else covered | stroke
        new_share = xp.mean(xp.where(union, 1.0, 0.0), axis=(1, 2))
        wanted = xp.less(share, target) & (new_share <= most)  # of two precisions, maybe
        if covered is None:
            covered = union & wanted[:, None, None]
        else:
            covered = xp.where(wanted[:, None, None], union, covered)
        share = xp.where(wanted, new_share, share)
    return covered
