"""Command lines by chance: words that mean something, in places where they don't."""

import contextlib
import io
import os

from zoo.errors import ZooError

COMMANDS = ("list", "info", "sample", "inpaint", "train", "progress", "evaluate", "neighbors")
COMMANDS += ("verify",)
OPTIONS = ("--help", "-h", "--version", "--debug", "-n", "--count", "-o", "--output", "--seed")
OPTIONS += ("--weights", "--json", "--pretrained", "--max-bytes", "--resize-mask", "--dataset")
OPTIONS += ("--epochs", "--out", "--data", "--batch-size", "--limit", "-k", "--labels", "--", "-")
VALUES = ("", "0", "-1", "1.5", "nan", "1e999", str(10**30), "x", "é", "\ud800", "a\nb", "*", "[")
VALUES += ("gan_mnist_smal", "dcgan*", "nowhere.weights.h5", "folder", "a.png", "a.gif", "a.npz")
VALUES += ("/nowhere/x", "../x", "text.json", "text.weights.h5", "/dev/null", "x" * 5000, "\0")
# No name of a registered model: none of these is to be built, trained or drawn from.


class Commands:
    """`zoo` with arguments by chance: an exit status of 0, 2 or 130, no traceback."""

    def __init__(self, folder):
        self.folder = folder / "commands"
        (self.folder / "folder").mkdir(parents=True, exist_ok=True)
        for name in ("a.png", "text.json", "text.weights.h5"):
            (self.folder / name).write_text("text")

    def warm_up(self):
        status, _ = call(["list"], self.folder)
        assert status == 0

    def run(self, rng):
        arguments = [rng.choice(COMMANDS)] if rng.random() < 0.95 else []
        for _ in range(rng.randrange(6)):
            arguments.append(rng.choice(OPTIONS if rng.random() < 0.4 else VALUES))
        rng.random() < 0.05 and rng.shuffle(arguments)
        status, stderr = call(arguments, self.folder)
        assert status in (0, 2, 130), (arguments, status, stderr)
        if "--debug" not in arguments:
            assert "Traceback" not in stderr, (arguments, stderr)
            assert status == 0 or "error: " in stderr, (arguments, stderr)
        return f"status {status}"


def call(arguments, folder):
    """(exit status, what went to stderr) of a command line."""
    from zoo.cli import main

    before = os.getcwd()
    stdout, stderr = io.StringIO(), io.StringIO()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            main(arguments)
    except SystemExit as leaving:
        return leaving.code or 0, stderr.getvalue()
    except ZooError as error:
        raise AssertionError(f"{arguments}: {error!r} was not caught") from error
    finally:
        os.chdir(before)
    raise AssertionError(f"{arguments}: `main` returned")
