"""A language model of a few units that is trained in a moment, and what it is trained on."""

from __future__ import annotations

import numpy as np
import torch

from attacks.models import alphabet
from attacks.models.generators import GeneratorRecipe
from attacks.models.generators import training as generators
from attacks.models.training import TrainingSet

SYMBOLS = len(alphabet.ALPHABET)
TINY = GeneratorRecipe("gru", (12,), (4, 16), classes=SYMBOLS, unit=False, epochs=2, batch=8, learning_rate=0.01)
SEQUENCES = torch.from_numpy(np.random.default_rng(0).integers(SYMBOLS, size=(30, 12))).float()


def learned(recipe=TINY, x=SEQUENCES, seed=1):
    return generators.fit(recipe, TrainingSet(x, torch.zeros(len(x), dtype=torch.int64), seed))


def untrained(recipe=TINY, seed=0):
    torch.manual_seed(seed)
    return recipe.build().eval()
