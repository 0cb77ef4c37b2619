"""Pictures as HTML that holds them: no file of them lies on the server."""

import base64
import html
import io
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from zoo.images.grids import save_gif, show

CSS = """
.figures { display: flex; flex-wrap: wrap; gap: 1rem; }
.figures figure { flex: 1 1 18rem; max-width: 40rem; margin: 0; }
.figures img { width: 100%; image-rendering: pixelated; }
.figures figcaption { text-align: center; overflow-wrap: anywhere; }
"""


def grid_figure(images: np.ndarray, caption: str) -> str:
    """Returns images as one grid, a PNG in an HTML figure.

    Args:
        images: uint8 array of shape `(N, H, W, C)`.
        caption: str.

    Example:

    >>> from zoo.demo.figures import grid_figure
    >>> grid_figure(np.zeros((4, 8, 8, 1), "uint8"), "four")[:48]
    '<figure><img alt="four" src="data:image/png;base'
    """
    return _figure(_png(show(images)), "png", caption)


def walk_figure(frames: np.ndarray, caption: str) -> str:
    """Returns frames, each a grid, as an animated GIF in an HTML figure.

    Args:
        frames: uint8 array of shape `(frames, N, H, W, C)`.
        caption: str.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "walk.gif")
        save_gif(frames, path)
        return _figure(path.read_bytes(), "gif", caption)


def picture_figure(picture: np.ndarray, caption: str) -> str:
    """Returns a picture, pixel by pixel, as a PNG in an HTML figure.

    Args:
        picture: uint8 array of shape `(H, W, 3)`.
        caption: str.
    """
    from PIL import Image

    return _figure(_png(Image.fromarray(picture)), "png", caption)


def arrange(figures: Iterable[str], note: str = "") -> str:
    """Returns figures side by side, above a note."""
    return f'<div class="figures">{"".join(figures)}</div><p>{html.escape(note)}</p>'


def _png(picture):
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def _figure(data, kind, caption):
    caption = html.escape(caption)
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    image = f'<img alt="{caption}" src="{source}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"
