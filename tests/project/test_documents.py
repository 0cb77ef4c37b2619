"""README, docs, notebooks: figures are the cards', links lead somewhere, commands work."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest
import typer

import zoo
from scripts import update_readme
from tests.processes import ROOT, run_python
from tests.project.examples import NOTEBOOKS, cells, cheap, python_blocks, run

DOCUMENTS = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "weights/README.md"])
} | {
    path.relative_to(ROOT).as_posix(): "\n\n".join(cells(path, "markdown").values())
    for path in NOTEBOOKS
}
TEXTS = DOCUMENTS.items()
LINKS = [
    (name, link) for name, text in TEXTS for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text)
]
COMMANDS = {
    (name, line.strip())
    for name, text in TEXTS
    for line in [
        *(
            line
            for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
            for line in block.splitlines()
        ),
        *re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)),
    ]
    if re.match(r"(zoo|python -m|python examples)\b ", line.strip())
}
ELSEWHERE = "docs/export.md"  # tests/exporting runs them, where their packages are
PROGRAMS = {
    name: blocks for name, text in TEXTS if (blocks := python_blocks(text)) and name != ELSEWHERE
}
WHOLE = [
    block
    for blocks in PROGRAMS.values()
    for block in blocks
    if "import zoo" in block and re.search(r"keras.Sequential|__main__", block)
]

# ---------------------------------------------------------------- figures, links


@pytest.mark.no_backend
def test_what_is_made_from_the_cards_is_up_to_date():
    for path, text in update_readme.files().items():
        assert path.read_text(encoding="utf-8") == text, "run python -m scripts.update_readme"


@pytest.mark.no_backend
def test_the_readme_is_short():
    assert len(DOCUMENTS["README.md"].splitlines()) <= 180
    assert all(len(code.splitlines()) <= 30 for code in WHOLE)


def anchors(text):
    """Returns the anchors that GitHub and mkdocs give to a document's headings."""
    headings = re.findall(
        r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE
    )
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


@pytest.mark.no_backend
def test_no_link_into_the_checkout_is_broken():
    assert len(LINKS) > 40
    for document, link in LINKS:
        target, _, anchor = link.replace("\\", "").partition("#")
        path = (ROOT / document).parent / target if target else ROOT / document
        assert path.exists(), f"{document}: {link}"
        if anchor:
            assert anchor in anchors(path.read_text(encoding="utf-8")), f"{document}: {link}"


@pytest.mark.no_backend
def test_every_file_that_is_named_exists():
    named = {path for text in DOCUMENTS.values() for path in re.findall(r"`(zoo/[\w/.]+)`", text)}
    assert "zoo/losses.py" in named
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.no_backend
def test_the_page_on_the_step_quotes_it():
    source = (ROOT / "zoo/adversarial/step.py").read_text(encoding="utf-8").splitlines()
    blocks = re.findall(r"```py\n(.*?)```", DOCUMENTS["docs/step.md"], re.DOTALL)
    quoted = [line for block in blocks for line in block.splitlines()]
    assert len(quoted) > 10
    assert [line for line in quoted if line not in source] == []


# ---------------------------------------------------------------- commands


def words(line):
    """Returns a command line's words, without a comment and what a shell does with the rest."""
    return shlex.split(line.replace("NAME", "dcgan_mnist").replace("LOSS", "hinge"), comments=True)


@pytest.mark.no_backend
@pytest.mark.parametrize(("document", "line"), sorted(COMMANDS))
def test_commands_exist_with_their_options_and_models(document, line):
    program, *arguments = words(line)
    if program == "zoo":
        from zoo.cli import app
    elif arguments[:2] == ["-m", "benchmarks"]:
        from benchmarks.cli import app

        arguments = arguments[2:]
    else:  # a script, as a module or by its path
        module = arguments[1] if arguments[0] == "-m" else arguments[0][:-3].replace("/", ".")
        source = Path(importlib.util.find_spec(module).origin).read_text(encoding="utf-8")
        for word in arguments[1:]:
            assert not word.startswith("--") or f'"{word}"' in source, word
        return
    group = typer.main.get_command(app)
    if not arguments:
        return
    command = group.commands[arguments[0]]
    known = {option for parameter in command.params for option in parameter.opts}
    for word in arguments[1:]:
        if word.startswith("-") and not word[1:].isdigit():
            assert word in known, word
    if program == "zoo" and command.params[0].name == "name":
        assert set(arguments[1:2]) <= {*zoo.list_models(), "runs/photos", "hf://ann/photos"}


@pytest.mark.no_backend
def test_there_are_commands_and_programs():
    assert {"zoo sample dcgan_mnist -n 64 -o digits.png"} <= {line for _, line in COMMANDS}
    assert len(COMMANDS) > 30
    assert len(WHOLE) == 2
    assert sum(map(len, PROGRAMS.values())) >= 13


# ---------------------------------------------------------------- programs


@pytest.mark.parametrize("code", WHOLE, ids=["ring", "stripes"])
def test_whole_programs_run_as_they_stand(code, tmp_path):
    (tmp_path / "program.py").write_text(cheap(code))
    run_python("-W", "error::FutureWarning", "program.py", cwd=tmp_path)


@pytest.mark.cross_backend
@pytest.mark.parametrize("document", PROGRAMS)
def test_programs_run_one_after_another(document, workplace, own_registry):
    """The blocks of a document, as a reader would paste them into one session."""
    names = {"__name__": document}
    for block in PROGRAMS[document]:
        if block not in WHOLE:
            run(block, document, names)
