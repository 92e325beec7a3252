"""A generative adversarial network whose discriminator adds noise to what it sees of a record."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attacks.errors import AttackError
from attacks.models.generators import GeneratorRecipe
from attacks.models.generators.gan import Gan
from attacks.models.training import TrainingSet


class Noisy(nn.Module):
    """Shortens what a record is turned into to a norm of at most `bound`, and adds normal noise of spread `noise` times it.

    Noise is added while the network learns. What it has learned answers without noise, and still shortened.
    """

    def __init__(self, bound: float, noise: float):
        super().__init__()
        self.bound, self.noise = bound, noise

    def forward(self, x: Tensor) -> Tensor:
        """Return activations of the shape of x (n, ...)."""
        norm = x.flatten(1).norm(dim=1).clamp(min=self.bound)
        short: Tensor = x * (self.bound / norm).reshape(-1, *[1] * (x.dim() - 1))
        if not (self.training and self.noise):
            return short
        return short + self.noise * self.bound * torch.randn_like(short)


def noisy_discriminator(recipe: GeneratorRecipe, data: TrainingSet, *, bound: float, noise: float) -> nn.Module:
    """Train an adversarial network with noise before the last layer of its discriminator. Triastcyn and Faltings 2018.

    Activations are shortened to the norm `bound`, and normal noise of `noise` times it is added to each, in every step, for
    generated records too: the generator learns from what passes the noise. No epsilon is claimed for it: the layers below
    the noise learn from records without any, so that their weights, and with them the discriminator, are not private.
    Raises AttackError for a generative model without a discriminator.
    """
    network = noisy_discriminator_network(recipe, bound=bound, noise=noise)
    network.train()
    network.learn(data.x, data.y)
    return network


def noisy_discriminator_suits(recipe: GeneratorRecipe, *, bound: float, noise: float) -> None:
    """Raise AttackError for a generative model without a discriminator."""
    noisy_discriminator_network(recipe, bound=bound, noise=noise)


def noisy_discriminator_network(recipe: GeneratorRecipe, *, bound: float, noise: float) -> Gan:
    """Return an untrained network with noise in its discriminator: its weights have the names that they have without."""
    network = recipe.build()
    if not isinstance(network, Gan):
        raise AttackError(
            f"this defense puts noise in a discriminator, and a generative model of family {recipe.family} has none"
        )
    last = len(network.discriminator) - 2
    network.discriminator[last] = nn.Sequential(network.discriminator[last], Noisy(bound, noise))
    return network
