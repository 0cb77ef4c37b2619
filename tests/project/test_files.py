"""Writing files: whole or not at all, as readable as any other, nothing left behind."""

import os
import sys

import pytest

from zoo.errors import InvalidInputError
from zoo.files import placing_folder, remove_leftovers, replacing

pytestmark = pytest.mark.no_backend


def write(path, text):
    with replacing(path) as temporary:
        assert temporary.suffix == path.suffix
        temporary.write_text(text)


def test_a_file_is_made_with_its_folders_and_replaced(tmp_path):
    path = tmp_path / "new" / "folder" / "a.txt"
    for text in ("older", "newer"):
        write(path, text)
        assert path.read_text() == text
    assert os.listdir(path.parent) == [path.name]
    ordinary = path.with_name("ordinary")
    ordinary.touch()
    assert path.stat().st_mode == ordinary.stat().st_mode


@pytest.mark.parametrize("failing", ["writing", "fsync", "replace"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=["full", "stop"])
def test_a_failure_leaves_the_older_file_and_no_litter(tmp_path, monkeypatch, failing, error):
    path = tmp_path / "a.txt"
    write(path, "older")

    def fail(*args):
        raise error

    if failing != "writing":
        monkeypatch.setattr(os, failing, fail)
    with pytest.raises(type(error)), replacing(path) as temporary:  # noqa: PT012
        temporary.write_text("newer")
        if failing == "writing":
            fail()
    assert path.read_text() == "older"
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.skipif(sys.platform == "win32", reason="links take a privilege there")
def test_a_link_stays_one(tmp_path):
    (tmp_path / "link.txt").symlink_to(tmp_path / "a.txt")
    write(tmp_path / "link.txt", "text")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "a.txt").read_text() == "text"


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="no regular file"), replacing(tmp_path):
        pass


def test_what_a_killed_process_left_is_removed(tmp_path):
    for name in (".tmpabc.a.txt", ".tmpabc.a.png", "a.txt"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path, "*.txt")
    assert sorted(os.listdir(tmp_path)) == [".tmpabc.a.png", "a.txt"]


def test_a_folder_is_placed_whole_or_not_at_all(tmp_path):
    path, ordinary = tmp_path / "made" / "model", tmp_path / "made" / "ordinary"
    ordinary.mkdir(parents=True)
    for _ in range(2):  # where there is none, and where there is an empty one
        with placing_folder(path) as temporary:
            (temporary / "a.txt").write_text("text")
        assert (path / "a.txt").read_text() == "text"
        assert path.stat().st_mode == ordinary.stat().st_mode
        (path / "a.txt").unlink()
    with pytest.raises(OSError, match="disk full"), placing_folder(path):  # noqa: PT012
        (path / "a.txt").write_text("somebody else's")
        raise OSError("disk full")
    assert (path / "a.txt").read_text() == "somebody else's"
    assert sorted(os.listdir(path.parent)) == ["model", "ordinary"]
