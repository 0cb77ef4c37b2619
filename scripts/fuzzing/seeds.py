"""The sound files that are mutated: small ones of each kind, and one that ships."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np

import zoo
from zoo.hub.locations import shipped_folder

SHIPPED = "gan_mnist_small"


def write_seeds(folder):
    """Writes sound weights files, a checkpoint, cards and pictures.

    Args:
        folder: of `weights`, `cards` and `pictures`, which are made.
    """
    folder = Path(folder)
    for name in ("weights", "cards", "pictures"):
        (folder / name).mkdir()
    _write_weights(folder / "weights")
    shutil.copy(shipped_folder() / f"{SHIPPED}.weights.h5", folder / "weights")
    for path in shipped_folder().glob("*.json"):
        shutil.copy(path, folder / "cards")
    card = dataclasses.replace(zoo.info(SHIPPED), recipe={}, training={}, metrics={})
    card.write(folder / "cards" / "small.json")
    _write_pictures(folder / "pictures")


def _write_weights(folder):
    from zoo.hub.weights import save_weights

    options = {"image_shape": (4, 4, 1), "latent_dim": 3, "seed": 0}
    model = zoo.VanillaGAN(hidden_units=(5,), **options)
    save_weights(model, folder / "tiny.weights.h5")
    model.compile(average_decay=0.9)
    model.save_weights(folder / "checkpoint.weights.h5")


def _write_pictures(folder):
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3), "uint8")
    image = Image.fromarray(pixels)
    gray = image.convert("L")
    image.save(folder / "a.png")
    image.save(folder / "b.jpg")
    image.save(folder / "c.tif", compression="tiff_lzw")
    image.save(folder / "d.webp")
    image.save(folder / "e.gif", save_all=True, append_images=[image.rotate(90)])
    image.save(folder / "f.bmp")
    gray.point(lambda value: 255 * (value > 127)).save(folder / "g.png")
    Image.fromarray(pixels[..., 0].astype("uint16") * 256).save(folder / "h.png")
