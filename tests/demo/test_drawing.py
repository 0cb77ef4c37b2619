"""What the page draws: what the models draw by themselves, and what it refuses."""

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from zoo.demo.drawing import STEPS, compare, sample, walk
from zoo.demo.models import Models
from zoo.errors import InvalidInputError, UnknownModelError
from zoo.latents import spherical_interpolation

pytestmark = pytest.mark.cross_backend


def same(images, expected):
    np.testing.assert_array_equal(images, expected)


def test_samples_are_those_of_the_model(models):
    with models.use("dcgan_mnist", "cdcgan_mnist") as (dcgan, conditional):
        pass
    same(sample(models, "dcgan_mnist", 5, 3), dcgan.generate(5, seed=3))
    same(sample(models, "dcgan_mnist", 5, 3, 0.5), dcgan.generate(5, seed=3, truncation=0.5))
    same(sample(models, "cdcgan_mnist", 5, 3), conditional.generate(5, seed=3))
    expected = conditional.generate(5, seed=3, labels=[7, 2, 7, 2, 7])
    same(sample(models, "cdcgan_mnist", 5, 3, None, [7, 2]), expected)


def test_a_model_is_loaded_once_and_used_by_one_thread_at_a_time(models, loads, monkeypatch):
    assert loads == []
    with models.use("dcgan_mnist") as (model,):
        generate, busy = model.generate, threading.Lock()

    def alone(*arguments, **options):
        assert busy.acquire(blocking=False), "another thread draws"
        try:
            return generate(*arguments, **options)
        finally:
            busy.release()

    monkeypatch.setattr(model, "generate", alone)
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda seed: sample(models, "dcgan_mnist", 4, seed), range(8)))
    assert loads == ["dcgan_mnist"]
    for seed, images in enumerate(drawn):
        same(images, generate(4, seed=seed))


def test_a_walk_leads_along_great_arcs_and_back(models):
    frames = walk(models, "dcgan_mnist", 3, 0, 9)
    assert frames.shape == (2 * STEPS - 2, 3, 28, 28, 1)
    with models.use("dcgan_mnist") as (model,):
        start, stop = (model.sample_latent(3, seed=seed) for seed in (0, 9))
        arc = spherical_interpolation(start, stop, STEPS)
        expected = [model.generate(latents=latents) for latents in arc]
    same(frames[:STEPS], expected)
    same(frames[STEPS:], expected[-2:0:-1])


def test_on_a_walk_each_image_keeps_its_class(models):
    frames = walk(models, "cdcgan_mnist", 3, 0, 9, labels=[4, 5])
    with models.use("cdcgan_mnist") as (model,):
        end = model.sample_latent(3, seed=9)
        same(frames[STEPS - 1], model.generate(latents=end, labels=[4, 5, 4]))
        end = model.generate(latents=end, labels=model.sample_labels(3, 0))
    same(walk(models, "cdcgan_mnist", 3, 0, 9)[STEPS - 1], end)


def test_models_are_compared_on_the_same_latents(models):
    names = ["gan_mnist_small", "cdcgan_mnist", "dcgan_mnist"]
    drawn = compare(models, names, 4, 2, truncation=1.0)
    assert list(drawn) == names
    with models.use(*names) as loaded:
        for name, model in zip(names, loaded, strict=True):
            same(drawn[name], model.generate(4, seed=2, truncation=1.0))


def test_latents_of_different_lengths_are_refused(models, monkeypatch):
    with models.use("dcgan_mnist") as (model,):
        monkeypatch.setattr(model, "latent_dim", 9)
    with pytest.raises(InvalidInputError, match=r"dcgan_mnist takes 9, gan_mnist_small takes 8"):
        compare(models, ["dcgan_mnist", "gan_mnist_small"], 4, 0)


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (sample, ("dcgan_mnist", 0, 0), "images=0"),
        (sample, ("dcgan_mnist", 101, 0), "101"),
        (sample, ("dcgan_mnist", None, 0), "images=None"),
        (sample, ("dcgan_mnist", 4, -1), "seed=-1"),
        (sample, ("dcgan_mnist", 4, 1.5), "seed=1.5"),
        (sample, ("dcgan_mnist", 4, None), "seed=None"),
        (sample, ("dcgan_mnist", 4, 0, 0), "truncation=0"),
        (sample, ("dcgan_mnist", 4, 0, None, [3]), r"take classes. Received: \[3\]"),
        (sample, ("cdcgan_mnist", 4, 0, None, [10]), "labels"),
        (sample, ("inpaint_mnist", 4, 0), "restores pictures"),
        (sample, ("/etc/passwd", 4, 0), "one of dcgan_mnist"),
        (sample, (None, 4, 0), "one of dcgan_mnist"),
        (walk, ("dcgan_mnist", 4, 0, -1), "other seed=-1"),
        (compare, ([], 4, 0), "two or more.*none"),
        (compare, (["dcgan_mnist", "dcgan_mnist"], 4, 0), "two or more"),
        (compare, (["dcgan_mnist", "gan_mnist"], 4, 0), "Received: 'gan_mnist'"),
    ],
)
def test_what_it_refuses(models, function, arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        function(models, *arguments)


def test_names_are_checked_before_anything_is_loaded(loads):
    with pytest.raises(UnknownModelError, match="dcgan_mnits"):
        Models(["dcgan_mnist", "dcgan_mnits"])
    assert loads == []


def test_what_a_family_of_the_users_does_is_seen_on_the_built_model(models):
    for name, spec in models._specs.items():
        models._specs[name] = dataclasses.replace(spec, task=None)
    assert models.names(restoring=True) == ["inpaint_cifar10", "inpaint_mnist"]
    assert models.names(restoring=False) == ["dcgan_mnist", "gan_mnist_small", "cdcgan_mnist"]
