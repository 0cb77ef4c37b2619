"""GANs in plain PyTorch: modules, channels last, fused Adam, eager or compiled."""

from benchmarks.native.torch.loop import Loop

__all__ = ["Loop"]
