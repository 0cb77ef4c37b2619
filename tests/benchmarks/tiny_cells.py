"""Cells and models small enough for tests."""

import dataclasses

import keras

from benchmarks.measure import devices
from benchmarks.measure.cells import Cell
from benchmarks.measure.workloads import build as build_workload

BACKEND = keras.backend.backend()
DEVICES = devices.load(BACKEND)
TINY = {
    "gan28": {"hidden_units": (8, 12), "latent_dim": 6},
    "dcgan28": {"base_filters": 4, "latent_dim": 6},
    "dcgan64": {"base_filters": 4, "latent_dim": 6},
    "inpaint64": {"base_filters": 2, "halvings": 2, "dilations": (1,)},
}
FIT = Cell("gan28", "train", "float32", 4, BACKEND, "zoo", "fit", "auto", "numpy")


def cell(**changes):
    """`FIT`, changed."""
    return dataclasses.replace(FIT, **changes)


def build(name):
    """A workload's model, narrow."""
    return build_workload(name, **TINY[name])
