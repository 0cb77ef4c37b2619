"""A model card as a table: on the command line, in text, and in a notebook."""

import dataclasses
import html
import json
import textwrap

from zoo.hub.specs import Recipe

MAIN_SETTINGS = ("epochs", "batch_size", "loss", "seed")
"""Of a recipe: shown even if they are the usual ones."""
LONGEST = 60
"""Characters of a value in a table; hashes have more."""
WIDTH = 100
"""Columns of a table in text."""


def card_rows(card, name):
    """Returns the rows of a card's table: all that it has, without what fills pages.

    Args:
        card: `zoo.ModelCard`.
        name: str, what it was looked up by.

    Returns:
        list of pairs of str.
    """
    rows = []
    for key, value in dataclasses.asdict(card).items():
        if key == "sha256":
            none = f"none: no pretrained weights; `zoo train {card.name}` trains some"
            value = value or (none if name == card.name else "none: the run isn't finished")
        elif key == "size":
            value = size_text(value)
        elif key == "recipe":
            usual = {**dataclasses.asdict(Recipe()), **dict.fromkeys(MAIN_SETTINGS)}
            value = {name: item for name, item in value.items() if item != usual.get(name)}
        value = _summary(value) if isinstance(value, dict) else value
        rows.append((key.replace("_", " "), value or "-"))
    return rows


def as_text(card):
    """Returns the table of a card in lines of at most 100 characters."""
    rows = card_rows(card, card.name)
    indent = max(len(key) for key, _ in rows) + 2
    lines = [
        textwrap.wrap(
            value,
            WIDTH,
            initial_indent=key.ljust(indent),
            subsequent_indent=" " * indent,
            break_on_hyphens=False,
        )
        for key, value in rows
    ]
    return "\n".join(line for row in lines for line in row)


def as_html(card):
    """Returns the table of a card in HTML; a card's author isn't trusted."""
    rows = [
        f'<tr><th style="text-align: left">{html.escape(key)}</th>'
        f'<td style="text-align: left">{html.escape(value)}</td></tr>'
        for key, value in card_rows(card, card.name)
    ]
    return f"<table>{''.join(rows)}</table>"


def size_text(size):
    """Returns a size of `size` bytes in words; a dash for `None`."""
    return "-" if size is None else f"{size / 1e6:.1f} MB"


def _summary(values):
    """Returns a record on a line: its plain values, and of a comparison our side."""
    parts = []
    for key, value in values.items():
        if isinstance(value, dict):
            if isinstance(value.get("ours"), dict):
                parts.append(f"{key} ({_summary(value['ours'])})")
            continue
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if value is not None and len(text) <= LONGEST:
            parts.append(f"{key} {text}")
    return ", ".join(parts) or "-"
