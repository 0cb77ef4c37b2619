"""The 28x28 DCGAN in plain PyTorch: eager modules, channels last, fused Adam.

PyTorch pads both sides alike, Keras' "same" one pixel more behind than before. With 5x5 kernels and
stride 2, the one is the other turned by 180 degrees: so images and kernels are turned, and all
layers are those of everybody's PyTorch DCGAN.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks import native


class Loop(native.NativeLoop):
    """See `native.NativeLoop`."""

    def build(self, generator, statistics, discriminator, seed):
        torch.manual_seed(seed)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.latent_dim = len(generator["projection"])
        placement = {"device": self.device, "memory_format": torch.channels_last}
        self.generator = build_generator({**generator, **statistics}).to(**placement)
        self.discriminator = build_discriminator(discriminator, self.dropout).to(**placement)
        self.generator_adam = adam(self.generator)
        self.discriminator_adam = adam(self.discriminator)

    def step(self, images, latents=None):
        real = torch.from_numpy(images).to(self.device).flip(1, 2).permute(0, 3, 1, 2)
        real = real.float() * (2 / 255) - 1
        if latents is None:
            latents = torch.randn(len(real), self.latent_dim, device=self.device)
        fake = self.generator(torch.as_tensor(latents, device=self.device))

        loss_d = functional.softplus(-self.discriminator(real)).mean()
        loss_d = loss_d + functional.softplus(self.discriminator(fake.detach())).mean()
        self.discriminator_adam.zero_grad()
        loss_d.backward()
        self.discriminator_adam.step()

        loss_g = functional.softplus(-self.discriminator(fake)).mean()
        self.generator_adam.zero_grad()
        # Not the discriminator's gradients: nothing would use them.
        loss_g.backward(inputs=list(self.generator.parameters()))
        self.generator_adam.step()
        return loss_d.detach(), loss_g.detach()

    def synchronize(self, arrays=None):
        if self.device.type == "cuda":
            torch.cuda.synchronize()


class Unflatten(nn.Module):
    """(N, 7 * 7 * C) -> (N, C, 7, 7), channels last in memory: nothing is moved."""

    def forward(self, x):
        return x.view(len(x), native.GRID, native.GRID, -1).permute(0, 3, 1, 2)


class Flatten(nn.Module):
    """The inverse of `Unflatten`."""

    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


def build_generator(weights):
    """Latents (batch, latent_dim) -> images (batch, 1, 28, 28) in [-1, 1]."""

    def normalization(layer, i):
        features = len(weights[f"gamma{i}"])
        layer = layer(features, native.VARIANCE_EPSILON, momentum=1 - native.MOMENTUM)
        turn = turn_grid if i == 1 else torch.as_tensor
        arrays = [turn(weights[f"{name}{i}"]) for name in native.NORMALIZATION]
        set_weights((layer.weight, layer.bias, layer.running_mean, layer.running_var), arrays)
        return [layer, nn.LeakyReLU(native.NEGATIVE_SLOPE, inplace=True)]

    def transposed(i, stride, bias=False):
        kernel = turn_kernel(weights[f"kernel{i}"])
        layer = nn.ConvTranspose2d(
            *kernel.shape[:3], stride, padding=2, output_padding=stride - 1, bias=bias
        )
        set_weights(layer.parameters(), [kernel, weights["bias3"]] if bias else [kernel])
        return layer

    projection = nn.Linear(*weights["projection"].shape, bias=False)
    set_weights([projection.weight], [turn_grid(weights["projection"].T)])
    return nn.Sequential(
        projection,
        *normalization(nn.BatchNorm1d, 1),
        Unflatten(),
        transposed(1, stride=1),
        *normalization(nn.BatchNorm2d, 2),
        transposed(2, stride=2),
        *normalization(nn.BatchNorm2d, 3),
        transposed(3, stride=2, bias=True),
        nn.Tanh(),
    )


def build_discriminator(weights, dropout):
    """Images (batch, 1, 28, 28) -> logits (batch, 1)."""
    stack = []
    for i in (1, 2):
        kernel = turn_kernel(weights[f"kernel{i}"])
        layer = nn.Conv2d(kernel.shape[1], kernel.shape[0], kernel.shape[2], 2, padding=2)
        set_weights(layer.parameters(), [kernel, weights[f"bias{i}"]])
        stack += [layer, nn.LeakyReLU(native.NEGATIVE_SLOPE, inplace=True), nn.Dropout(dropout)]
    logits = nn.Linear(*weights["kernel3"].shape)
    set_weights(logits.parameters(), [turn_grid(weights["kernel3"]).T, weights["bias3"]])
    return nn.Sequential(*stack, Flatten(), logits)


def adam(network):
    """Adam in one fused kernel."""
    betas = native.BETA_1, native.BETA_2
    return torch.optim.Adam(
        network.parameters(), native.LEARNING_RATE, betas, native.EPSILON, fused=True
    )


def set_weights(tensors, arrays):
    """Copies arrays into tensors, of the same shape each."""
    with torch.no_grad():
        for tensor, array in zip(tensors, arrays, strict=True):
            tensor.copy_(torch.as_tensor(array).reshape(tensor.shape))


def turn_kernel(kernel):
    """(height, width, a, b) -> (b, a, height, width), turned by 180 degrees."""
    return torch.from_numpy(kernel.copy()).flip(0, 1).permute(3, 2, 0, 1)


def turn_grid(array):
    """(7 * 7 * channels, ...), positions turned by 180 degrees."""
    array = torch.as_tensor(np.ascontiguousarray(array))
    grid = array.reshape(native.GRID, native.GRID, -1, *array.shape[1:])
    return grid.flip(0, 1).reshape(array.shape)
