"""A report as one HTML file that needs nothing beside it."""

import base64
from html import escape

from benchmarks.report.document import Heading, Paragraph, Picture, Table, one_line

STYLE = """
:root { color-scheme: light dark; --text: #1f2328; --soft: #59636e; --line: #d1d9e0;
  --stripe: #f6f8fa; --page: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --soft: #9198a1; --line: #3d444d;
  --stripe: #151b23; --page: #0d1117; } }
body { margin: 0 auto; padding: 1rem; max-width: 75rem; color: var(--text);
  background: var(--page); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1, h2, h3 { line-height: 1.25; margin: 2rem 0 0.75rem; }
h2 { border-bottom: 1px solid var(--line); padding-bottom: 0.3rem; }
p { max-width: 45rem; }
.table { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3rem 0.7rem; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; }
th { color: var(--soft); font-weight: 600; }
tbody tr:nth-child(even) { background: var(--stripe); }
.figure { text-align: right; white-space: nowrap; }
img { display: block; max-width: 100%; height: auto; margin: 1rem 0; border-radius: 6px;
  background: #ffffff; }
""".strip()


def to_html(title, blocks, pictures):
    """The blocks as a page.

    Args:
        title: str, the page's title.
        blocks: list of blocks of `document`.
        pictures: dictionary from a `Picture.file` to the bytes of its PNG.

    Returns:
        The page, a str.
    """
    body = "\n".join(_block(block, pictures) for block in blocks)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_escaped(title)}</title>\n<style>\n{STYLE}\n</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _escaped(text):
    return escape(one_line(text))


def _block(block, pictures):
    match block:
        case Heading():
            return f"<h{block.level}>{_escaped(block.text)}</h{block.level}>"
        case Paragraph():
            return f"<p>{_escaped(block.text)}</p>"
        case Picture():
            data = base64.b64encode(pictures[block.file]).decode("ascii")
            return f'<img alt="{_escaped(block.alt)}" src="data:image/png;base64,{data}">'
        case Table():
            return _table(block)


def _table(table):
    head = _cells("th", table.columns, table.texts)
    rows = "\n".join(f"<tr>{_cells('td', row, table.texts)}</tr>" for row in table.rows)
    return (
        f'<div class="table"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody>\n</table></div>"
    )


def _cells(tag, texts, plain):
    figure = ' class="figure"'
    return "".join(
        f"<{tag}{'' if i < plain else figure}>{_escaped(text)}</{tag}>"
        for i, text in enumerate(texts)
    )
