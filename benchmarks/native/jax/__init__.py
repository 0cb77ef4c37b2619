"""GANs in plain JAX: one jitted step of a donated state."""

from benchmarks.native.jax.loop import Loop

__all__ = ["Loop"]
