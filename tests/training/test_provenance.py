"""Where a record comes from: never the commit of a repository that merely surrounds the package."""

import importlib.util
import shutil
import subprocess
import sys

import pytest

from tests.processes import ROOT
from zoo.imports import PACKAGES
from zoo.training import provenance

pytestmark = pytest.mark.no_backend


def git(folder, *arguments):
    settings = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.com"]
    command = ["git", "-C", folder, *settings, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path):
    """Another project's repository, with a commit and an ignored `.venv`."""
    if shutil.which("git") is None:
        pytest.skip("git isn't installed")
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text(".venv\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def copied_to(folder):
    """The module, as the package copied into `folder` has it."""
    path = folder / "zoo" / "training" / "provenance.py"
    path.parent.mkdir(parents=True)
    shutil.copy(provenance.__file__, path)
    spec = importlib.util.spec_from_file_location("copied_provenance", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("folder", [".venv/lib/python3.11/site-packages", "vendored", "."])
def test_an_installed_package_has_no_commit(repository, folder, monkeypatch):
    installed = copied_to(repository / folder)
    assert installed.commit() == ""
    # As in a hook of that repository.
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    assert installed.commit() == ""


def test_a_checkout_has_one(repository):
    package = copied_to(repository)
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "the package")
    head = git(repository, "rev-parse", "HEAD")
    assert package.commit() == head
    (repository / ".gitignore").write_text("")
    assert package.commit() == f"{head}-dirty"


def test_without_git_there_is_none(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert provenance.commit() == ""


@pytest.mark.parametrize("backend", PACKAGES)
def test_versions(backend):
    found = provenance.versions(backend)
    assert list(found) == ["keras", "backend", "numpy", "python"]
    assert all(version[0].isdigit() for name, version in found.items() if name != "backend")


def test_no_framework_is_imported():
    code = "import sys; from zoo.training import provenance; provenance.versions('torch');"
    code += "print({'keras', 'numpy', 'torch'} & set(sys.modules))"
    found = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT)
    assert found == "set()\n"
