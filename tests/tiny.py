"""Small variants of the registered models, with weights that are the same on every backend."""

import numpy as np

import zoo
from zoo.hub import registry

CHANGES = {
    "vanilla_gan": {"hidden_units": (16, 24), "latent_dim": 8},
    "dcgan": {"base_filters": 4, "latent_dim": 8},
    "cdcgan": {"base_filters": 4, "latent_dim": 8},
    "inpainting_gan": {"base_filters": 4, "dilations": (1, 2)},
}


def build_tiny(name, **changes):
    """A registered model, narrow enough for a test."""
    return zoo.build(name, **{**CHANGES[registry.find(name).family], **changes})


def generator_inputs(model, count, seed=0):
    """Inputs of a model's generator, whatever they are: float32 ndarrays of the right shapes."""
    rng = np.random.default_rng(seed)

    def draw(symbol):
        return rng.standard_normal((count, *symbol.shape[1:])).astype("float32")

    symbols = model.symbolic_inputs()
    return [draw(symbol) for symbol in symbols] if isinstance(symbols, list) else draw(symbols)


def training_images(model, count, seed=0):
    """uint8 ndarray (count, H, W, C)."""
    return np.random.default_rng(seed).integers(0, 256, (count, *model.image_shape), "uint8")


def set_weights(model, seed=0):
    """Gives every variable numbers from NumPy, of the size that training leaves them with."""
    rng = np.random.default_rng(seed)
    for variable in [*model.generator.variables, *model.discriminator.variables]:
        if variable.dtype != "float32":
            continue  # the state of a random seed
        kind = variable.path.rsplit("/", 1)[-1]
        values = rng.standard_normal(variable.shape).astype("float32")
        if kind == "kernel":
            values *= np.sqrt(1.0 / np.prod(variable.shape[:-1]))
        elif kind in ("gamma", "moving_variance"):
            values = 1.0 + 0.1 * np.abs(values)
        else:
            values *= 0.1
        variable.assign(values)
