"""A reference generator: one like the target that was trained on no candidate."""

from __future__ import annotations

import numpy as np
import torch

from attacks.handles import AttackError, GeneratorPlatform, GeneratorTrainer, Population, Records, ReferenceGenerator
from attacks.seeds import derive_seed, hash_records
from attacks.training import TrainingSet


def known_recipe(records: Records, population: Population, trainer: GeneratorTrainer, *, seed: int = 0) -> ReferenceGenerator:
    """Train a generator by the target's recipe on as many records as the target had. Chen et al. 2020, attack calibration."""
    (made,) = trainer.fit_many([_training_set(population, trainer.training_size, seed)])
    return ReferenceGenerator(made, differentiable=True)


def same_platform(records: Records, population: Population, platform: GeneratorPlatform, *, seed: int = 0) -> ReferenceGenerator:
    """Have a generator trained on the target's platform, on as many records. Chen et al. 2020, attack calibration."""
    (made,) = platform.fit_many([_training_set(population, platform.training_size, seed)])
    return made


def _training_set(population: Population, size: int, seed: int) -> TrainingSet:
    """Return records of the population, chosen by a hash of each; all of them, if the target had more."""
    if len(population) == 0:
        raise AttackError("there are no records to train a reference generator on")
    order = np.argsort(hash_records(derive_seed(seed, "draw"), 0, population.ids), kind="stable")[:size]
    rows = torch.from_numpy(order)
    return TrainingSet(population.x[rows], population.label[rows], derive_seed(seed, "model", 0))
