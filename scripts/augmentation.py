"""Random views of training images, drawn anew in every epoch."""

import keras
import numpy as np


class Augmented(keras.utils.PyDataset):
    """Shuffled batches of images, each under a random view.

    Args:
        images: uint8 array of shape `(N, height, width, channels)`.
        labels: Integer array of shape `(N,)`.
        augment: Function from uint8 images and a `numpy.random.Generator` to float32 images of the
            same shape in [0, 1].
        batch_size: Images per batch; what is left over at the end of an epoch is not used.
        seed: Of the order and the views.
        epoch: The epoch to begin with; each has an order and views of its own.
    """

    def __init__(self, images, labels, augment, batch_size, seed, epoch=0):
        super().__init__()
        self.images = images
        self.labels = labels
        self.augment = augment
        self.batch_size = batch_size
        self.seed = seed
        self._begin(epoch)

    def __len__(self):
        return len(self.order) // self.batch_size

    def __getitem__(self, index):
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        # Its own generator: Keras draws the first batch once more, to see what it is like.
        rng = np.random.default_rng((self.seed, self.epoch, index))
        return self.augment(self.images[chosen], rng), self.labels[chosen]

    def on_epoch_end(self):
        self._begin(self.epoch + 1)

    def _begin(self, epoch):
        self.epoch = epoch
        self.order = np.random.default_rng((self.seed, epoch)).permutation(len(self.images))


def warp_digits(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws a random affine view of each digit, with bilinear interpolation.

    Args:
        images: uint8 array of shape `(N, 28, 28, 1)`, white digits on black.
        rng: A `numpy.random.Generator`.

    Returns:
        float32 array of shape `(N, 28, 28, 1)` in [0, 1], up to rounding.
    """
    # A black frame, for the pixels outside of a shifted digit.
    padded = np.pad(images[..., 0], ((0, 0), (4, 4), (4, 4)))
    n, size = len(padded), padded.shape[1]
    angle = rng.uniform(-0.2, 0.2, (n, 1))
    scale = rng.uniform(0.9, 1.1, (n, 1))
    shear = rng.uniform(-0.15, 0.15, (n, 1))
    shift = rng.uniform(-2.0, 2.0, (2, n, 1))
    y, x = (a.reshape(1, -1) - 13.5 for a in np.mgrid[:28, :28])
    x = x + shear * y
    center = (size - 1) / 2
    from_y = scale * (np.cos(angle) * y + np.sin(angle) * x) + shift[0] + center
    from_x = scale * (np.cos(angle) * x - np.sin(angle) * y) + shift[1] + center
    from_y, from_x = (np.clip(a, 0.0, size - 1.001) for a in (from_y, from_x))
    top, left = from_y.astype(np.intp), from_x.astype(np.intp)
    down, right = (from_y - top).astype(np.float32), (from_x - left).astype(np.float32)
    corner = np.arange(n)[:, None] * size**2 + top * size + left
    flat = padded.reshape(-1)
    upper = flat[corner] * (1 - right) + flat[corner + 1] * right
    lower = flat[corner + size] * (1 - right) + flat[corner + size + 1] * right
    return ((upper * (1 - down) + lower * down) / 255).reshape(n, 28, 28, 1).astype(np.float32)


def crop_photos(
    images: np.ndarray,
    rng: np.random.Generator,
    shift: int,
    scale: tuple[float, float] = (1.0, 1.0),
) -> np.ndarray:
    """Mirrors, shifts and scales each photograph at random; edges are reflected.

    Neither changes colors nor cuts anything out: features that ignored a wrong color or a hole
    could not tell a bad generator from a good one.

    Args:
        images: uint8 array of shape `(N, height, width, channels)`.
        rng: A `numpy.random.Generator`.
        shift: Largest shift along an axis. Shifts are whole pixels, which blur nothing.
        scale: Bounds of the source pixels per pixel, drawn for each axis; below 1 enlarges.

    Returns:
        float32 array of the images' shape, in [0, 1].
    """
    n, height, width, channels = images.shape
    mirror = rng.choice([-1.0, 1.0], size=n)
    rows = _interpolation(rng, n, height, shift, scale)
    columns = _interpolation(rng, n, width, shift, scale, mirror)
    # Scaling is separable: a product of matrices along each axis.
    x = images.reshape(n, height, -1).astype(np.float32) / np.float32(255)
    x = (rows @ x).reshape(n, height, width, channels).transpose(0, 2, 1, 3)
    x = (columns @ x.reshape(n, width, -1)).reshape(n, width, height, channels)
    # Rounding could exceed [0, 1] slightly.
    return np.clip(np.ascontiguousarray(x.transpose(0, 2, 1, 3)), 0.0, 1.0)


def _interpolation(rng, n, size, shift, scale, direction=1.0):
    """Returns matrices `(n, size, size)`: weights of the source pixels of each pixel of an axis."""
    center = (size - 1) / 2
    steps = rng.uniform(*scale, size=n) * direction
    shifts = rng.integers(-shift, shift + 1, size=n)
    source = steps[:, None] * (np.arange(size) - center) + center + shifts[:, None]
    last = size - 1
    source = last - np.abs(last - np.abs(source))
    distance = np.abs(source[:, :, None] - np.arange(size))
    return np.maximum(0.0, 1.0 - distance).astype(np.float32)
