"""A reference language model: trained by the target's recipe on other text."""

from __future__ import annotations

import torch

from attacks.handles import GeneratorTrainer, Number, Population, Records, ReferenceLanguageModel
from attacks.seeds import derive_seed
from attacks.steps.training_sets import check_pool, drawn
from attacks.training import TrainingSet


def known_recipe(
    records: Records, population: Population, trainer: GeneratorTrainer, training_size: Number, *, seed: int = 0
) -> ReferenceLanguageModel:
    """Train a model by the target's recipe on as many records of the population as the target has.

    Mireshghallah et al. 2022, Figure 1: the reference model is trained on a disjoint data set from the same distribution. Raises
    AttackError if there are too few records.
    """
    check_pool(len(population), size := int(training_size.value), 1, "reference language models")
    rows = torch.from_numpy(drawn(population.ids, 0, size, seed))
    (made,) = trainer.fit_many([TrainingSet(population.x[rows], population.label[rows], derive_seed(seed, "model"))])
    return ReferenceLanguageModel(made)
