"""Training loops as an expert would write them by hand, without Keras: the zoo is compared to them.

One package per framework, each with a class `Loop`; `base` holds what they share, and `blocks`
describes the networks. They do the zoo's work in the framework's own way: the same networks, losses
and optimizer, one forward pass of the generator per step, no unused gradients, and nothing read on
the host before the end.
"""

import importlib

from benchmarks.native.base import VARIANTS, NativeLoop, check_name

__all__ = ["VARIANTS", "NativeLoop", "make_loop"]

PACKAGES = {
    "gan28": "benchmarks.native",
    "dcgan28": "benchmarks.native",
    "dcgan64": "benchmarks.native",
    "inpaint64": "benchmarks.native.inpainting",
}
"""Workload -> the package with one module per framework."""


def make_loop(
    workload: str,
    backend: str,
    variant: str,
    config: dict,
    generator_weights: list,
    discriminator_weights: list,
    precision: str = "float32",
    seed: int = 0,
) -> NativeLoop:
    """Returns the hand-written loop of a workload, and imports its framework.

    Args:
        workload: name in `PACKAGES`.
        backend: name in `VARIANTS`.
        variant: how the framework runs the step, one of `VARIANTS[backend]`.
        config: `model.config` of the zoo's model, of any width.
        generator_weights: float32 arrays, from `model.generator.get_weights()`.
        discriminator_weights: float32 arrays, from `model.discriminator.get_weights()`.
        precision: `"float32"` or `"mixed_bfloat16"`.
        seed: int, for latents, dropout and the order of the images.

    Raises:
        ValueError: for an unknown name, or a configuration that no loop is written for.
    """
    check_name("workload", workload, PACKAGES)
    check_name("backend", backend, VARIANTS)
    check_name("variant", variant, VARIANTS[backend])
    module = importlib.import_module(f"{PACKAGES[workload]}.{backend}")
    return module.Loop(config, generator_weights, discriminator_weights, variant, precision, seed)
