"""Measurement of cells, each in a process of its own, and the rows made of it."""
