"""Networks that an adversary guesses who knows only what records look like. Steps of adversarial networks share them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from attacks.handles import AttackError, OwnDiscriminator, OwnGan
from attacks.models import generators, training
from attacks.models.generators import GeneratorRecipe
from attacks.models.generators.gan import Dcgan, Gan
from attacks.models.training import Recipe, TrainingSet

# Batch and learning rate are those of the targets of this package, for want of a better guess.
BATCH = 64
LEARNING_RATE = 0.001
LATENT = 64
CONVOLUTIONS = (16, 32)
HIDDEN = (128,)


def in_equal_parts(kinds: Sequence[Tensor]) -> Tensor:
    """Return as many records of each kind (n, ...), those of the smaller kinds again and again.

    A batch then holds as many of each kind on average, however few there are of one. Raises AttackError if there are none of one.
    """
    if not all(len(x) for x in kinds):
        raise AttackError("to tell kinds of records apart takes at least one of each")
    size = max(len(x) for x in kinds)
    return torch.cat([x[torch.arange(size) % len(x)] for x in kinds])


def gan(real: Tensor, fakes: Tensor, *, steps: int, seed: int) -> OwnGan:
    """Return a generative adversarial network for records like `real` (n, ...), with `fakes` (m, ...) as further fakes.

    Each step takes as many of the fakes, if there are some, as of the real records, however few there are. It is convolutional
    for pictures that can be halved twice, else dense, and takes about `steps` steps.
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

    It is convolutional for pictures, else dense, and takes about `steps` steps. It learns from as many of both, since else it
    would do well to decide for the larger side.
    """
    both = in_equal_parts([inside, outside])
    shape, half = tuple(both.shape[1:]), len(both) // 2
    data = _labelled(both[:half], both[half:], seed)
    architecture = "cnn" if _are_pictures(shape) else "mlp"
    recipe = Recipe(architecture, shape, 2, HIDDEN, _epochs(steps, len(both)), BATCH, LEARNING_RATE)
    return OwnDiscriminator(training.fit_many(recipe, [data], "networks of the adversary")[0])


def _are_pictures(shape: tuple[int, ...]) -> bool:
    return len(shape) in (2, 3)


def _labelled(first: Tensor, second: Tensor, seed: int) -> TrainingSet:
    """Return both kinds as one training set, the first as class 1."""
    kind = torch.cat([torch.ones(len(first), dtype=torch.int64), torch.zeros(len(second), dtype=torch.int64)])
    return TrainingSet(torch.cat([first, second]), kind, seed)


def _epochs(steps: int, records: int) -> int:
    return max(1, round(steps / math.ceil(records / BATCH)))
