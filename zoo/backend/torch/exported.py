"""What exporting by `torch.export` takes, and running the result."""

import torch
from keras import ops


def dynamic_batch(count):
    """Returns the `dynamic_shapes` of a number of inputs that share a batch of any size."""
    batch = torch.export.Dim("batch", min=1)
    return ({0: batch},) * count


def run_program(path, arrays):
    """Returns what an exported program makes of arrays, as an array."""
    program = torch.export.load(str(path)).module()
    return ops.convert_to_numpy(program(*map(ops.convert_to_tensor, arrays)))
