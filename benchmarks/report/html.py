"""A report as one HTML file that needs no other file."""

import base64
from collections.abc import Mapping
from html import escape

from markdown_it import MarkdownIt

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
p:has(> img) { max-width: none; }
.table { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3rem 0.7rem; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; }
th { color: var(--soft); font-weight: 600; }
tbody tr:nth-child(even) { background: var(--stripe); }
[style*=right] { white-space: nowrap; }
img { display: block; max-width: 100%; height: auto; border-radius: 6px;
  background: #ffffff; }
""".strip()


def to_html(title: str, markdown: str, pictures: Mapping[str, bytes]) -> str:
    """Returns a page with everything in it.

    Args:
        title: the page's title.
        markdown: the page's content.
        pictures: dictionary from each picture's file to the bytes of its PNG.
    """
    parser = MarkdownIt("js-default")  # GitHub's tables; HTML in the text is shown, not obeyed
    parser.add_render_rule("table_open", lambda *_: '<div class="table"><table>\n')
    parser.add_render_rule("table_close", lambda *_: "</table></div>\n")
    tokens = parser.parse(markdown)
    for token in tokens:
        for child in token.children or ():
            if child.type == "image":
                data = base64.b64encode(pictures[child.attrs["src"]]).decode("ascii")
                child.attrs["src"] = f"data:image/png;base64,{data}"
    body = parser.renderer.render(tokens, parser.options, {})
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE}\n</style>\n</head>\n"
        f"<body>\n{body}</body>\n</html>\n"
    )
