"""A Keras 3 model zoo of generative adversarial networks: one training step, three backends.

Everything here is imported when it is first used: `import zoo` imports neither Keras nor a backend.
"""

import importlib

__version__ = "0.1.0"

_HOMES = {
    "zoo.hub.registry": ["Recipe", "register"],
    "zoo.hub.loading": ["build", "info", "list_models", "load"],
    "zoo.hub.cards": ["ModelCard"],
    "zoo.errors": ["ZooError"],
    "zoo.models.unconditional": ["AdversarialModel"],
    "zoo.models.conditional": ["ConditionalModel"],
    "zoo.models.vanilla_gan": ["VanillaGAN"],
    "zoo.models.dcgan": ["DCGAN"],
    "zoo.models.conditional_dcgan": ["ConditionalDCGAN"],
    "zoo.models.inpainting_gan": ["InpaintingGAN"],
    "zoo.checkpoint_callback": ["Checkpoint"],
    "zoo.health": ["HealthCallback"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_NEEDS_KERAS = {"AdversarialModel", "ConditionalModel"}
_NEEDS_KERAS |= {
    "VanillaGAN",
    "DCGAN",
    "ConditionalDCGAN",
    "InpaintingGAN",
    "Checkpoint",
    "HealthCallback",
}
_MODULES = ["datasets", "errors", "evaluation", "latents", "losses", "masks"]
_MODULES += ["picture_files", "pictures"]

__all__ = sorted([*_HOME_OF, *_MODULES])


def __getattr__(name):
    if name in _MODULES:
        if name == "losses":
            from zoo.keras_import import import_keras

            import_keras()
        return importlib.import_module(f"zoo.{name}")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    if name in _NEEDS_KERAS:
        from zoo.keras_import import import_keras

        import_keras()
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted([*globals(), *__all__])
