"""`python -m benchmarks`: how fast the zoo is. Imports neither Keras nor a framework."""

import sys

import typer

from benchmarks.arguments import spread
from benchmarks.cli import SEVERAL, run_command
from benchmarks.compare import compare_command
from benchmarks.report import report_command

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _suite():
    """The throughput suite: measure the zoo and hand-written loops, report, compare."""


app.command("run")(run_command)
app.command("report")(report_command)
app.command("compare")(compare_command)


def main(arguments=None):
    """Runs a command line and exits with its status: 0, 2 for an error, 130 if interrupted.

    Args:
        arguments: list of str; by default those of the process.

    Raises:
        SystemExit: always.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments[:1] == ["run"]:
        arguments = spread(arguments, SEVERAL)
    app(arguments, prog_name="python -m benchmarks")


if __name__ == "__main__":
    main()
