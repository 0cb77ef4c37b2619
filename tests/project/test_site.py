"""The documentation site: it is built without a warning, and has what a reader looks for."""

import re
import subprocess
import sys
import zlib

import pytest

import zoo
from tests.processes import ROOT

pytestmark = pytest.mark.no_backend


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("mkdocs")
    pytest.importorskip("mkdocstrings")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_reference_has_every_public_name(site):
    inventory = zlib.decompress((site / "objects.inv").read_bytes().split(b"\n", 4)[4]).decode()
    described = {line.split()[0] for line in inventory.splitlines()}
    for name in set(zoo.__all__) - {"ZooError", "__version__"}:
        assert f"zoo.{name}" in described, name


def test_links_out_of_the_documents_lead_to_pages(site):
    page = (site / "step/index.html").read_text(encoding="utf-8")
    (link,) = set(re.findall(r'href="([^"]*step\.py[^"]*)"', page))
    source = (site / "step" / link / "index.html").read_text(encoding="utf-8")
    assert "forward_and_pullback" in source


def test_nothing_is_loaded_from_elsewhere(site):
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="https?:[^"]*"', text), path


def test_sessions_in_docstrings_are_code(site):
    page = (site / "reference/evaluation/index.html").read_text(encoding="utf-8")
    assert "<blockquote>" not in page
    assert "&gt;&gt;&gt;" in page
