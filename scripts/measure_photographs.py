"""Scores photographs that a model restores, beside classical methods on the same holes.

python -m scripts.measure_photographs runs/photographs                 # all of them
python -m scripts.measure_photographs runs/photographs coffee rocket   # some

The photographs are those of everyday things that scikit-image's package holds. For each, the folder
gets a record `NAME.json` and a picture `NAME.png` of every hole; and, over all that are there, the
means in `photographs.json` and a few holes in `photographs.png`. Columns: as it was, with its hole,
OpenCV's Telea and Navier-Stokes, scikit-image's biharmonic, and the model. Those of the documents
are in docs/.
"""

import itertools
import json
import sys
import zlib
from pathlib import Path

import numpy as np

import zoo
from scripts.restoration_picture import HOLE_COLOR
from zoo.evaluation.baselines import METHODS, inpaint_classically
from zoo.evaluation.restorers import OURS
from zoo.files import replacing

MODEL = "inpaint_scenes64"
PHOTOGRAPHS = {
    "astronaut": "astronaut.png",
    "chelsea": "chelsea.png",
    "coffee": "coffee.png",
    "rocket": "rocket.jpg",
    "motorcycle": "motorcycle_left.png",
}
"""Name -> file in scikit-image's folder of data."""
PLACES = 5
"""Holes of each kind in each photograph."""
SQUARES = (20, 40, 80, 160)
STROKES = {8: (3, 60.0, 1.2), 24: (3, 60.0, 1.2)}
SCRATCHES = {3: (2, 100.0, 0.2)}
"""Width in pixels -> number of straight pieces, length of each in pixels, largest turn between two
in radians."""
REACH = 64
"""Pixels around a hole that classical methods are given; they look no farther than a few."""
SMALLEST_FRAME = 8
SHOWN = ("square 40", "square 160", "stroke 24")
"""Kinds of holes in the picture of all photographs: the first place of each."""
TILE = 128
"""Side of a hole in the picture, in pixels."""


def kinds() -> dict:
    """Returns the kinds of holes: name -> function of a shape and a random generator."""
    return {
        **{f"square {side}": _square(side) for side in SQUARES},
        **{f"stroke {width}": _line(width, *walk) for width, walk in STROKES.items()},
        **{f"scratch {width}": _line(width, *walk) for width, walk in SCRATCHES.items()},
    }


def _square(side):
    def draw(shape, rng):
        hole, margin = np.zeros(shape, bool), side // 4
        top, left = (int(rng.integers(margin, length - side - margin + 1)) for length in shape)
        hole[top : top + side, left : left + side] = True
        return hole

    return draw


def _line(width, pieces, length, turn):
    def draw(shape, rng):
        while True:  # until it lies inside of the photograph
            point = np.array([rng.uniform(0, side) for side in shape])
            angle, points = rng.uniform(0, 2 * np.pi), [point]
            for _ in range(pieces):
                points.append(points[-1] + length * np.array([np.sin(angle), np.cos(angle)]))
                angle += rng.uniform(-turn, turn)
            if all(
                width < min(axis) and max(axis) < side - width
                for axis, side in zip(zip(*points, strict=True), shape, strict=True)
            ):
                return _near(points, width / 2, shape)

    return draw


def _near(points, distance, shape):
    """Returns the pixels whose centers are near a line through points."""
    centers = np.stack(np.mgrid[: shape[0], : shape[1]], axis=-1) + 0.5
    near = np.zeros(shape, bool)
    for start, stop in itertools.pairwise(points):
        along = (centers - start) @ (stop - start) / np.dot(stop - start, stop - start)
        nearest = start + np.clip(along, 0, 1)[..., None] * (stop - start)
        near |= ((centers - nearest) ** 2).sum(axis=-1) <= distance**2
    return near


def frame_around(hole: np.ndarray, reach: int | None = None) -> tuple[slice, slice]:
    """Returns a frame of 1.5 times a hole's height and width, or with `reach` pixels around it."""
    slices = []
    for axis in (1, 0):
        marked = np.flatnonzero(hole.any(axis=axis))
        first, stop = int(marked[0]), int(marked[-1]) + 1
        around = max((stop - first) // 4, SMALLEST_FRAME // 2) if reach is None else reach
        slices.append(slice(max(first - around, 0), stop + around))
    return tuple(slices)


def measure(model, name: str) -> tuple[dict, list]:
    """Restores the holes of a photograph by every method.

    Args:
        model: has `inpaint(image, mask)`.
        name: str, one of `PHOTOGRAPHS`.

    Returns:
        The scores: kind of hole -> method -> `psnr` and `ssim`, a value for each place. And the
        pictures: a list of rows, of the parts of the photograph within the frame: as it was, with
        its hole, and as each method restores it.
    """
    from skimage.metrics import structural_similarity

    image = read(name)
    scores, rows = {}, []
    for kind, draw in kinds().items():
        scores[kind] = {}
        for place in range(PLACES):
            seed = zlib.crc32(f"{name}, {kind}, {place}".encode())
            hole = draw(image.shape[:2], np.random.default_rng(seed))
            near, frame = frame_around(hole, REACH), frame_around(hole)
            row = [image[frame], np.where(hole[..., None], np.uint8(HOLE_COLOR), image)[frame]]
            for method in (*METHODS, OURS):
                restored = image.copy()
                if method == OURS:
                    restored = model.inpaint(image, hole)
                else:
                    part = image[near][None], hole[near][None]
                    restored[near] = inpaint_classically(method, *part)[0]
                if not np.array_equal(restored[~hole], image[~hole]):
                    raise ValueError(f"{method} changed known pixels")
                error = np.mean((restored[frame].astype(float) - image[frame]) ** 2)
                values = scores[kind].setdefault(method, {"psnr": [], "ssim": []})
                values["psnr"].append(float(10 * np.log10(255**2 / max(error, 1e-6))))
                similar = structural_similarity(image[frame], restored[frame], channel_axis=-1)
                values["ssim"].append(float(similar))
                row.append(restored[frame])
            rows.append(row)
    return scores, rows


def read(name: str) -> np.ndarray:
    """Returns a photograph, uint8 of shape (H, W, 3)."""
    import skimage
    from PIL import Image

    path = Path(skimage.__file__).parent / "data" / PHOTOGRAPHS[name]
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


def draw_sheet(rows: list, tile: int = TILE):
    """Returns a picture of rows of parts of photographs, enlarged or shrunk to squares."""
    from PIL import Image

    sheet = Image.new("RGB", (len(rows[0]) * (tile + 2), len(rows) * (tile + 2)), "white")
    for y, row in enumerate(rows):
        for x, part in enumerate(row):
            scale = tile / max(part.shape[:2])
            height, width = (max(1, round(side * scale)) for side in part.shape[:2])
            small = Image.fromarray(part).resize((width, height), Image.Resampling.BICUBIC)
            sheet.paste(small, (x * (tile + 2), y * (tile + 2)))
    return sheet


def summarize(records: dict) -> dict:
    """Returns the means over photographs and places.

    Args:
        records: name of a photograph -> its scores, as `measure` returns them.

    Returns:
        kind of hole -> method -> `psnr` and `ssim`.
    """
    return {
        kind: {
            method: {
                figure: float(
                    np.mean([record[kind][method][figure] for record in records.values()])
                )
                for figure in ("psnr", "ssim")
            }
            for method in (*METHODS, OURS)
        }
        for kind in kinds()
    }


def main(arguments: list[str]) -> int:
    """Runs the command line `arguments`, and returns its exit status."""
    folder, names = Path(arguments[0]), arguments[1:] or list(PHOTOGRAPHS)
    folder.mkdir(parents=True, exist_ok=True)
    model = zoo.load(MODEL)
    for name in names:
        scores, rows = measure(model, name)
        _write(folder / f"{name}.json", scores)
        with replacing(folder / f"{name}.png") as temporary:
            draw_sheet(rows).save(temporary, format="PNG")
        print(f"wrote {folder / name}.json and .png", flush=True)
    paths = {name: folder / f"{name}.json" for name in PHOTOGRAPHS}
    records = {
        name: json.loads(path.read_text(encoding="utf-8"))
        for name, path in paths.items()
        if path.is_file()
    }
    record = {
        "command": "python -m scripts.measure_photographs",
        "protocol": (
            f"{len(records)} photographs of scikit-image ({', '.join(records)}), {PLACES} seeded "
            "places for each kind of hole, the same for all methods: squares by their side, brush "
            "strokes and scratches by their width, in pixels. Means over photographs and places of "
            "PSNR in dB and SSIM (scikit-image, uniform 7x7 window) inside a frame of 1.5 times "
            "the hole's height and width"
        ),
        "model": MODEL,
        "scores": summarize(records),
        "photographs": {name: summarize({name: scores}) for name, scores in records.items()},
    }
    _write(folder / "photographs.json", record)
    with replacing(folder / "photographs.png") as temporary:
        show_some([folder / f"{name}.png" for name in records]).save(
            temporary, format="PNG", optimize=True
        )
    return 0


def show_some(paths):
    """Returns a picture of some holes, cut from pictures of all of them."""
    from PIL import Image

    tile = TILE + 2
    names = list(kinds())
    strips = []
    for path in paths:
        with Image.open(path) as sheet:
            for kind in SHOWN:
                top = names.index(kind) * PLACES * tile
                strips.append(sheet.crop((0, top, sheet.width, top + TILE)).reduce(2))
    height = strips[0].height + 2
    picture = Image.new("RGB", (strips[0].width, height * len(strips)), "white")
    for index, strip in enumerate(strips):
        picture.paste(strip, (0, index * height))
    return picture


def _write(path, values):
    with replacing(path) as temporary:
        Path(temporary).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
