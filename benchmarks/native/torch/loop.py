"""The adversarial step: forward passes compiled or not, backward passes, fused Adam."""

import torch
from torch.nn.functional import softplus

from benchmarks.native.base import BETA_1, BETA_2, EPSILON, LEARNING_RATE, NativeLoop
from benchmarks.native.blocks import discriminator_network, generator_network
from benchmarks.native.torch import networks
from benchmarks.native.torch.compiler import compile_function


class Loop(NativeLoop):
    """See `NativeLoop`. The passes from inputs to losses are compiled, the updates are not."""

    def build(self, generator_weights, discriminator_weights):
        torch.manual_seed(self.seed)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        config = self.config
        generator = generator_network(config, generator_weights)
        discriminator = discriminator_network(config, discriminator_weights)
        self.turned = networks.is_turned(generator)
        placement = {"device": self.device, "memory_format": torch.channels_last}
        self.generator = networks.build(generator, config).to(**placement)
        self.discriminator = networks.build(
            discriminator, config, config["dropout"], config["image_shape"]
        ).to(**placement)
        self.generator_adam = adam(self.generator)
        self.discriminator_adam = adam(self.discriminator)
        compiled = compile_function if self.variant == "compile" else lambda function: function
        self.fake_images = compiled(self._fake_images)
        self.discriminator_loss = compiled(self._discriminator_loss)
        self.generator_loss = compiled(self._generator_loss)
        self.sample_images = compiled(self._sample_images)

    def put(self, images):
        images = torch.from_numpy(images)
        if self.device.type == "cuda":
            # A copy from pinned memory overlaps with the device's work.
            images = images.pin_memory().to(self.device, non_blocking=True)
        return images

    def step(self, batch, draws=None):
        fake = self.fake_images(self._latents(len(batch), draws))
        shown = fake.detach()

        loss_d = self.discriminator_loss(batch, shown)
        self.discriminator_adam.zero_grad()
        loss_d.backward()
        self.discriminator_adam.step()

        # Gradients of the discriminator's weights would be unused here.
        self.discriminator.requires_grad_(False)
        loss_g = self.generator_loss(shown.requires_grad_())
        self.discriminator.requires_grad_(True)
        loss_g.backward()
        self.generator_adam.zero_grad()
        fake.backward(shown.grad)
        self.generator_adam.step()
        return loss_d.detach(), loss_g.detach()

    def generate(self, count, latents=None):
        self.generator.eval()
        with torch.no_grad():
            images = self.sample_images(self._latents(count, latents))
        self.generator.train()
        return images

    def read(self, array):
        return array.cpu().numpy()

    def synchronize(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def _latents(self, count, latents):
        if latents is None:
            return torch.randn(count, self.config["latent_dim"], device=self.device)
        return torch.from_numpy(latents).to(self.device)

    def _autocast(self):
        # One context per pass: it caches cast weights, and updates change the weights.
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed)

    def _fake_images(self, latents):
        """Latents (batch, latent_dim) -> images (batch, C, H, W) in [-1, 1], float32."""
        with self._autocast():
            x = self.generator(latents)
        return torch.tanh(x.float())

    def _discriminator_loss(self, images, fake):
        """The loss of uint8 images (batch, H, W, C) and generated ones (batch, C, H, W)."""
        images = images.permute(0, 3, 1, 2)
        if self.turned:
            images = images.flip(2, 3)
        real = images.float() * (2 / 255) - 1
        with self._autocast():
            real_logits, fake_logits = self.discriminator(real), self.discriminator(fake)
        return softplus(-real_logits).mean() + softplus(fake_logits).mean()

    def _generator_loss(self, fake):
        """The loss of generated images (batch, C, H, W)."""
        with self._autocast():
            logits = self.discriminator(fake)
        return softplus(-logits).mean()

    def _sample_images(self, latents):
        """Latents (batch, latent_dim) -> uint8 images (batch, H, W, C)."""
        levels = (self._fake_images(latents) + 1) * (255 / 2)
        images = levels.round().clamp(0, 255).to(torch.uint8)
        if self.turned:
            images = images.flip(2, 3)
        return images.permute(0, 2, 3, 1)


def adam(network):
    """Returns PyTorch's fused Adam for a network."""
    return torch.optim.Adam(
        network.parameters(), LEARNING_RATE, (BETA_1, BETA_2), EPSILON, fused=True
    )
