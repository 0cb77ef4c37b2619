"""A report as a list of blocks, and the list as Markdown."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Heading:
    text: str
    level: int


@dataclass(frozen=True)
class Paragraph:
    text: str


@dataclass(frozen=True)
class Table:
    """Plain texts: every renderer escapes them its own way."""

    columns: tuple
    rows: tuple
    texts: int = 1
    """How many of the first columns are texts; the others are figures, aligned on the right."""


@dataclass(frozen=True)
class Picture:
    file: str
    """Path relative to the report, with `/`."""
    alt: str


def one_line(text):
    """`text` without line breaks, control characters and what UTF-8 can't write."""
    text = str(text).encode("utf-8", "replace").decode("utf-8")
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", text).strip()


def to_markdown(blocks):
    """The blocks as GitHub's Markdown, ending in a line break."""
    return "\n\n".join(_RENDERERS[type(block)](block) for block in blocks) + "\n"


def _escaped(text):
    """`text` so that Markdown shows it as it is, in a table too."""
    text = one_line(text).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*_|\[\]~$])", r"\\\1", text)


def _table(table):
    texts = ["---"] * table.texts
    lines = [
        [_escaped(column) for column in table.columns],
        texts + ["---:"] * (len(table.columns) - table.texts),
        *([_escaped(cell) for cell in row] for row in table.rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


_RENDERERS = {
    Heading: lambda block: f"{'#' * block.level} {_escaped(block.text)}",
    Paragraph: lambda block: _escaped(block.text),
    Picture: lambda block: f"![{_escaped(block.alt)}]({block.file})",
    Table: _table,
}
