"""The README of a model's repository, made from its card: the hub's metadata, and what it is."""

from typing import Any

from zoo.hub.cards import ModelCard

TAG = "keras-gan-zoo"
"""By which repositories are found."""
FACTS = ("license", "dataset", "dataset_license", "description", "paper", "limits")
"""Fields of a card that a person can fill in."""
LICENSES = {
    "CC0": "cc0-1.0",
    "CC BY 4.0": "cc-by-4.0",
    "CC BY-SA 3.0": "cc-by-sa-3.0",
    "CC BY-SA 4.0": "cc-by-sa-4.0",
    "MIT": "mit",
    "Apache 2.0": "apache-2.0",
}
"""How a license's text begins -> the hub's name of it."""
FIGURES = {
    "frechet_distance": "Fréchet distance, smaller is better",
    "precision": "precision",
    "recall": "recall",
    "rarest_class_share": "share of the rarest class",
    "confident_share": "share of confident classifications",
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
}
"""A card's figure -> its name."""
TASKS = {True: "image-to-image", False: "unconditional-image-generation"}
"""Whether a model restores -> the hub's name of what it does."""

_TEXT = """{metadata}
# {name}

{description}

![Samples of {name}]({name}.png)

```bash
pip install "keras-gan-zoo[hub,torch]"  # or jax, tensorflow
```

```python
import zoo

model = zoo.load("hf://{repository}")
{use}
```

{facts}

{figures}"""


def write(hub: Any, card: ModelCard, repository: str) -> str:
    """Returns a README in Markdown, with the hub's metadata as YAML in front.

    Args:
        hub: the module `huggingface_hub`.
        card: complete enough to be published.
        repository: str, `OWNER/REPO`.
    """
    restores = "inpainting" in card.family
    license = next((name for text, name in LICENSES.items() if card.license.startswith(text)), None)
    metadata = hub.ModelCardData(
        license=license or "other",
        license_name=None if license else card.license,
        library_name="keras",
        tags=[TAG, "gan", card.family],
        pipeline_tag=TASKS[restores],
        model_name=card.name,
        eval_results=list(_results(hub, card, TASKS[restores])) or None,
    )
    facts = {
        "paper": card.paper,
        "trained on": f"{card.dataset} ({card.dataset_license})",
        "license": card.license,
        "limits": card.limits,
        "seed": card.recipe.get("seed"),
        "epochs": card.training.get("epochs"),
        "backend": card.training.get("backend"),
        "sha256 of the weights": card.sha256,
    }
    figures = {name: value for _, name, _, value in _figures(card)}
    use = "restored = model.inpaint(images, masks)" if restores else "images = model.generate(64)"
    text = _TEXT.format(
        metadata=f"---\n{metadata.to_yaml()}\n---",
        name=card.name,
        description=card.description or f"A GAN of the family {card.family}.",
        repository=repository,
        use=f"{use}  # uint8",
        facts=_table("", facts),
        figures=_table("measured", figures) if figures else "Not measured.",
    )
    return f"{text.rstrip()}\n"


def _figures(card):
    """Yields kind of hole or `None`, name, key and value of each figure of a card."""
    groups = {None: card.metrics}
    for kind, methods in card.metrics.items():  # of a model that restores: by kind of hole
        if isinstance(methods, dict) and isinstance(methods.get("ours"), dict):
            groups[kind] = methods["ours"]
    for kind, figures in groups.items():
        for key, name in FIGURES.items():
            if isinstance(figures.get(key), (int, float)):
                yield kind, f"{kind}: {name}" if kind else name, key, figures[key]


def _results(hub, card, task):
    protocol = card.metrics.get("protocol")
    known = protocol if isinstance(protocol, dict) else {"protocol": protocol}
    for kind, name, key, value in _figures(card):
        yield hub.EvalResult(
            task_type=task,
            dataset_type=card.dataset,
            dataset_name=card.dataset,
            dataset_split=known.get("split") or card.metrics.get("split"),
            dataset_config=kind,
            dataset_args=known,
            metric_type=key,
            metric_name=name,
            metric_value=value,
        )


def _table(heading, rows):
    lines = [f"| {heading} | |", "|---|---|"]
    return "\n".join([*lines, *(f"| {key} | {value} |" for key, value in rows.items() if value)])
