"""The techniques of `zoo train`: each option changes its field of the recipe, and no other."""

import inspect

import pytest
from typer.testing import CliRunner

from zoo.cli import app, techniques
from zoo.cli import train as cli_train
from zoo.errors import InvalidInputError
from zoo.hub import registry
from zoo.hub.specs import Recipe

NAMES = tuple(inspect.signature(techniques.technique_changes).parameters)


def changes(**given):
    return techniques.technique_changes(**{**dict.fromkeys(NAMES), **given})


def test_no_options_no_changes():
    assert changes() == {}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"discriminator_rate": 4e-4}, {"discriminator_rate": 4e-4}),
        ({"schedule": techniques.Schedule.linear}, {"schedule": "linear"}),
        ({"average_decay": 0.99}, {"average_decay": 0.99}),
        ({"real_label": 0.9}, {"real_label": 0.9}),
        ({"clip_norm": 2.0}, {"clip_norm": 2.0}),
        ({"accumulation_steps": 4}, {"accumulation_steps": 4}),
        ({"diff_augment": "color,cutout"}, {"diff_augment": ("color", "cutout")}),
        ({"instance_noise": 0.1}, {"instance_noise": 0.1}),
        ({"instance_noise_steps": 9}, {"instance_noise_steps": 9}),
    ],
)
def test_each_option_is_a_field_of_the_recipe(given, expected):
    assert changes(**given) == expected
    Recipe(**expected)


@pytest.mark.parametrize(
    ("option", "value"),
    [
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
def test_values_out_of_range_are_refused_under_the_options_name(option, value):
    with pytest.raises(InvalidInputError, match=f"{option}|--{option.replace('_', '-')}"):
        changes(**{option: value})


def test_the_command_has_an_option_for_each(monkeypatch, tmp_path):
    seen = []

    def stop(spec, data, limit):
        del data, limit
        seen.append(spec.recipe)
        raise InvalidInputError("That will do")

    monkeypatch.setattr(cli_train, "read_training_data", stop)
    options = "--learning-rate 0.001 --discriminator-rate 0.004 --schedule linear "
    options += "--average-decay 0.9 --real-label 0.9 --clip-norm 1 --accumulation-steps 2 "
    options += "--diff-augment color,translation --instance-noise 0.1 "
    options += "--instance-noise-steps 500"
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["train", "dcgan_mnist", *options.split()])
    assert "That will do" in result.stderr
    (recipe,) = seen
    assert (recipe.generator_rate, recipe.discriminator_rate) == (0.001, 0.004)
    assert (recipe.schedule, recipe.average_decay, recipe.real_label) == ("linear", 0.9, 0.9)
    assert (recipe.clip_norm, recipe.accumulation_steps) == (1.0, 2)
    assert recipe.diff_augment == ("color", "translation")
    assert (recipe.instance_noise, recipe.instance_noise_steps) == (0.1, 500)
    assert recipe.r1_penalty == registry.find("dcgan_mnist").recipe.r1_penalty
