"""Writes the README's table of models from the registry and the cards.

python -m scripts.update_readme            # writes it
python -m scripts.update_readme --check    # exit status 1 if it is stale
"""

import sys
from pathlib import Path

import zoo

README = Path(__file__).parents[1] / "README.md"
START, END = "<!-- models: python -m scripts.update_readme -->\n", "<!-- end of models -->"


def table():
    """The table in Markdown, one row a model."""
    rows = [
        "| name | what it draws | weights | Fréchet distance | rarest class | sure of | recipe |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    for name in zoo.list_models():
        card = zoo.info(name)
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
        rows.append(f"| `{name}` | {card.description} | {' | '.join(figures)} | {recipe} |")
    return "\n".join(rows) + "\n"


def updated(text):
    """The README's text with the table as it should be."""
    before, rest = text.split(START)
    _, after = rest.split(END)
    return f"{before}{START}{table()}{END}{after}"


def main(arguments):
    text = README.read_text(encoding="utf-8")
    if "--check" in arguments:
        return int(updated(text) != text)
    README.write_text(updated(text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
