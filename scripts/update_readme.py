"""Writes the README's tables of models from the registry and the cards.

python -m scripts.update_readme            # writes them
python -m scripts.update_readme --check    # exit status 1 if they are stale
"""

import sys
from pathlib import Path

import zoo
from scripts.inpainting import FAMILY, OURS

README = Path(__file__).parents[1] / "README.md"
COMMAND = "python -m scripts.update_readme"
RESTORATION_FIGURES = {
    "psnr": ("{:.2f}", max),
    "ssim": ("{:.3f}", max),
    "hole_l1": ("{:.3f}", min),
    "frechet_distance": ("{:.2f}", min),
}
"""Figure -> how to print it, and which of several is the best."""


def drawing_table(cards):
    """The table of models that draw from noise, in Markdown, one row a model."""
    rows = [
        "| name | what it draws | weights | Fréchet distance | rarest class | sure of | recipe |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    for card in cards:
        if card.family == FAMILY:
            continue
        recipe = f"{card.recipe['epochs']} epochs, {card.recipe['loss'].replace('_', '-')}"
        scores = card.metrics
        figures = (
            [
                f"{card.size / 1e6:.1f} MB",
                f"{scores['frechet_distance']:.1f}",
                f"{scores['rarest_class_share']:.1%}",
                f"{scores['confident_share']:.1%}",
            ]
            if card.pretrained
            else ["train it yourself", "", "", ""]
        )
        rows.append(f"| `{card.name}` | {card.description} | {' | '.join(figures)} | {recipe} |")
    return "\n".join(rows) + "\n"


def restoration_table(cards):
    """The table of pretrained models that restore images, one row for each kind of hole."""
    rows = [
        "| name | hole | weights | PSNR, dB | SSIM | L1 in the hole | Fréchet distance |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for card in cards:
        if card.family != FAMILY or not card.pretrained:
            continue
        for hole in card.metrics["masks"]:
            scores = card.metrics[hole]
            figures = [_beside_the_best(scores, figure) for figure in RESTORATION_FIGURES]
            size = f"{card.size / 1e6:.1f} MB"
            name = hole.replace("_", "-")
            rows.append(f"| `{card.name}` | {name} | {size} | {' | '.join(figures)} |")
    if len(rows) == 2:
        return "No pretrained model restores images yet.\n"
    return "\n".join(rows) + "\n"


def _beside_the_best(scores, figure):
    """A model's figure, with that of the classical method that is best at it in brackets."""
    form, best = RESTORATION_FIGURES[figure]
    classical = (name for name in scores if name != OURS)
    method = best(classical, key=lambda name: scores[name][figure])
    label = method.replace("_", "-")
    return f"{form.format(scores[OURS][figure])} ({form.format(scores[method][figure])} {label})"


TABLES = {"models": drawing_table, "inpainting": restoration_table}
"""What stands in the comments around a table -> what makes it."""


def updated(text):
    """The README's text with the tables as they should be."""
    cards = [zoo.info(name) for name in zoo.list_models()]
    for name, table in TABLES.items():
        start, end = f"<!-- {name}: {COMMAND} -->\n", f"<!-- end of {name} -->"
        before, rest = text.split(start)
        _, after = rest.split(end)
        text = f"{before}{start}{table(cards)}{end}{after}"
    return text


def main(arguments):
    text = README.read_text(encoding="utf-8")
    if "--check" in arguments:
        return int(updated(text) != text)
    README.write_text(updated(text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
