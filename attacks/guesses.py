"""Networks that an adversary guesses who knows only what records look like. Steps of adversarial networks share them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from attacks import generators, training
from attacks.generators import GeneratorRecipe
from attacks.generators.gan import Dcgan, Gan
from attacks.handles import AttackError, OwnDiscriminator, OwnGan
from attacks.training import Recipe, TrainingSet

# Batch and learning rate are those of the targets of this package, for want of a better guess.
BATCH = 64
LEARNING_RATE = 0.001
LATENT = 64
CONVOLUTIONS = (16, 32)
HIDDEN = (128,)


def gan(real: Tensor, fakes: Tensor, *, steps: int, seed: int) -> OwnGan:
    """Return a generative adversarial network for records like `real` (n, ...), with `fakes` (m, ...) as further fakes.

    It is convolutional for pictures that can be halved twice, else dense; m may be 0. It takes about `steps` steps.
    """
    shape = tuple(real.shape[1:])
    pictures = _are_pictures(shape) and all(side % 2 ** len(CONVOLUTIONS) == 0 for side in shape[-2:])
    recipe = GeneratorRecipe(
        Dcgan.family if pictures else Gan.family,
        shape,
        CONVOLUTIONS if pictures else HIDDEN,
        latent=LATENT,
        classes=2,
        unit=bool(real.min() >= 0 and real.max() <= 1),
        epochs=_epochs(steps, len(real)),
        batch=BATCH,
        learning_rate=LEARNING_RATE,
    )
    data = _labelled(real, fakes, seed)
    return OwnGan(generators.fit_many(recipe, [data], "networks of the adversary")[0])


def discriminator(inside: Tensor, outside: Tensor, *, steps: int, seed: int) -> OwnDiscriminator:
    """Return a network that tells records like `inside` (n, ...) from those like `outside` (m, ...).

    It is convolutional for pictures, else dense, and takes about `steps` steps. The smaller side is repeated until both are of
    one size, since else the network would do well to decide for the larger one.
    """
    if not len(inside) or not len(outside):
        raise AttackError("to tell two kinds of records apart takes at least one of each")
    shape, size = tuple(inside.shape[1:]), max(len(inside), len(outside))
    data = _labelled(_repeated(inside, size), _repeated(outside, size), seed)
    architecture = "cnn" if _are_pictures(shape) else "mlp"
    recipe = Recipe(architecture, shape, 2, HIDDEN, _epochs(steps, 2 * size), BATCH, LEARNING_RATE)
    return OwnDiscriminator(training.fit_many(recipe, [data], "networks of the adversary")[0])


def _are_pictures(shape: tuple[int, ...]) -> bool:
    return len(shape) in (2, 3)


def _labelled(first: Tensor, second: Tensor, seed: int) -> TrainingSet:
    """Return both kinds as one training set, the first as class 1."""
    kind = torch.cat([torch.ones(len(first), dtype=torch.int64), torch.zeros(len(second), dtype=torch.int64)])
    return TrainingSet(torch.cat([first, second]), kind, seed)


def _repeated(x: Tensor, size: int) -> Tensor:
    return x[torch.arange(size) % len(x)]


def _epochs(steps: int, records: int) -> int:
    return max(1, round(steps / math.ceil(records / BATCH)))
