"""What Keras does around each operation on PyTorch: spared where it leads to nothing."""

import keras
import pytest
from keras import ops

pytestmark = pytest.mark.skipif(keras.backend.backend() != "torch", reason="PyTorch's own")


def test_nothing_is_moved_to_where_it_is(monkeypatch):
    import torch

    from zoo.backend.torch import eager

    moves, move = [], torch.Tensor.to
    x = ops.ones((2, 3))
    monkeypatch.setattr(torch.Tensor, "to", lambda *args: moves.append(args) or move(*args))
    with eager.fast():
        product = ops.multiply(x, ops.sqrt(x))
    assert moves == []
    assert product.device == x.device
    ops.multiply(x, ops.sqrt(x))
    assert moves  # Keras still moves by itself: take `eager` off the project once it does not


def test_symbols_are_found_wherever_they_are():
    from zoo.backend.torch import eager

    symbol = keras.Input((3,))
    with eager.fast():
        for result in (
            ops.add(symbol, 1.0),
            ops.add(1.0, x2=symbol),
            ops.concatenate([symbol, symbol]),
            ops.where(ops.ones((1, 3), bool), symbol, 0.0),
            ops.relu(symbol),
        ):
            assert isinstance(result, keras.KerasTensor)
        assert not isinstance(ops.stack([ops.ones(2), ops.ones(2)]), keras.KerasTensor)


def test_other_devices_can_be_chosen_within():
    from zoo.backend.torch import eager

    before = ops.ones(1).device
    with eager.fast():
        with keras.device("meta"):
            assert ops.ones(1).device.type == "meta"
        assert ops.ones(1).device == before
    assert ops.ones(1).device == before
