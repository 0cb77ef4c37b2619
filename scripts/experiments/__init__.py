"""Experiments behind figures in the documentation; nothing else depends on them."""
