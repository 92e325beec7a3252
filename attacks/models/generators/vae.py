"""Variational autoencoders (Kingma and Welling 2014), with dense layers."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn

from attacks.models.dropout import Dropout
from attacks.models.generators.recipe import GeneratorRecipe


class Vae(nn.Module):
    """Encoder and decoder with the hidden layers `hidden` (the decoder's in reverse) and `latent` codes.

    Values in [0, 1] are decoded with the logistic function, and their loss is the cross-entropy; other values have the squared
    error as their loss. Dropout acts behind every hidden layer of both parts.
    """

    family = "vae"

    def __init__(self, recipe: GeneratorRecipe):
        super().__init__()
        self.recipe = recipe
        width = math.prod(recipe.shape)
        self.encoder = nn.Sequential(nn.Flatten(), *_layers((width, *recipe.hidden), recipe.dropout))
        self.heads = nn.Linear(recipe.hidden[-1], 2 * recipe.latent)
        back = (recipe.latent, *reversed(recipe.hidden))
        self.decoder = nn.Sequential(*_layers(back, recipe.dropout), nn.Linear(back[-1], width))

    @property
    def latent(self) -> int:
        """Length of a latent code."""
        return self.recipe.latent

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and logarithm of the variance of each record's code, both (n, latent)."""
        mean, log_variance = self.heads(self.encoder(x)).chunk(2, dim=1)
        return mean, log_variance

    def decode(self, z: Tensor) -> Tensor:
        """Return the record of each code z (n, latent), (n, *shape)."""
        output: Tensor = self.decoder(z)
        return (output.sigmoid() if self.recipe.unit else output).reshape(len(z), *self.recipe.shape)

    def learn(self, x: Tensor, y: Tensor) -> None:
        """Train on records x (n, ...) by the evidence lower bound, with Adam."""
        optimizer = torch.optim.Adam(self.parameters(), lr=self.recipe.learning_rate, fused=True)
        flat = x.flatten(1)
        for _ in range(self.recipe.epochs):
            for chunk in torch.randperm(len(x)).split(self.recipe.batch):
                mean, log_variance = self.encode(x[chunk])
                output = self.decoder(mean + (log_variance / 2).exp() * torch.randn_like(mean))
                if self.recipe.unit:
                    error = nn.functional.binary_cross_entropy_with_logits(output, flat[chunk], reduction="none")
                else:
                    error = (output - flat[chunk]).square()
                divergence = (mean.square() + log_variance.exp() - 1 - log_variance) / 2
                optimizer.zero_grad(set_to_none=True)
                (error.sum() + divergence.sum()).div(len(chunk)).backward()
                optimizer.step()


def _layers(widths: tuple[int, ...], dropout: float) -> list[nn.Module]:
    made: list[nn.Module] = []
    for width, size in itertools.pairwise(widths):
        made += [nn.Linear(width, size), nn.ReLU(), Dropout(dropout)]
    return made
