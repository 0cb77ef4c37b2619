"""The script that trains classifiers, and the views of images that it draws."""

import json
import sys

import numpy as np
import pytest

from zoo import datasets
from zoo.evaluation import load_classifier

# The scripts aren't in an installed package or its source archive.
augmentation = pytest.importorskip("scripts.augmentation")
train_classifier = pytest.importorskip("scripts.train_classifier")


def photos(n=40, shape=(12, 16, 3)):
    return np.random.default_rng(1).integers(0, 256, (n, *shape), dtype=np.uint8)


def test_unshifted_photos_are_only_mirrored():
    images = photos()
    views = augmentation.crop_photos(images, np.random.default_rng(0), shift=0) * 255
    same = np.abs(views - images).max(axis=(1, 2, 3)) < 1e-3
    mirrored = np.abs(views - images[:, :, ::-1]).max(axis=(1, 2, 3)) < 1e-3
    assert (same ^ mirrored).all()
    assert 5 < same.sum() < 35


def test_shifted_photos_are_crops_of_the_reflected_photo():
    images = photos()
    views = augmentation.crop_photos(images, np.random.default_rng(0), shift=2) * 255
    seen = set()
    for image, view in zip(images, views, strict=True):
        framed = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="reflect")
        crops = [
            (y, x, side)
            for y in range(5)
            for x in range(5)
            for side in (1, -1)
            if np.allclose(framed[y : y + 12, x : x + 16][:, ::side], view, atol=1e-3)
        ]
        assert len(crops) == 1
        seen.update(crops)
    assert {y for y, _, _ in seen} == {x for _, x, _ in seen} == set(range(5))


def test_scaled_photos_keep_flat_colors_and_the_range():
    flat = np.broadcast_to(photos(20, (1, 1, 3)), (20, 12, 16, 3))
    rng = np.random.default_rng(0)
    views = augmentation.crop_photos(flat, rng, shift=2, scale=(0.7, 1.2))
    np.testing.assert_allclose(views * 255, flat, atol=1e-3)
    views = augmentation.crop_photos(photos(), rng, shift=2, scale=(0.7, 1.2))
    assert views.dtype == np.float32
    assert views.shape == (40, 12, 16, 3)
    assert 0.0 <= views.min() < views.max() <= 1.0


def test_digits_stay_digits():
    digits = np.zeros((30, 28, 28, 1), np.uint8)
    digits[:, 10:18, 12:16] = 255
    views = augmentation.warp_digits(digits, np.random.default_rng(0))
    assert views.dtype == np.float32
    assert views.shape == digits.shape
    assert 0.0 <= views.min() < views.max() <= 1.0 + 1e-6
    # Scaled by at most 10% along each axis, a digit keeps its amount of ink.
    ink = views.sum(axis=(1, 2, 3)) / 32
    assert 0.75 < ink.min() < ink.max() < 1.35
    assert len(np.unique(ink)) == 30


def test_every_image_comes_once_per_epoch_in_a_new_order():
    images = np.arange(10, dtype=np.uint8).reshape(-1, 1, 1, 1)

    def batches(seed):
        return augmentation.Augmented(
            images, np.arange(10), lambda x, rng: x.astype(np.float32), batch_size=5, seed=seed
        )

    def epoch(data):
        parts = [data[index] for index in range(len(data))]
        for x, y in parts:
            np.testing.assert_array_equal(x[:, 0, 0, 0], y)
        return np.concatenate([y for _, y in parts]).tolist()

    data = batches(seed=0)
    first = epoch(data)
    assert first == epoch(batches(seed=0)) != epoch(batches(seed=1))
    data.on_epoch_end()
    assert sorted(first) == sorted(epoch(data)) == list(range(10))
    assert epoch(data) != first


@pytest.fixture
def noise_for_data(monkeypatch):
    def load(name, split):
        rng = np.random.default_rng(0)
        shape, classes = datasets.info(name).image_shape, len(datasets.info(name).classes)
        return rng.integers(0, 256, (32, *shape), dtype=np.uint8), np.arange(32) % classes

    monkeypatch.setattr(datasets, "load", load)


def call_script(monkeypatch, arguments):
    monkeypatch.setattr(sys, "argv", ["train", "mnist", "--policy", "float32", *arguments.split()])
    train_classifier.main()


def test_the_script_writes_what_loads(tmp_path, monkeypatch, noise_for_data):
    call_script(monkeypatch, f"--epochs 1 --batch-size 16 --out {tmp_path / 'classifiers'}")
    assert sorted(path.name for path in (tmp_path / "classifiers").iterdir()) == [
        "mnist.json",
        "mnist.weights.h5",
    ]
    monkeypatch.setenv("ZOO_WEIGHTS_DIR", str(tmp_path))
    classifier = load_classifier("mnist")
    assert classifier.card["metrics"]["test_images"] == 32
    shipped = json.loads((train_classifier.WEIGHTS / "mnist.json").read_text())
    assert classifier.card.keys() == shipped.keys()
    # What the card says of the method is what the script does.
    changed = {"epochs", "batch_size"}
    for key, value in shipped["recipe"].items():
        assert key in changed or classifier.card["recipe"][key] == value


def test_a_training_that_was_stopped_goes_on_bit_for_bit(tmp_path, monkeypatch, noise_for_data):
    save_epoch = train_classifier.save_epoch

    def stop_after_the_first(trainer, folder, done):
        save_epoch(trainer, folder, done)
        raise KeyboardInterrupt

    def train(name):
        folder = tmp_path / name
        call_script(monkeypatch, f"--epochs 2 --batch-size 16 --out {folder} --resume {folder}")
        return (folder / "mnist.weights.h5").read_bytes()

    whole = train("whole")
    with monkeypatch.context() as patch:
        patch.setattr(train_classifier, "save_epoch", stop_after_the_first)
        with pytest.raises(KeyboardInterrupt):
            train("stopped")
    assert train("stopped") == whole


@pytest.mark.parametrize("name", sorted(train_classifier.RECIPES))
def test_recipes_fit_their_networks(name):
    recipe = train_classifier.RECIPES[name]
    images = photos(3, datasets.info(name).image_shape)
    views = recipe.augment(images, np.random.default_rng(0))
    assert views.shape == images.shape
    assert views.dtype == np.float32
    schedule = train_classifier.make_schedule(recipe, recipe.epochs, steps=10)
    assert float(schedule(recipe.warmup_epochs * 10)) == pytest.approx(recipe.learning_rate)
    assert float(schedule(recipe.epochs * 5)) < recipe.learning_rate
    assert float(schedule(recipe.epochs * 10)) == pytest.approx(0.0, abs=1e-8)
