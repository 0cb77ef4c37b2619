"""Tests that need keras-cv, which is optional."""

import importlib.util

import pytest

needs_keras_cv = pytest.mark.skipif(
    importlib.util.find_spec("keras_cv") is None, reason="keras-cv isn't installed"
)
