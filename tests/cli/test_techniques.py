"""The options of `zoo train` that change the recipe: each its own fields, and no other."""

import pytest

from tests.cli.commands import fail
from zoo.cli import train as cli_train
from zoo.cli.techniques import OPTIONS, recipe_changes
from zoo.errors import InvalidInputError
from zoo.hub import registry

pytestmark = pytest.mark.no_backend

VALUES = {
    "epochs": ("3", 3),
    "batch_size": ("7", 7),
    "seed": ("9", 9),
    "precision": ("mixed_bfloat16", "mixed_bfloat16"),
    "learning_rate": ("0.001", 0.001),
    "discriminator_rate": ("0.004", 0.004),
    "schedule": ("linear", "linear"),
    "average_decay": ("0.9", 0.9),
    "real_label": ("0.8", 0.8),
    "clip_norm": ("1", 1.0),
    "accumulation_steps": ("2", 2),
    "diff_augment": ("color,translation", ("color", "translation")),
    "instance_noise": ("0.1", 0.1),
    "instance_noise_steps": ("500", 500),
}
"""Option -> its text on the command line, its value in the recipe."""


@pytest.fixture
def recipe_of(here, monkeypatch):
    """A function: the recipe that `zoo train` would train by."""

    def stop(spec, data, limit, stream):
        seen.append(spec.recipe)
        raise InvalidInputError("That will do")

    def recipe_of(*options):
        assert "That will do" in fail("train", "dcgan_mnist", *options)
        return seen.pop()

    seen = []
    monkeypatch.setattr(cli_train, "read_training_data", stop)
    return recipe_of


def test_no_options_no_changes(recipe_of):
    assert recipe_of() == registry.find("dcgan_mnist").recipe
    assert recipe_changes({}) == recipe_changes(dict.fromkeys(OPTIONS)) == {}


@pytest.mark.parametrize("name", OPTIONS)
def test_each_option_changes_its_fields_only(recipe_of, name):
    text, value = VALUES[name]
    fields = {"learning_rate": ("generator_rate", "discriminator_rate")}.get(name, (name,))
    spec = registry.find("dcgan_mnist").with_recipe(**dict.fromkeys(fields, value))
    assert recipe_of(f"--{name.replace('_', '-')}", text) == spec.recipe


def test_the_discriminators_rate_can_differ(recipe_of):
    recipe = recipe_of("--discriminator-rate", "0.004", "--learning-rate", "0.001")
    assert (recipe.generator_rate, recipe.discriminator_rate) == (0.001, 0.004)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("batch_size", -1),
        ("seed", -1),
        ("seed", 2**32),
        ("learning_rate", -1e-3),
        ("discriminator_rate", -1e-3),
        ("average_decay", 1.0),
        ("real_label", 0.5),
        ("real_label", 1.1),
        ("clip_norm", 0.0),
        ("accumulation_steps", 0),
        ("diff_augment", "flip"),
        ("instance_noise", -0.1),
        ("instance_noise_steps", 0),
    ],
)
def test_values_out_of_range_are_refused_under_the_options_name(name, value):
    with pytest.raises(InvalidInputError, match=f"{name}|--{name.replace('_', '-')}"):
        recipe_changes({name: value})
