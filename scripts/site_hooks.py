"""Hooks of `mkdocs build`: what pages link to outside of `docs` becomes part of the site.

Pages link to files of the repository as they do on GitHub. Here the README is the first page; other
documents and notebooks are pages under `repository/`, sources are pages that show them, and
pictures and records are copied. So the site needs no repository on the web, and its links are
checked.
"""

import json
import re
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
PLACE = PurePosixPath("repository")
SHOWN = {".py": "python", ".pyi": "python", ".js": "javascript", ".cff": "yaml", "": "text"}
"""Suffix of a source -> the language that it is highlighted in."""
NOTEBOOK = ".ipynb"
LINK = re.compile(r"(\]\()(?!https?:|mailto:|#)([^)\s#]+)")


def on_files(files, config):
    """Adds the files that pages link to, and those that these link to."""
    waiting = [
        (f"docs/{file.src_uri}", file.content_string) for file in files.documentation_pages()
    ]
    waiting.append(("README.md", _read("README.md")))
    done = {name for name, _ in waiting}
    _add(files, config, "README.md")
    for path in sorted(ROOT.glob(f"examples/notebooks/*{NOTEBOOK}")):
        _add(files, config, path.relative_to(ROOT).as_posix())
        done.add(path.relative_to(ROOT).as_posix())
    while waiting:
        name, text = waiting.pop()
        for target in _targets(name, text):
            if target in done or target.startswith("docs/"):
                continue
            done.add(target)
            _add(files, config, target)
            if target.endswith(".md"):
                waiting.append((target, _read(target)))
    return files


def on_page_markdown(markdown, page, config, files):
    """Points a page's links to where their targets are on the site."""
    del config, files
    source = _source(page.file.src_uri)
    if source is None:
        return markdown

    def replace(match):
        target = _resolve(source, match[2])
        if target is None:
            return match[0]
        here = PurePosixPath(page.file.src_uri).parent.as_posix()
        return match[1] + relpath(_on_site(target), here)

    return LINK.sub(replace, markdown)


def _add(files, config, name):
    """Adds one file of the repository."""
    place = _on_site(name)
    suffix = PurePosixPath(name).suffix
    if suffix == NOTEBOOK:
        files.append(File.generated(config, place, content=_notebook(name)))
    elif suffix in SHOWN:
        text = f"# {name}\n\n````{SHOWN[suffix]}\n{_read(name)}\n````\n"
        files.append(File.generated(config, place, content=text))
    else:
        files.append(File.generated(config, place, abs_src_path=str(ROOT / name)))


def _on_site(name):
    """Returns the place of a file of the repository among the site's sources."""
    if name.startswith("docs/"):
        return name.removeprefix("docs/")
    if name == "README.md":
        return "index.md"
    path = PurePosixPath(name)
    shown = path.suffix in SHOWN or path.suffix == NOTEBOOK
    return (PLACE / (f"{path}.md" if shown else path)).as_posix()


def _notebook(name):
    """Returns a notebook as Markdown, its cells one after another."""
    parts = []
    for cell in json.loads(_read(name))["cells"]:
        text = "".join(cell["source"])
        parts.append(text if cell["cell_type"] == "markdown" else f"````python\n{text}\n````")
    return "\n\n".join(parts)


def _source(place):
    """Returns which file of the repository a page is; `None` for one that shows a source."""
    if place == "index.md":
        return "README.md"
    if not place.startswith(f"{PLACE}/"):
        return f"docs/{place}"
    name = place.removeprefix(f"{PLACE}/").removesuffix(f"{NOTEBOOK}.md")
    name += NOTEBOOK if place.endswith(f"{NOTEBOOK}.md") else ""
    return name if (ROOT / name).is_file() else None


def _targets(name, text):
    return {target for _, link in LINK.findall(text) if (target := _resolve(name, link))}


def _resolve(name, link):
    """Returns the file of the repository that a link leads to, `None` if there is none."""
    target = normpath((PurePosixPath(name).parent / link.replace("\\", "")).as_posix())
    return target if (ROOT / target).is_file() else None


def _read(name):
    return (ROOT / name).read_text(encoding="utf-8")
