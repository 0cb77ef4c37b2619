"""The plain recipe that a model's own is compared with."""

import numpy as np
import pytest

import zoo
from scripts.experiments import train_plain
from zoo import datasets
from zoo.hub.cards import ModelCard
from zoo.hub.specs import Recipe

OWN = Recipe(
    epochs=2,
    batch_size=8,
    loss="hinge",
    generator_rate=1e-3,
    schedule="cosine",
    r1_penalty=0.1,
    average_decay=0.9,
    seed=3,
)


def test_length_and_seed_are_the_models_own_and_all_else_the_papers():
    assert train_plain.plain_recipe(OWN) == Recipe(epochs=2, batch_size=8, seed=3)
    assert train_plain.plain_recipe(OWN, 12, 128) == Recipe(epochs=12, batch_size=128, seed=3)
    paper = Recipe()
    assert (paper.generator_rate, paper.discriminator_rate, paper.beta_1) == (2e-4, 2e-4, 0.5)
    assert (paper.schedule, paper.r1_penalty, paper.average_decay) == ("constant", 0.0, None)


@pytest.mark.parametrize(
    ("family", "config"),
    [
        (zoo.VanillaGAN, {"image_shape": (8, 8, 1), "hidden_units": (4,), "latent_dim": 3}),
        pytest.param(
            zoo.ConditionalDCGAN,
            {"image_shape": (16, 16, 1), "classes": 10, "base_filters": 2, "latent_dim": 3},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_run_leaves_samples_named_for_its_recipe(
    tmp_path, monkeypatch, own_registry, family, config
):
    def load(name, split):
        assert (name, split) == ("mnist", "train")
        images = np.random.default_rng(0).integers(0, 256, (24, *config["image_shape"]), "uint8")
        return images, np.arange(24) % 10

    monkeypatch.setattr(datasets, "load", load)
    monkeypatch.setattr(train_plain, "SAMPLES", 5)
    zoo.register("plain_tiny", config=config, dataset="mnist", recipe=OWN)(family)
    train_plain.train_plain("plain_tiny", tmp_path, epochs=1)
    with np.load(tmp_path / "samples.npz") as arrays:
        assert arrays.files == ["radford_1_epochs_of_batch_8"]
        assert arrays["radford_1_epochs_of_batch_8"].shape == (5, *config["image_shape"])
    card = ModelCard.read(tmp_path / "plain_tiny.json")
    assert (card.recipe["loss"], card.recipe["average_decay"]) == ("non_saturating", None)
