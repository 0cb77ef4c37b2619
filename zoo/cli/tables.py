"""Tables that `zoo list`, `zoo info` and `zoo evaluate` print."""

import dataclasses
import json
import shlex
import sys

from rich.console import Console
from rich.table import Table

from zoo.hub.card_table import card_rows, size_text

UNLIMITED = 10_000  # columns
SCORES = {
    "frechet_distance": ("Fréchet", "{:.2f}"),
    "kernel_distance": ("kernel", "{:.4f}"),
    "inception_score": ("IS", "{:.2f}"),
    "precision": ("precision", "{:.3f}"),
    "recall": ("recall", "{:.3f}"),
    "density": ("density", "{:.3f}"),
    "coverage": ("coverage", "{:.3f}"),
    "rarest_class_share": ("rarest class", "{:.1%}"),
    "confident_share": ("confident", "{:.1%}"),
    "label_agreement": ("as requested", "{:.1%}"),
}
RESTORATION_SCORES = {
    "psnr": ("PSNR, dB", "{:.2f}"),
    "ssim": ("SSIM", "{:.4f}"),
    "hole_l1": ("hole L1", "{:.4f}"),
    "frechet_distance": ("Fréchet", "{:.2f}"),
    "images_per_second": ("images/s", "{:.0f}"),
}


def print_list(cards):
    """Prints a table, one line per card."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for heading in ("NAME", "FAMILY", "DATASET"):
        table.add_column(heading, no_wrap=True)
    for heading in ("PARAMETERS", "PRETRAINED"):
        table.add_column(heading, justify="right", no_wrap=True)
    for card in cards:
        # Counting the parameters of the others would need Keras.
        parameters = f"{sum(card.parameters.values()):,}" if card.parameters else "-"
        table.add_row(card.name, card.family, card.dataset or "-", parameters, size_text(card.size))
    _console().print(table)


def print_card(card, name):
    """Prints a page of a card: what `zoo info NAME --json` prints, without what fills pages."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for row in card_rows(card, name):
        table.add_row(*row)
    _console().print(table)
    print(f"\nAll of it: zoo info {shlex.quote(name)} --json")


def print_restorations(records):
    """Prints records of `zoo.evaluation.restorers.evaluate_restorer`, a table for each model."""
    for name, record in records.items():
        rows = [
            [
                f"{hole.replace('_', '-')}: {name if method == 'ours' else method}",
                *(
                    form.format(scores[key]) if key in scores else ""
                    for key, (_, form) in RESTORATION_SCORES.items()
                ),
            ]
            for hole in record["masks"]
            for method, scores in record[hole].items()
        ]
        title = f"{record['images']} images of the split {record['split']}, the same for all"
        headings = ["", *(heading for heading, _ in RESTORATION_SCORES.values())]
        _print_scores(title, headings, rows)


def print_drawings(records):
    """Prints records of `zoo.evaluation.evaluate`: a row for each score, a column for each."""
    protocol = next(iter(records.values()))["protocol"]
    of = f"images of {protocol['dataset']} {protocol['split']}"
    title = (
        f"against {protocol['reference_images']} {of if protocol['split'] else 'own images'}, in "
        f"the features of {protocol['features']}"
    )
    counts = [str(record["protocol"]["samples"]) for record in records.values()]
    rows = [["images", *counts]]
    for key, (heading, form) in SCORES.items():
        values = [record["scores"].get(key) for record in records.values()]
        if any(value is not None for value in values):
            rows.append([heading, *("" if x is None else form.format(x) for x in values)])
    _print_scores(title, ["", *records], rows)
    for name, record in records.items():
        if "memorization" in record["scores"]:
            figures = record["scores"]["memorization"]
            print(
                f"{name}: {figures['copied_share']:.1%} nearer to a training image than 99 of 100 "
                f"real images are; median distance {figures['median_ratio']:.2f} times theirs"
            )


def _print_scores(title, headings, rows):
    """Prints a table of figures under a title; the first column is aligned to the left."""
    _console().print(title)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column(headings[0], overflow="fold")
    for heading in headings[1:]:
        table.add_column(heading, justify="right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    _console().print(table)


def print_json(card):
    """Prints a card as it is in a file."""
    # In ASCII, whatever the terminal's encoding: JSON has its own way to write the rest.
    print(json.dumps(dataclasses.asdict(card), indent=2))


def _console():
    # In a pipe or a file every row is one line, for `grep` and `awk`.
    width = None if sys.stdout.isatty() else UNLIMITED
    return Console(file=sys.stdout, width=width, markup=False, emoji=False, highlight=False)
