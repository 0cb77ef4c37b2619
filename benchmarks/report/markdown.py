"""Blocks of GitHub's Markdown. All texts are plain, and shown as they are."""

import re
from collections.abc import Iterable, Sequence


def heading(text: str, level: int) -> str:
    """Returns a heading."""
    return f"{'#' * level} {_escaped(text)}"


def paragraph(text: str) -> str:
    """Returns a paragraph."""
    return _escaped(text)


def picture(file: str, alt: str) -> str:
    """Returns a picture.

    Args:
        file: path relative to the report, with `/`.
        alt: what it shows.
    """
    return f"![{_escaped(alt)}]({file})"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> str:
    """Returns a table.

    Args:
        columns: the headings.
        rows: the cells of each row.
        texts: number of leading columns that hold texts; the others hold figures, aligned right.
    """
    lines = [
        [_escaped(column) for column in columns],
        ["---"] * texts + ["---:"] * (len(columns) - texts),
        *([_escaped(cell) for cell in row] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def joined(blocks: Iterable[str]) -> str:
    """Returns the blocks as one text that ends in a line break."""
    return "\n\n".join(blocks) + "\n"


def one_line(text: object) -> str:
    """Returns `text` without line breaks, control characters and what UTF-8 can't encode."""
    text = str(text).encode("utf-8", "replace").decode("utf-8")
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", text).strip()


def _escaped(text):
    """`text` so that Markdown shows it as it is, in a table too."""
    text = one_line(text).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*_|\[\]~$])", r"\\\1", text)
