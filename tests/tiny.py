"""Small variants of the registered models, with weights that are the same on every backend."""

import numpy as np

import zoo
from zoo import registry

CHANGES = {
    "vanilla_gan": {"hidden_units": (16, 24), "latent_dim": 8},
    "dcgan": {"base_filters": 4, "latent_dim": 8},
}


def build_tiny(name, **changes):
    """A registered model, narrow enough for a test."""
    return zoo.build(name, **{**CHANGES[registry.find(name).family], **changes})


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
