"""Names, specs and recipes: what can be registered, and what is said when it can't."""

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.errors import DuplicateModelError, InvalidInputError, UnknownModelError
from zoo.hub import catalog
from zoo.hub.registry import find, names, register, unregister
from zoo.hub.specs import Recipe

pytestmark = [pytest.mark.no_backend, pytest.mark.usefixtures("own_registry")]

ROOT = Path(__file__).resolve().parents[2]


def python(code):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


# ------------------------------------------------------------------- registering


def test_a_function_is_registered_with_all_that_was_given():
    @register(
        "spirals",
        config={"turns": 3},
        dataset="spirals_2d",
        recipe=Recipe(epochs=7),
        description="Spirals.",
        paper="None.",
    )
    def points(**config):
        return config

    spec = find("spirals")
    assert (spec.name, spec.family, spec.config) == ("spirals", "points", {"turns": 3})
    assert (spec.dataset, spec.description, spec.paper) == ("spirals_2d", "Spirals.", "None.")
    assert spec.recipe == Recipe(epochs=7)
    assert spec.builder is points
    assert spec.task is None  # only a built model tells
    assert spec.build(a=1) == {"a": 1}


def test_a_class_is_registered_and_stays_itself():
    @register("rings")
    class Rings:
        pass

    assert isinstance(Rings, type)
    assert find("rings").builder is Rings
    assert find("rings").family == "Rings"


def test_stacked_decorators_register_one_model_each():
    @register("narrow", config={"units": 8})
    @register("wide", config={"units": 64})
    def network(**config):
        return config

    assert find("narrow").builder is find("wide").builder is network
    assert [find(name).config["units"] for name in ("narrow", "wide")] == [8, 64]


def test_the_name_is_by_default_the_function_s_own():
    @register(dataset="mnist")
    def my_model(**config):
        return config

    assert find("my_model").dataset == "mnist"
    assert find("my_model").recipe == Recipe()


def test_a_decorator_without_parentheses_is_refused():
    with pytest.raises(InvalidInputError, match=r"parentheses|name"):

        @register
        def forgotten():
            pass


def test_changing_the_given_config_afterwards_changes_nothing():
    config = {"units": 8}
    register("frozen", config=config)(dict)
    config["units"] = 9
    assert find("frozen").config == {"units": 8}


def test_a_taken_name_is_refused_and_names_its_holder():
    @register("taken")
    def first():
        pass

    with pytest.raises(DuplicateModelError, match=rf"'taken'.*{__name__}:.*first"):
        register("taken")(lambda: None)
    assert find("taken").builder is first


@pytest.mark.parametrize("name", ["../x", "a b", "", "1a", "a-b", "a.b", "a\\b", "a\n", 3, ["a"]])
def test_names_that_are_no_file_names_are_refused(name):
    before = names()
    with pytest.raises(InvalidInputError, match="letters, digits and underscores"):
        register(name)(lambda: None)
    assert names() == before


def test_a_lambda_needs_a_name():
    with pytest.raises(InvalidInputError, match="<lambda>"):
        register()(lambda: None)


@pytest.mark.parametrize("name", names())
def test_built_in_names_are_taken(name):
    with pytest.raises(DuplicateModelError, match=rf"{name}.*built by zoo\.models\.\w+:\w+"):
        zoo.register(name)(lambda: None)


def test_shipped_models_say_what_they_do_and_cards_name_their_family():
    tasks = {spec.family: spec.task for spec in catalog.MODELS}
    assert tasks == {
        **dict.fromkeys(("vanilla_gan", "dcgan", "cdcgan"), "draw"),
        "inpainting_gan": "restore",
    }
    assert len({spec.name for spec in catalog.MODELS}) == len(catalog.MODELS)
    for spec in catalog.MODELS:
        module, _, name = spec.builder.partition(":")
        assert hasattr(importlib.import_module(module), name)


def test_unregistering_frees_the_name():
    register("passing")(dict)
    unregister("passing")
    assert "passing" not in names()
    register("passing")(list)
    assert find("passing").builder is list


def test_unregistering_an_unknown_name_is_an_error():
    with pytest.raises(UnknownModelError, match="nothing_here"):
        unregister("nothing_here")


# -------------------------------------------------------------------- looking up


@pytest.mark.parametrize(
    ("asked", "closest"),
    [
        ("dcgan_mnits", "dcgan_mnist"),
        ("dcgan-mnist", "dcgan_mnist"),
        ("gan_fashion", "gan_fashion_mnist"),
        ("DCGAN_cifar10", "dcgan_cifar10"),
    ],
)
def test_an_unknown_name_is_told_the_closest(asked, closest):
    with pytest.raises(UnknownModelError, match=rf"'{asked}'.*Closest: .*\b{closest}\b"):
        find(asked)


@pytest.mark.parametrize("asked", ["", "qqqqqqq", None, 3, [3]])
def test_a_name_close_to_none_is_told_all(asked):
    with pytest.raises(UnknownModelError) as caught:
        find(asked)
    assert repr(asked) in str(caught.value)
    assert all(name in str(caught.value) for name in names())


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("dcgan_m*", ["dcgan_mnist"]),
        ("gan_mnist*", ["gan_mnist", "gan_mnist_small"]),
        ("?can_*", []),
        ("[dg]*_fashion_mnist", ["dcgan_fashion_mnist", "gan_fashion_mnist"]),
        ("gan_mnist", ["gan_mnist"]),
        ("GAN_*", []),
        ("", []),
    ],
)
def test_names_take_shell_wildcards(pattern, found):
    assert names(pattern) == found


def test_names_are_sorted_and_hold_the_promised_models():
    promised = {"gan_mnist", "gan_mnist_small", "gan_fashion_mnist", "dcgan_mnist"}
    promised |= {"dcgan_fashion_mnist", "dcgan_cifar10", "dcgan_scenes64"}
    promised |= {"cdcgan_mnist", "cdcgan_cifar10"}
    promised |= {"inpaint_mnist", "inpaint_cifar10", "inpaint_scenes64"}
    assert promised <= set(names())
    assert names() == sorted(names())


# ----------------------------------------------------------------------- recipes


def test_a_recipe_may_be_a_dict():
    register("quick", recipe={"epochs": 2, "loss": "hinge"})(dict)
    assert find("quick").recipe == Recipe(epochs=2, loss="hinge")


def test_an_unknown_recipe_key_is_named_along_with_the_known():
    with pytest.raises(InvalidInputError, match=r"batch_size.*Received: epoch, rate"):
        register("slow", recipe={"epoch": 2, "rate": 1.0})(dict)
    assert "slow" not in names()


def test_a_changed_recipe_leaves_the_registered_one_alone():
    changed = find("dcgan_mnist").with_recipe(epochs=1)
    assert changed.recipe.epochs == 1
    assert find("dcgan_mnist").recipe.epochs != 1


# --------------------------------------------------------------- cost, and use


def test_registry_and_models_import_neither_keras_nor_numpy():
    heavy = python(
        "import sys, zoo.hub.registry, zoo.hub.catalog; zoo.hub.registry.find('dcgan_mnist');"
        "print(*{'keras', 'numpy', 'h5py', 'tensorflow', 'torch', 'jax'} & set(sys.modules))"
    )
    assert heavy.split() == []


def test_a_model_of_one_s_own_loads_fresh_and_with_own_weights(tmp_path):
    @zoo.register("doodles", config={"hidden_units": (6,)}, recipe={"epochs": 1})
    def doodle_gan(**config):
        return zoo.VanillaGAN(image_shape=(4, 4, 1), latent_dim=3, **config)

    assert "doodles" in zoo.list_models("doo*")
    assert zoo.info("doodles").family == "doodle_gan"
    trained = zoo.load("doodles", weights=None)
    trained.save_weights(tmp_path / "own.weights.h5")
    images = zoo.load("doodles", weights=tmp_path / "own.weights.h5").generate(3, seed=0)
    np.testing.assert_array_equal(images, trained.generate(3, seed=0))
    assert images.shape == (3, 4, 4, 1)
    wider = zoo.load("doodles", weights=None, hidden_units=(7,))
    assert wider.generator.count_params() > trained.generator.count_params()
