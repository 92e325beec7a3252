"""A reference generator: one like the target that was trained on no candidate."""

from __future__ import annotations

import torch

from attacks.handles import GeneratorPlatform, GeneratorTrainer, Number, Population, Records, ReferenceGenerator
from attacks.seeds import derive_seed
from attacks.steps.training_sets import check_pool, drawn
from attacks.training import TrainingSet


def known_recipe(
    records: Records, population: Population, trainer: GeneratorTrainer, training_size: Number, *, seed: int = 0
) -> ReferenceGenerator:
    """Train a generator by the target's recipe on as many records as the target had. Chen et al. 2020, attack calibration."""
    (made,) = trainer.fit_many([_training_set(population, int(training_size.value), seed)])
    return ReferenceGenerator(made, differentiable=True)


def same_platform(
    records: Records, population: Population, platform: GeneratorPlatform, training_size: Number, *, seed: int = 0
) -> ReferenceGenerator:
    """Have a generator trained on the target's platform, on as many records. Chen et al. 2020, attack calibration."""
    (made,) = platform.fit_many([_training_set(population, int(training_size.value), seed)])
    return made


def _training_set(population: Population, size: int, seed: int) -> TrainingSet:
    """Return `size` records of the population, chosen by a hash of each; raise AttackError if there are too few."""
    check_pool(len(population), size, 1, "reference generators")
    rows = torch.from_numpy(drawn(population.ids, 0, size, seed))
    return TrainingSet(population.x[rows], population.label[rows], derive_seed(seed, "model", 0))
