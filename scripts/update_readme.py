"""Writes the documents' tables of models and the index of the weights from the cards.

python -m scripts.update_readme            # writes them
python -m scripts.update_readme --check    # exits with status 1 if they are stale
"""

import json
import re
import sys
from pathlib import Path

import zoo
from scripts.measure_restoration import FAMILY
from zoo.evaluation.restorers import OURS
from zoo.hub.cards import ModelCard

ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "weights"
PHOTOGRAPHS = ROOT / "docs" / "photographs.json"
REAL = "real training images"
COMMAND = "python -m scripts.update_readme"
RESTORATION_FIGURES = {
    "psnr": ("{:.2f}", max),
    "ssim": ("{:.3f}", max),
    "hole_l1": ("{:.3f}", min),
    "frechet_distance": ("{:.2f}", min),
}
"""Figure -> its format, and the function that chooses the best of several."""
RECIPES = {
    "radford_average_": "the DCGAN paper's, with a moving average",
    "radford_": "the DCGAN paper's",
    "tutorial_": "the TensorFlow tutorial's",
}
"""Beginning of a card's key of another recipe's scores -> what the recipe is."""


def drawing_table(cards: list[ModelCard]) -> str:
    """Returns the table of models that draw from noise, in Markdown, one row per model."""
    headings = ["name", "what it draws", "weights", "Fréchet distance (real training images)"]
    headings += ["precision", "recall", "rarest class", "confident", "recipe"]
    rows = [f"| {' | '.join(headings)} |", "|---|---|" + "---:|" * 6 + "---|"]
    for card in cards:
        if card.family == FAMILY:
            continue
        recipe = f"{epochs(card)} epochs, {card.recipe['loss'].replace('_', '-')}"
        figures = _drawing_figures(card) if card.pretrained else ["train it yourself", *[""] * 5]
        rows.append(f"| `{card.name}` | {card.description} | {' | '.join(figures)} | {recipe} |")
    return "\n".join(rows) + "\n"


def _drawing_figures(card):
    scores, real = card.metrics, card.metrics["others"][REAL]
    return [
        f"{card.size / 1e6:.1f} MB",
        f"{scores['frechet_distance']:.1f} ({real['frechet_distance']:.1f})",
        f"{scores['precision']:.2f}",
        f"{scores['recall']:.2f}",
        f"{scores['rarest_class_share']:.1%}",
        f"{scores['confident_share']:.1%}",
    ]


def recipe_table(cards: list[ModelCard]) -> str:
    """Returns the scores of the same networks trained by other recipes, as a Markdown table."""
    rows = ["| networks and data | recipe | Fréchet distance | precision | recall |"]
    rows += ["|---|---|---:|---:|---:|"]
    for card in cards:
        others = card.metrics.get("others", {}) if card.pretrained else {}
        recipes = {key: scores for key, scores in others.items() if key != REAL}
        if not recipes:
            continue
        recipes = {f"its own, {epochs(card)} epochs": card.metrics, **recipes}
        for key, scores in recipes.items():
            figures = [f"{scores['frechet_distance']:.1f}"]
            figures += [f"{scores[name]:.2f}" for name in ("precision", "recall")]
            rows.append(f"| `{card.name}` | {_recipe_words(key)} | {' | '.join(figures)} |")
    return "\n".join(rows) + "\n"


def _recipe_words(key):
    """Writes out a key such as `radford_average_epoch12` or `radford_6_epochs_of_batch_64`."""
    for prefix, words in RECIPES.items():
        if key.startswith(prefix):
            rest = re.sub(r"^epoch(\d+)$", r"\1 epochs", key.removeprefix(prefix))
            return f"{words}, {rest.replace('_', ' ').replace('of batch', 'of batch size')}"
    return key


def label_table(cards: list[ModelCard]) -> str:
    """Returns the scores that only class-conditional models have, as a Markdown table."""
    rows = ["| name | labels that agree | trained on generated images | trained on real images |"]
    rows += ["|---|---:|---:|---:|"]
    for card in cards:
        if card.pretrained and "label_agreement" in card.metrics:
            accuracy = card.metrics["classification_accuracy_score"]
            figures = [card.metrics["label_agreement"], accuracy["generated"], accuracy["real"]]
            rows.append(f"| `{card.name}` | {' | '.join(f'{figure:.1%}' for figure in figures)} |")
    return "\n".join(rows) + "\n"


def epochs(card: ModelCard) -> int:
    """Returns the epochs of all phases of a card's recipe."""
    return sum(phase["epochs"] for phase in _phases(card))


def duration(card: ModelCard) -> str:
    """Returns the minutes that a model was trained for, in words.

    Cards without a record of `phases` hold the seconds of the last phase only.
    """
    complete = "phases" in card.training or len(_phases(card)) == 1
    return f"{'' if complete else 'at least '}{card.training['seconds'] / 60:.0f} min"


def _phases(card):
    """The recipes of all phases, the last one first."""
    phases, recipe = [], card.recipe
    while recipe:
        phases.append(recipe)
        recipe = recipe.get("previous") or recipe.get("first")
    return phases


def restoration_table(cards: list[ModelCard]) -> str:
    """Returns the table of pretrained models that restore images, one row per kind of hole."""
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


def photograph_table(cards: list[ModelCard]) -> str:
    """Returns the table of restored photographs, one row per kind of hole, in Markdown."""
    del cards  # measured by `scripts.measure_photographs`
    record = json.loads(PHOTOGRAPHS.read_text(encoding="utf-8"))
    rows = ["| hole, pixels | PSNR, dB | SSIM | PSNR by photograph, less the best classical |"]
    rows += ["|---|---:|---:|---|"]
    for kind, scores in record["scores"].items():
        figures = [_beside_the_best(scores, figure) for figure in ("psnr", "ssim")]
        gains = []
        for name, of_one in record["photographs"].items():
            psnr = {method: values["psnr"] for method, values in of_one[kind].items()}
            best = max(value for method, value in psnr.items() if method != OURS)
            gains.append(f"{name} {psnr[OURS] - best:+.2f}")
        rows.append(f"| {kind} | {' | '.join(figures)} | {', '.join(gains)} |")
    return "\n".join(rows) + "\n"


def classifier_table(classifiers: list[tuple[dict, int]]) -> str:
    """Returns the table of classifiers whose features distances are measured in, in Markdown."""
    rows = ["| name | accuracy | weights | sha256 |", "|---|---:|---:|---|"]
    for card, size in classifiers:
        (key, accuracy), *_ = card["metrics"].items()
        split = key.removesuffix("_accuracy")
        images = card["metrics"][f"{split}_images"]
        rows.append(
            f"| `{card['name']}` | {accuracy:.2%} of {images:,} {split} images "
            f"| {size / 1e6:.1f} MB | `{card['sha256'][:12]}` |"
        )
    return "\n".join(rows) + "\n"


def index(cards: list[ModelCard], classifiers: list[tuple[dict, int]]) -> str:
    """Returns the text of `weights/README.md`: each file with its origin and license.

    Args:
        cards: cards of all models.
        classifiers: for each classifier, its card and the size of its weights file in bytes.
    """
    rows = [
        "| name | data | license | weights | trained | sha256 |",
        "|---|---|---|---:|---|---|",
    ]
    shipped = [card for card in cards if card.pretrained]
    for card in shipped:
        run = card.training
        trained = (
            f"{epochs(card)} epochs, {duration(card)}, {run['backend']}, {run['precision']}, "
            f"seed {run['seed']}, {run['date']}"
        )
        rows.append(
            f"| [`{card.name}`]({card.name}.json) | {card.dataset} | {card.license} "
            f"| {card.size / 1e6:.1f} MB | {trained} | `{card.sha256[:12]}` |"
        )
    pictures = "\n\n".join(
        f"**{card.name}**: {card.description} {card.limits}\n\n"
        f"![Samples of {card.name}]({card.files['picture']})"
        for card in shipped
    )
    return (
        f"# Pretrained weights\n\nWritten by `{COMMAND}` from the cards, the JSON files beside the "
        "weights: recipe, run, licenses and every figure with its protocol.\n\n"
        + "\n".join(rows)
        + "\n\n## Classifiers\n\nDistances are measured in their features; "
        "`python -m scripts.train_classifier NAME` makes one. `statistics` holds the moments of "
        "real images' features, by `python -m scripts.reference_statistics`.\n\n"
        + classifier_table(classifiers)
        + f"\n## Samples\n\nNot selected.\n\n{pictures}\n"
    )


def read_classifiers(folder: str | Path) -> list[tuple[dict, int]]:
    """Returns the cards of the classifiers in a folder of weights, with their files' sizes."""
    paths = sorted((Path(folder) / "classifiers").glob("*.json"))
    return [
        (
            json.loads(path.read_text(encoding="utf-8")),
            path.with_name(f"{path.stem}.weights.h5").stat().st_size,
        )
        for path in paths
    ]


def _beside_the_best(scores, figure):
    """A model's figure, with that of the best classical method in brackets."""
    form, best = RESTORATION_FIGURES[figure]
    classical = (name for name in scores if name != OURS)
    method = best(classical, key=lambda name: scores[name][figure])
    label = method.replace("_", "-")
    return f"{form.format(scores[OURS][figure])} ({form.format(scores[method][figure])} {label})"


TABLES = {
    "README.md": {"models": drawing_table},
    "docs/models.md": {"recipes": recipe_table, "labels": label_table},
    "docs/inpainting.md": {"inpainting": restoration_table, "photographs": photograph_table},
}
"""Document -> name in the comments around a table -> the function that makes it."""


def updated(text: str, tables: dict, cards: list[ModelCard]) -> str:
    """Returns a document's text with its tables as they should be."""
    for name, table in tables.items():
        start, end = f"<!-- {name}: {COMMAND} -->\n", f"<!-- end of {name} -->"
        before, rest = text.split(start)
        _, after = rest.split(end)
        text = f"{before}{start}{table(cards)}{end}{after}"
    return text


def files() -> dict[Path, str]:
    """Returns the text of each file that is made from the cards."""
    cards = [zoo.info(name) for name in zoo.list_models()]
    documents = {
        ROOT / path: updated((ROOT / path).read_text(encoding="utf-8"), tables, cards)
        for path, tables in TABLES.items()
    }
    return {**documents, WEIGHTS / "README.md": index(cards, read_classifiers(WEIGHTS))}


def main(arguments: list[str]) -> int:
    """Runs the command line `arguments`, and returns its exit status."""
    stale = [
        path
        for path, text in files().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    if "--check" in arguments:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is stale. Run: {COMMAND}")
        return int(bool(stale))
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
