"""The README: its table is what the cards say, and its programs run."""

import re
import subprocess
import sys

import pytest

from scripts import update_readme
from tests.processes import HERE, ROOT, environment

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAMS = {
    re.search(r"[a-z_]+ = keras.Sequential|gan_stripes", code)[0]: code
    for code in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    if "import zoo" in code and ("Sequential" in code or "gan_stripes" in code)
}


def test_what_is_made_from_the_cards_is_up_to_date():
    for path, text in update_readme.files().items():
        assert path.read_text(encoding="utf-8") == text, "run python -m scripts.update_readme"


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_whole_programs_run_as_they_stand(name, tmp_path):
    code = PROGRAMS[name].replace("epochs=5", "epochs=1").replace('"epochs": 30', '"epochs": 2')
    (tmp_path / "program.py").write_text(code)
    result = subprocess.run(
        [sys.executable, "-W", "error::FutureWarning", "program.py"],
        cwd=tmp_path,
        env=environment(HERE),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr


def test_there_are_programs_to_run():
    assert len(PROGRAMS) == 2
    assert all(len(code.splitlines()) <= 30 for code in PROGRAMS.values())


def test_no_link_into_the_checkout_is_broken():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT)
    assert links
    for link in links:
        assert (ROOT / link).exists(), link
