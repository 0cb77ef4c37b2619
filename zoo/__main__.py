"""`zoo` and `python -m zoo`: the command line."""

from zoo import memory
from zoo.interrupts import ending_at_once


def main() -> None:
    """Runs the command line of this process."""
    with ending_at_once():  # from here on: importing the commands takes a moment
        from zoo import cli

        memory.keep_freed()
        cli.main()


if __name__ == "__main__":
    main()
