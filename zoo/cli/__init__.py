"""The command line: `zoo list`, `info`, `sample`, `inpaint`, `train`, `evaluate` and others.

Keras and NumPy are imported only once a command needs them: `zoo list` answers at once.
"""

import io
import os
import sys
import traceback
import warnings
from typing import Annotated

import typer
import typer.core

import zoo
from zoo import interrupts
from zoo.cli import (
    demo,
    evaluate,
    explore,
    export,
    inpaint,
    neighbors,
    progress,
    push,
    sample,
    shard,
    train,
    verify,
)
from zoo.cli.checks import Name, command_line
from zoo.errors import ZooError

FAILED = 2
DEBUG = "--debug"

# Click's, or Typer's own copy of it: only this name is public in every version of Typer.
_UsageError = typer.BadParameter.__base__


class _Commands(typer.core.TyperGroup):
    """Turns errors into one line and an exit status."""

    def main(self, args=None, prog_name=None, **options):
        args = list(sys.argv[1:] if args is None else args)
        debug = DEBUG in args
        # Accepted anywhere: users add it to the end of the command that just failed.
        args = [argument for argument in args if argument != DEBUG]
        options["standalone_mode"] = False
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            try:
                status = super().main(args, prog_name, **options) or 0
                sys.stdout.flush()
            except BrokenPipeError:
                status = _leave_pipe()
            except (ZooError, OSError, _UsageError) as error:
                if debug:
                    traceback.print_exc()
                print(f"error: {_line(error)}", file=sys.stderr)
                status = FAILED
        sys.exit(status)


def _line(error):
    """Returns an error's message on one line."""
    if isinstance(error, _UsageError):
        command = error.ctx.command_path if error.ctx else "zoo"
        text = f"{error.format_message().rstrip('.')}. See `{command} --help`."
    elif isinstance(error, OSError) and not isinstance(error, ZooError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    else:
        text = str(error) or type(error).__name__
    return " ".join(line.strip() for line in text.splitlines())


def _show_warning(message, category, filename, lineno, file=None, line=None):
    """Prints a warning as one line, without its place in the code."""
    text = " ".join(str(message).split())
    print(f"warning: {text}", file=file or sys.stderr)


def _leave_pipe():
    """Ends quietly after the reader of a pipe left, as `head` does."""
    # Otherwise Python fails to flush at its exit, and reports it.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    rich_markup_mode=None,  # spares the import of most of Rich
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool):
    if wanted:
        print(f"zoo {zoo.__version__}")
        raise typer.Exit()


@app.callback(invoke_without_command=True)
def _global_options(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
    debug: Annotated[bool, typer.Option(DEBUG, help="Show the traceback of an error.")] = False,
):
    """A model zoo of generative adversarial networks: TensorFlow, PyTorch and JAX.

    KERAS_BACKEND chooses among the backends that are installed.
    """
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command("list")
def list_command(
    pattern: Annotated[
        str,
        typer.Argument(
            metavar="PATTERN", help="Shell wildcards: 'dcgan*'. Or an owner's: hf://OWNER."
        ),
    ] = "*",
    pretrained: Annotated[
        bool, typer.Option("--pretrained", help="Only models with pretrained weights.")
    ] = False,
):
    """List the models."""
    from zoo.cli import tables
    from zoo.hub import loading, sharing

    names = loading.list_models(pattern, pretrained=pretrained or None)
    if sharing.is_address(pattern):
        for address in names:
            print(address)
        if not names:
            print(f"no model of the zoo at {pattern}", file=sys.stderr)
    elif names:
        tables.print_list([loading.info(name) for name in names])
    else:
        kind = "pretrained model" if pretrained else "model"
        print(f"no {kind} matches {pattern!r}; `zoo list` shows all", file=sys.stderr)


@app.command("info")
def info_command(
    name: Name,
    as_json: Annotated[bool, typer.Option("--json", help="Print the card as JSON.")] = False,
):
    """Show a model's card."""
    from zoo.cli import tables
    from zoo.hub import loading

    card = loading.info(name)
    if as_json:
        tables.print_json(card)
    else:
        tables.print_card(card, name)


app.command("sample")(sample.sample)
app.command("explore")(explore.explore)
app.command("inpaint")(inpaint.inpaint)
app.command("demo")(demo.demo)
app.command("export")(export.export)
app.command("shard")(shard.shard)
app.command("train")(train.train)
app.command("progress")(progress.progress)
app.command("evaluate")(evaluate.evaluate)
app.command("neighbors")(neighbors.neighbors)
app.command("verify")(verify.verify)
app.command("push")(push.push)


def main(arguments=None):
    """Runs a command line and exits with its status: 0, 2 for an error, 130 if interrupted.

    Ctrl-C ends the process at once, see `zoo.interrupts`.

    Args:
        arguments: list of str; by default those of the process.

    Raises:
        SystemExit: always.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A path can have characters that the terminal's encoding lacks.
            stream.reconfigure(errors="backslashreplace")
    with interrupts.ending_at_once():
        interrupts.advise(command_line(*arguments))
        app(arguments, prog_name="zoo")
