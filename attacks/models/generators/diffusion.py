"""Denoising diffusion models (Ho et al. 2020) with a dense network, and deterministic sampling (Song et al. 2021)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from attacks.models.dropout import Dropout
from attacks.models.generators.noising import cleaned, mixed
from attacks.models.generators.recipe import GeneratorRecipe

STEPS, SAMPLING_STEPS, WAVES = 1000, 20, 16


def schedule() -> list[float]:
    """Return the share of a record's variance that is left at each of 1,000 steps: nearly 1 at step 0, nearly 0 at the last.

    It falls as a squared cosine (Nichol and Dhariwal 2021, from memory), since the linear schedule of Ho et al. 2020 spends most
    of its steps on mere noise where pictures are small.
    """
    heights = [math.cos((step / STEPS + 0.008) / 1.008 * math.pi / 2) ** 2 for step in range(STEPS + 1)]
    falls = [max(lower / higher, 0.001) for higher, lower in itertools.pairwise(heights)]
    return list(itertools.accumulate(falls, lambda kept, fall: kept * fall))


def sample(predict: Callable[[Tensor, int], Tensor], kept: Sequence[float], x: Tensor) -> Tensor:
    """Return the records in [-1, 1] that pure noise x (n, ...) becomes when it is denoised in 20 steps.

    `predict` finds the noise in records at a step; `kept` is the schedule.
    """
    places = torch.linspace(len(kept) - 1, 0, SAMPLING_STEPS).round().long().tolist()
    for here, there in itertools.pairwise([*places, None]):
        noise = predict(x, here)
        # Where little of the record is left, a small error in the noise is a large one in the record.
        found = cleaned(x, noise, kept[here]).clamp(-1, 1)
        x = found if there is None else mixed(found, noise, kept[there])
    return x


class Diffusion(nn.Module):
    """A network that finds the noise in noisy records; without noise they lie in [-1, 1].

    It has one block of two layers for each width in `hidden`, whose result is added to the block's input; the first width is
    also that of the inputs. Each block sees waves of several lengths that tell the step. A latent code is the noise from which
    sampling starts. (Ho et al. 2020 tell the step alike, but their network is convolutional.)
    """

    family = "diffusion"

    def __init__(self, recipe: GeneratorRecipe):
        super().__init__()
        self.recipe = recipe
        self.kept = schedule()
        width = recipe.hidden[0]
        self.first = nn.Linear(self.latent, width)
        self.blocks = nn.ModuleList(_Block(width, inside, recipe.dropout) for inside in recipe.hidden)
        self.last = nn.Linear(width, self.latent)

    @property
    def latent(self) -> int:
        """Length of a latent code."""
        return math.prod(self.recipe.shape)

    def forward(self, x: Tensor, step: Tensor) -> Tensor:
        """Return the noise that the model finds in records x (n, *shape) at steps int64 (n,), (n, *shape)."""
        lengths = torch.exp(torch.arange(WAVES) * (math.log(STEPS) / (WAVES - 1)))
        angles = step[:, None] / STEPS * lengths
        waves = torch.cat([angles.sin(), angles.cos()], dim=1)
        hidden = self.first(x.flatten(1))
        for block in self.blocks:
            hidden = block(hidden, waves)
        found: Tensor = self.last(nn.functional.silu(hidden))
        return found.reshape(x.shape)

    def predict(self, x: Tensor, step: int) -> Tensor:
        """Return the noise in records that are all at one step, (n, *shape)."""
        return self.forward(x, torch.full((len(x),), step))

    def decode(self, z: Tensor) -> Tensor:
        """Return the record of each code z (n, latent), (n, *shape)."""
        return sample(self.predict, self.kept, z.reshape(len(z), *self.recipe.shape))

    def learn(self, x: Tensor, y: Tensor) -> None:
        """Train on records x (n, *shape) to find the noise that is mixed in at random steps, by the squared error, with Adam.

        The learning rate falls to 0 along a line, in place of the paper's average of the weights.
        """
        kept = torch.tensor(self.kept).reshape(-1, *[1] * len(self.recipe.shape))
        optimizer = torch.optim.Adam(self.parameters(), lr=self.recipe.learning_rate, fused=True)
        for epoch in range(self.recipe.epochs):
            optimizer.param_groups[0]["lr"] = self.recipe.learning_rate * (1 - epoch / self.recipe.epochs)
            for chunk in torch.randperm(len(x)).split(self.recipe.batch):
                step = torch.randint(STEPS, (len(chunk),))
                noise = torch.randn_like(x[chunk])
                noisy = kept[step].sqrt() * x[chunk] + (1 - kept[step]).sqrt() * noise
                optimizer.zero_grad(set_to_none=True)
                (self.forward(noisy, step) - noise).square().mean().backward()
                optimizer.step()


class _Block(nn.Module):
    """Adds to its input what two layers make of it and of the step."""

    def __init__(self, width: int, inside: int, dropout: float):
        super().__init__()
        self.first, self.step = nn.Linear(width, inside), nn.Linear(2 * WAVES, inside)
        self.last, self.dropout = nn.Linear(inside, width), Dropout(dropout)

    def forward(self, x: Tensor, waves: Tensor) -> Tensor:
        hidden = nn.functional.silu(self.first(nn.functional.silu(x)) + self.step(waves))
        added: Tensor = self.last(self.dropout(hidden))
        return x + added
