"""Quick stand-ins for feature extractors and models, whose scores a test can foresee."""

import numpy as np

from zoo.errors import DatasetError


class Extractor:
    """Sees the mean of each quarter of an image, and ten classes of brightness.

    Args:
        name: What it is called.
        identity: The digest that its weights would have.
    """

    image_shape = None

    def __init__(self, name="mnist", identity="a" * 64):
        self.name, self.identity = name, identity
        self.seen = 0  # images
        self.batches = []  # their numbers

    def features(self, images, batch_size=500):
        self.seen += len(images)
        self.batches.append(len(images))
        height, width = images.shape[1] // 2, images.shape[2] // 2
        quarters = [
            images[:, y : y + height, x : x + width].mean(axis=(1, 2, 3), dtype="float32")
            for y in (0, height)
            for x in (0, width)
        ]
        features = np.stack(quarters, axis=1)
        classes = (features.mean(axis=1) * 10 / 256).astype(int)
        probabilities = np.full((len(images), 10), 0.01, "float32")
        probabilities[np.arange(len(images)), classes] = 0.91
        # Of the brightest ones nothing is known.
        probabilities[classes == 9] = 0.1
        probabilities[classes == 9, 9] += 1e-6
        return features, probabilities


class Painter:
    """Paints gray images by its latents; their class's brightness if it is asked for classes.

    Args:
        wrong: Paints the class after the one asked for, if its latent is above this.
    """

    def __init__(self, wrong=np.inf):
        self.wrong = wrong
        self.calls = []  # latents and labels

    def sample_latent(self, count, seed=None):
        return np.random.default_rng(seed).standard_normal((count, 2)).astype("float32")

    def generate(self, count=None, seed=None, *, latents=None, labels=None):
        self.calls.append((latents, labels))
        base = 80 + 40 * np.tanh(latents[:, 0])
        if labels is not None:
            base = brightness((labels + (latents[:, 0] > self.wrong)) % 10)
        step = 6 * np.tanh(latents[:, 1])
        images = np.empty((len(latents), 8, 8, 1), "uint8")
        images[:, :4] = np.rint(base + step)[:, None, None, None]
        images[:, 4:] = np.rint(base - step)[:, None, None, None]
        return images


class ConditionalPainter(Painter):
    def sample_labels(self, count, seed=None):
        return np.random.default_rng([seed, 1]).integers(0, 10, count)


def brightness(classes):
    """The middle of the gray levels that the extractor takes for a class."""
    return np.asarray(classes) * 25 + 12


def photos(count, seed=0, shape=(8, 8, 1)):
    """Images of any brightness, each with another noise: uint8 (count, *shape)."""
    rng = np.random.default_rng(seed)
    level = rng.integers(0, 190, (count, 1, 1, 1))
    return (level + rng.integers(0, 40, (count, *shape))).astype("uint8")


def labels_of(count):
    return np.arange(count) % 10


def load_photos(name, split="train", shape=(8, 8, 1)):
    """In place of `zoo.datasets.load`: 60 images to train on, 40 to measure with."""
    count, seed = (60, 1) if split == "train" else (40, 2)
    return photos(count, seed, shape), labels_of(count)


def load_nothing(name, split="train"):
    """In place of `zoo.datasets.load` on a machine without data or network."""
    raise DatasetError(f"{name} isn't here")
