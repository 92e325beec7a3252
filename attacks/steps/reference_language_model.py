"""A reference language model: trained by the target's recipe on other text."""

from __future__ import annotations

import numpy as np
import torch

from attacks.handles import AttackError, GeneratorTrainer, Population, Records, ReferenceLanguageModel
from attacks.seeds import derive_seed, hash_records
from attacks.training import TrainingSet


def known_recipe(records: Records, population: Population, trainer: GeneratorTrainer, *, seed: int = 0) -> ReferenceLanguageModel:
    """Train a model by the target's recipe on as many records of the population as the target has, or all if there are fewer.

    Mireshghallah et al. 2022, Figure 1: the reference model is trained on a disjoint data set from the same distribution.
    """
    if not len(population):
        raise AttackError("the population is empty, so no reference model can be trained")
    order = np.argsort(hash_records(derive_seed(seed, "draw"), 0, population.ids), kind="stable")[: trainer.training_size]
    rows = torch.from_numpy(order)
    (made,) = trainer.fit_many([TrainingSet(population.x[rows], population.label[rows], derive_seed(seed, "model"))])
    return ReferenceLanguageModel(made)
