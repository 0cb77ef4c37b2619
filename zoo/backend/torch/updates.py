"""PyTorch: Adam's update by the fused kernel, for gradients in any order in memory."""

import torch

from zoo.backend import adam


def update(optimizer, gradients, variables, sound):
    """Applies one update, unless `sound`, a scalar bool or `None`, is false."""
    values = [v.value for v in variables]
    if not values:  # a frozen network
        return
    first, second = ([v.value for v in slots] for slots in adam.slots(optimizer, variables))
    for moments in (first, second):
        for moment, value in zip(moments, values, strict=True):
            if moment.stride() != value.stride():
                moment.data = _laid_out_like(moment.data, value)
    gradients = [_laid_out_like(*pair) for pair in zip(gradients, values, strict=True)]
    # PyTorch corrects both moments before it adds epsilon, Keras afterward. So PyTorch is given a
    # step at which nothing is left to correct, and the rate that Keras corrects.
    late = torch.full((), 1e9, device=values[0].device)
    beta_1_power, beta_2_power = adam.powers(optimizer)
    rate = optimizer.learning_rate * torch.sqrt(1 - beta_2_power) / (1 - beta_1_power)
    torch._fused_adam_(
        *(list(map(_in_memory_order, x)) for x in (values, gradients, first, second)),
        [],
        [late] * len(values),
        lr=rate,
        beta1=optimizer.beta_1,
        beta2=optimizer.beta_2,
        weight_decay=0.0,
        eps=optimizer.epsilon,
        amsgrad=False,
        maximize=False,
        found_inf=None if sound is None else (~sound).float(),
    )
    optimizer.iterations.assign_add(1 if sound is None else sound)


def _laid_out_like(tensor, reference):
    """Returns the same numbers in the reference's order in memory."""
    if tensor.stride() == reference.stride():
        return tensor
    return torch.empty_like(reference).copy_(tensor)


def _in_memory_order(tensor):
    """Views a tensor without gaps in the order in which the fused kernel need not copy it."""
    return tensor if tensor.is_contiguous() else tensor.as_strided((tensor.numel(),), (1,))
