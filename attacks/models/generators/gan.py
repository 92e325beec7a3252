"""Generative adversarial networks (Goodfellow et al. 2014), of dense layers and deep convolutional (Radford et al. 2016)."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn

from attacks.models.dropout import Dropout
from attacks.models.generators.recipe import GeneratorRecipe

# Radford et al. 2016, Section 4: the first moment of Adam, the slope of the leaky ReLU, the spread of the first weights.
MOMENTUM = 0.5
SLOPE = 0.2
SPREAD = 0.02


class Gan(nn.Module):
    """A generator and a discriminator of dense layers: `hidden` are the discriminator's widths, and in reverse the generator's.

    Values in [0, 1] are generated with the logistic function. Dropout acts behind every hidden layer of the discriminator. With
    two `classes` in the recipe, records of class 1 are the real ones, and those of class 0 join the generated ones as fakes.
    """

    family = "gan"

    def __init__(self, recipe: GeneratorRecipe):
        super().__init__()
        self.recipe = recipe
        self.generator = self.make_generator()
        self.discriminator = self.make_discriminator(1)

    def make_generator(self) -> nn.Sequential:
        """Return an untrained generator."""
        widths = (self.recipe.latent, *reversed(self.recipe.hidden))
        layers: list[nn.Module] = []
        for size, wider in itertools.pairwise(widths):
            layers += [nn.Linear(size, wider), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(widths[-1], math.prod(self.recipe.shape)), nn.Unflatten(1, self.recipe.shape))

    def make_discriminator(self, outputs: int) -> nn.Sequential:
        """Return an untrained network from a record to some numbers, built as the discriminator is."""
        widths = (math.prod(self.recipe.shape), *self.recipe.hidden)
        layers: list[nn.Module] = [nn.Flatten()]
        for size, narrower in itertools.pairwise(widths):
            layers += [nn.Linear(size, narrower), *self.behind_hidden()]
        return nn.Sequential(*layers, nn.Linear(widths[-1], outputs))

    def behind_hidden(self) -> list[nn.Module]:
        """Return what stands behind a hidden layer of the discriminator."""
        return [nn.LeakyReLU(SLOPE), *([Dropout(self.recipe.dropout)] if self.recipe.dropout else [])]

    @property
    def latent(self) -> int:
        """Length of a latent code."""
        return self.recipe.latent

    def decode(self, z: Tensor) -> Tensor:
        """Return the record of each code z (n, latent), (n, *shape)."""
        output: Tensor = self.generator(z)
        return output.sigmoid() if self.recipe.unit else output

    def real(self, x: Tensor) -> Tensor:
        """Return for records x (n, *shape) the discriminator's log-odds that each is real, (n,)."""
        logit: Tensor = self.discriminator(self.centred(x))
        return logit[:, 0]

    def centred(self, x: Tensor) -> Tensor:
        """Return records as the discriminator takes them: values in [0, 1] are brought to [-1, 1]."""
        return 2 * x - 1 if self.recipe.unit else x

    def learn(self, x: Tensor, y: Tensor) -> None:
        """Train on records x (n, ...): both networks take turns, a step of Adam each, on the cross-entropy."""
        with_fakes = self.recipe.classes == 2
        fakes, x = (x[y == 0], x[y == 1]) if with_fakes else (x[:0], x)
        judge, maker = adam(self.discriminator, self.recipe), adam(self.generator, self.recipe)
        for _ in range(self.recipe.epochs):
            for chunk in torch.randperm(len(x)).split(self.recipe.batch):
                made = self.decode(torch.randn(len(chunk), self.latent))
                error = taken_for(1, self.real(x[chunk])) + taken_for(0, self.real(made.detach()))
                if len(fakes):
                    error = error + taken_for(0, self.real(fakes[torch.randint(len(fakes), (len(chunk),))]))
                step(judge, error)
                step(maker, taken_for(1, self.real(made)))


class Dcgan(Gan):
    """Deep convolutional networks for pictures of shape (height, width) or (colours, height, width).

    Every width of `hidden` is a convolution of 4 x 4 that halves the picture, and in the generator one that doubles it. Batches
    are normalised in the generator, but not in the discriminator, so that its answer for a record does not hang on the others.
    """

    family = "dcgan"

    def __init__(self, recipe: GeneratorRecipe):
        super().__init__(recipe)
        self.apply(_small_weights)

    def make_generator(self) -> nn.Sequential:
        """Return an untrained generator."""
        colours, channels, small = self._sizes()
        layers: list[nn.Module] = [nn.Linear(self.recipe.latent, math.prod(small)), nn.Unflatten(1, small)]
        for size, narrower in itertools.pairwise(reversed(channels)):
            layers += [nn.BatchNorm2d(size), nn.ReLU(), nn.ConvTranspose2d(size, narrower, 4, stride=2, padding=1)]
        return nn.Sequential(*layers, nn.Identity() if colours else nn.Flatten(1, 2))

    def make_discriminator(self, outputs: int) -> nn.Sequential:
        """Return an untrained network from a picture to some numbers, built as the discriminator is."""
        colours, channels, small = self._sizes()
        layers: list[nn.Module] = [nn.Identity() if colours else nn.Unflatten(1, (1, -1))]
        for size, wider in itertools.pairwise(channels):
            layers += [nn.Conv2d(size, wider, 4, stride=2, padding=1), *self.behind_hidden()]
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(math.prod(small), outputs))

    def _sizes(self) -> tuple[bool, tuple[int, ...], tuple[int, int, int]]:
        """Return whether there are colours, the channels at each size of the picture, and the shape at the smallest."""
        *colours, height, width = self.recipe.shape
        part = 2 ** len(self.recipe.hidden)
        if height % part or width % part:
            raise ValueError(f"pictures of {self.recipe.shape} cannot be halved {len(self.recipe.hidden)} times")
        small = (self.recipe.hidden[-1], height // part, width // part)
        return bool(colours), (math.prod(colours), *self.recipe.hidden), small


def adam(part: nn.Module, recipe: GeneratorRecipe) -> torch.optim.Optimizer:
    """Return what trains a part of an adversarial network."""
    return torch.optim.Adam(part.parameters(), lr=recipe.learning_rate, betas=(MOMENTUM, 0.999), fused=True)


def taken_for(kind: float, logit: Tensor) -> Tensor:
    """Return the mean cross-entropy of log-odds (n,) with all of them real (1) or none (0)."""
    return nn.functional.binary_cross_entropy_with_logits(logit, torch.full_like(logit, kind))


def step(optimizer: torch.optim.Optimizer, error: Tensor) -> None:
    """Take one step against the gradient of an error; gradients that other parts left behind do not count."""
    optimizer.zero_grad(set_to_none=True)
    error.backward()
    optimizer.step()


def _small_weights(layer: nn.Module) -> None:
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(layer.weight, std=SPREAD)
