"""Training loops as an expert would write them by hand, without Keras: the zoo's measure.

One package per framework, with one class `Loop` in each; `base` is what they have in common and
`blocks` what the networks are made of. They do the zoo's work in the framework's own way: the same
networks, losses and optimizer, one forward pass of the generator per step, no gradient that nobody
uses, and nothing read on the host before the end.
"""

import importlib

from benchmarks.native.base import BETA_1, BETA_2, EPSILON, LEARNING_RATE, VARIANTS, NativeLoop

__all__ = ["BETA_1", "BETA_2", "EPSILON", "LEARNING_RATE", "VARIANTS", "NativeLoop", "make_loop"]

PACKAGES = {
    "gan28": "benchmarks.native",
    "dcgan28": "benchmarks.native",
    "dcgan64": "benchmarks.native",
    "inpaint64": "benchmarks.native.inpainting",
}
"""Workload -> the package with one module per framework."""


def make_loop(
    workload,
    backend,
    variant,
    config,
    generator_weights,
    discriminator_weights,
    precision="float32",
    seed=0,
):
    """The hand-written loop of a workload; its framework is imported here.

    Args:
        workload: name in `PACKAGES`.
        backend: name in `VARIANTS`.
        variant: how the framework runs it, one of `VARIANTS[backend]`.
        config: dict, `model.config` of the zoo's model. Any width will do.
        generator_weights: float32 ndarrays, as `model.generator.get_weights()` returns them.
        discriminator_weights: likewise.
        precision: `"float32"` or `"mixed_bfloat16"`.
        seed: int, for latents, dropout and the order of the images.

    Returns:
        A `NativeLoop`.

    Raises:
        ValueError: for an unknown name.
    """
    for kind, name, known in (
        ("workload", workload, PACKAGES),
        ("backend", backend, VARIANTS),
        ("variant", variant, VARIANTS.get(backend, ())),
    ):
        if name not in known:
            raise ValueError(f"`{kind}` must be one of {', '.join(known)}. Received: {name!r}")
    module = importlib.import_module(f"{PACKAGES[workload]}.{backend}")
    return module.Loop(config, generator_weights, discriminator_weights, variant, precision, seed)
