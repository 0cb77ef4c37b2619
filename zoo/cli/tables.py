"""What `zoo list` and `zoo info` print."""

import dataclasses
import json
import sys

from rich.console import Console
from rich.table import Table

UNLIMITED = 10_000  # columns


def print_list(cards):
    """Prints a table, one line for each card."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("NAME", "FAMILY", "DATASET"):
        table.add_column(heading, no_wrap=True)
    for heading in ("PARAMETERS", "PRETRAINED", "SIZE"):
        table.add_column(heading, justify="right", no_wrap=True)
    for card in cards:
        # Counting the parameters of the others would take Keras.
        parameters = f"{sum(card.parameters.values()):,}" if card.parameters else "-"
        mark = "yes" if card.pretrained else "-"
        table.add_row(
            card.name, card.family, card.dataset or "-", parameters, mark, _size(card.size)
        )
    _console().print(table)


def print_card(card):
    """Prints a card, one line for each of its values."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for key, value in dataclasses.asdict(card).items():
        title = key.replace("_", " ")
        if isinstance(value, dict):
            for index, line in enumerate(_lines(value)):
                table.add_row("" if index else title, line)
        elif key == "size":
            table.add_row(title, _size(value))
        elif key == "sha256":
            none = f"none: no pretrained weights; `zoo train {card.name}` makes some"
            table.add_row(title, value or none)
        else:
            table.add_row(title, value or "-")
    _console().print(table)


def print_scores(title, headings, rows):
    """Prints a table of figures under a title: texts, the first of each row to the left."""
    print(title)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(headings[0], overflow="fold")
    for heading in headings[1:]:
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(*row)
    _console().print(table)


def print_json(card):
    """Prints a card as it lies in a file."""
    print(json.dumps(dataclasses.asdict(card), indent=2, ensure_ascii=False))


def _lines(values, prefix=""):
    if not values:
        return ["-"]
    lines = []
    for key, value in values.items():
        if isinstance(value, dict):
            lines += _lines(value, f"{prefix}{key}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            lines.append(f"{prefix}{key}: {text}")
    return lines


def _size(size):
    return "-" if size is None else f"{size / 1e6:.1f} MB"


def _console():
    # Into a pipe or a file every row goes whole, for `grep` and `awk`.
    width = None if sys.stdout.isatty() else UNLIMITED
    return Console(file=sys.stdout, width=width, markup=False, emoji=False, highlight=False)
