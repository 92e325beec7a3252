"""A variational autoencoder whose decoder is the generator of an adversarial network (Larsen et al. 2016)."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.models.generators.gan import Dcgan, adam, step, taken_for
from attacks.models.generators.recipe import GeneratorRecipe


class DcganVae(Dcgan):
    """Deep convolutional networks with an encoder, which is built as the discriminator is.

    How far a reconstruction lies from its record is measured in the discriminator's last hidden layer (Algorithm 1 of the paper,
    as we remember it; reconstruction and discriminator weigh alike in the decoder's loss). The discriminator takes
    reconstructions and generated records for fakes.
    """

    family = "dcgan-vae"

    def __init__(self, recipe: GeneratorRecipe):
        super().__init__(recipe)
        self.encoder = self.make_discriminator(2 * recipe.latent)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and logarithm of the variance of each record's code, both (n, latent)."""
        mean, log_variance = self.encoder(self.centred(x)).chunk(2, dim=1)
        return mean, log_variance

    def learn(self, x: Tensor, y: Tensor) -> None:
        """Train on records x (n, ...): all networks take turns, a step of Adam each."""
        judge = adam(self.discriminator, self.recipe)
        others = adam(torch.nn.ModuleList([self.encoder, self.generator]), self.recipe)
        for _ in range(self.recipe.epochs):
            for chunk in torch.randperm(len(x)).split(self.recipe.batch):
                batch = x[chunk]
                mean, log_variance = self.encode(batch)
                code = mean + (log_variance / 2).exp() * torch.randn_like(mean)
                # The discriminator teaches the decoder, and not the encoder, to be taken for real.
                made = self.decode(torch.cat([code.detach(), torch.randn_like(code)]))
                step(judge, taken_for(1, self.real(batch)) + taken_for(0, self.real(made.detach())))
                divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
                away = (self._features(self.decode(code)) - self._features(batch).detach()).square().sum(1) / 2
                step(others, (divergence + away).mean() + taken_for(1, self.real(made)))

    def _features(self, x: Tensor) -> Tensor:
        """Return the discriminator's last hidden layer, (n, width)."""
        features: Tensor = self.discriminator[:-1](self.centred(x))
        return features
