"""The inpainting GAN in plain PyTorch: channels last, fused Adam, eager or compiled.

PyTorch pads both sides alike; Keras' "same" pads a 3x3 kernel of stride 2 behind only. Padded on
both sides, PyTorch's windows start where Keras' end if the image is turned by 180 degrees: so
images, masks and kernels are turned, and nothing is padded by hand. (Kernels of 4 and stride 2 are
padded alike by both.)
"""

import numpy as np
import torch
from torch.nn import functional

from benchmarks.native import base, inpainting


class Loop(inpainting.InpaintingLoop):
    """See `inpainting.InpaintingLoop`."""

    def build_layers(self, generator, discriminator, directions):
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.dtype = getattr(torch, self.dtype)
        self.generator = [self._parameters(*layer) for layer in generator]
        self.discriminator = [self._parameters(*layer) for layer in discriminator]
        self.directions = [torch.tensor(d, device=self.device) for d in directions]
        self.generator_adam = adam(self.generator)
        self.discriminator_adam = adam(self.discriminator)
        functions = (self._generate, discriminator_loss, generator_loss, self._complete)
        if self.variant == "compile":
            # Each batch size is compiled by itself, not one code for all sizes.
            functions = [torch.compile(function, dynamic=False) for function in functions]
        self.generate, self.discriminator_loss, self.generator_loss, self.finish = functions

    def _parameters(self, kernel, bias):
        # (height, width, inputs, filters) -> (filters, inputs, height, width)
        kernel = torch.from_numpy(kernel.copy()).flip(0, 1).permute(3, 2, 0, 1)
        kernel = kernel.to(self.device, memory_format=torch.channels_last, copy=True)
        bias = torch.tensor(bias, device=self.device)
        return kernel.requires_grad_(), bias.requires_grad_()

    def put(self, images, masks):
        return self._upload(images), self._upload(masks)

    def _upload(self, array):
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        if self.device.type == "cpu":
            return tensor
        return tensor.pin_memory().to(self.device, non_blocking=True)

    def step(self, batch, draws=None):
        fake, real, holes, shown_fake, shown_real = self.generate(self.generator, *batch)
        loss_d, self.directions = self.discriminator_loss(
            self.discriminator, self.directions, shown_real, shown_fake.detach()
        )
        self.discriminator_adam.zero_grad()
        loss_d.backward()
        self.discriminator_adam.step()

        # Gradients of the discriminator would be unused here.
        fixed = [(kernel.detach(), bias.detach()) for kernel, bias in self.discriminator]
        loss_g, self.directions = self.generator_loss(
            fixed, self.directions, fake, real, holes, shown_fake
        )
        self.generator_adam.zero_grad()
        loss_g.backward()
        self.generator_adam.step()
        return loss_d.detach(), loss_g.detach()

    def _generate(self, weights, images, masks):
        """Returns generated images, their inputs, and the discriminator's view of them."""
        with torch.no_grad():
            real, holes = encode(images, masks)
            shown_real = torch.cat([real, holes], 1).to(self.dtype)
        fake = self._draw(weights, real, holes)
        shown_fake = torch.cat([torch.lerp(real, fake, holes), holes], 1).to(self.dtype)
        return fake, real, holes, shown_fake, shown_real

    def _draw(self, weights, images, holes):
        with torch.no_grad():
            guess = pull_push(images, holes)
            x = torch.cat([guess, holes], 1).to(self.dtype)
        layers = iter(weights)
        x = inpainting.encode_decode(x, layers, self.halvings, self.dilations, gated, grow)
        return guess + convolve(x.float(), *next(layers), padding=1)

    def restoring_weights(self):
        # Cast once for all batches; the output layer's stay in float32.
        *layers, output = self.generator
        layers = [(kernel.to(self.dtype), bias.to(self.dtype)) for kernel, bias in layers]
        return [(kernel.detach(), bias.detach()) for kernel, bias in [*layers, output]]

    def complete(self, weights, batch):
        with torch.no_grad():
            completed = self.finish(weights, *batch)
        if self.device.type == "cpu":
            return completed, None
        completed = completed.to("cpu", non_blocking=True)
        return completed, torch.cuda.current_stream().record_event()

    def _complete(self, weights, images, masks):
        drawn = self._draw(weights, *encode(images, masks))
        drawn = ((drawn + 1) * 127.5).round().clamp(0, 255).byte()
        return torch.where(masks[..., None], drawn.permute(0, 2, 3, 1).flip(1, 2), images)

    def fetch(self, result):
        completed, event = result
        if event is not None:
            event.synchronize()
        return completed.numpy()

    def synchronize(self, arrays=None):
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def adam(layers):
    """Returns PyTorch's fused Adam for some weights."""
    parameters = [parameter for layer in layers for parameter in layer]
    betas = base.BETA_1, base.BETA_2
    return torch.optim.Adam(parameters, base.LEARNING_RATE, betas, base.EPSILON, fused=True)


def encode(images, masks):
    """uint8 images, bool masks -> (batch, C, H, W) in [-1, 1], (batch, 1, H, W); turned by 180."""
    images = images.flip(1, 2).permute(0, 3, 1, 2).float() * (2 / 255) - 1
    return images, masks.flip(1, 2)[:, None].float()


def pull_push(images, holes):
    """Holes filled with averages of the nearest known pixels, coarse to fine."""
    known = 1 - holes
    pyramid = [torch.cat([images * known, known], 1)]
    for _ in range(inpainting.LEVELS):
        # An axis of one pixel stays as it is: pixels outside of the image do not count.
        pyramid.append(functional.avg_pool2d(pyramid[-1], 2, ceil_mode=True))
    values, weights = pyramid[-1][:, :-1], pyramid[-1][:, -1:]
    guess = values / (weights + inpainting.GUESS_EPSILON)
    for level in reversed(pyramid[:-1]):
        values, weights = level[:, :-1], level[:, -1:]
        coarse = functional.interpolate(guess, values.shape[2:], mode="bilinear")
        guess = torch.addcmul(values, 1 - weights, coarse)
    return guess


def convolve(x, kernel, bias, stride=1, padding=0, dilation=1):
    """A convolution in the input's precision."""
    kernel, bias = kernel.to(x.dtype), bias.to(x.dtype)
    return functional.conv2d(x, kernel, bias, stride, padding, dilation)


def gated(x, layer, stride=1, dilation=1):
    """A convolution whose second half of channels gates the first."""
    x = convolve(x, *layer, stride, padding=dilation, dilation=dilation)
    features, gates = x.chunk(2, 1)
    return functional.elu(features) * torch.sigmoid(gates)


def grow(x, layer, skip):
    """A 1x1 convolution, doubled in size, plus `skip`."""
    return functional.interpolate(convolve(x, *layer), scale_factor=2.0).add_(skip)


def discriminate(layers, directions, x):
    """(images beside masks) -> float32 logits of patches, and the new directions."""
    found = []
    for (kernel, bias), direction in zip(layers, directions, strict=True):
        kernel, direction = normalize_kernel(kernel, direction)
        found.append(direction)
        if len(found) < len(layers):
            x = convolve(x, kernel, bias, stride=2, padding=1)
            x = functional.leaky_relu_(x, inpainting.NEGATIVE_SLOPE)
    # "Same" padding of a kernel of 4: turned, two pixels before and one behind.
    return convolve(x.float(), kernel, bias, padding=2)[:, :, :-1, :-1], found


def normalize_kernel(kernel, direction):
    """A kernel divided by its largest singular value, after one step of the power iteration."""
    matrix = kernel.permute(0, 2, 3, 1).flatten(1)  # a view: the channels lie last
    left = matrix.detach().T @ direction
    left = functional.normalize(left, dim=0, eps=inpainting.NORM_EPSILON)
    right = matrix @ left
    largest = torch.linalg.vector_norm(right)
    return kernel / largest, (right / largest).detach()


def discriminator_loss(layers, directions, shown_real, shown_fake):
    """Hinge loss, and the new directions."""
    real_logits, directions = discriminate(layers, directions, shown_real)
    fake_logits, directions = discriminate(layers, directions, shown_fake)
    loss = functional.relu(1 - real_logits).mean() + functional.relu(1 + fake_logits).mean()
    return loss, directions


def generator_loss(layers, directions, fake, real, holes, shown_fake):
    """Reconstruction and adversarial loss, and the new directions."""
    logits, directions = discriminate(layers, directions, shown_fake)
    missing = holes.sum()
    hole_weight = inpainting.HOLE_WEIGHT / missing.clamp(min=1)
    known_weight = inpainting.KNOWN_WEIGHT / (holes.numel() - missing).clamp(min=1)
    weights = torch.lerp(known_weight, hole_weight, holes) / real.shape[1]
    reconstruction = ((fake - real).abs() * weights).sum()
    return reconstruction - inpainting.ADVERSARIAL_WEIGHT * logits.mean(), directions
