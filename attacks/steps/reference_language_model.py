"""A reference language model: trained by the target's recipe on other text."""

from __future__ import annotations

import torch

from attacks.handles import AttackError, GeneratorTrainer, Number, Population, Records, ReferenceLanguageModel
from attacks.models.alphabet import ALPHABET
from attacks.models.generators import GeneratorRecipe
from attacks.models.generators import training as generators
from attacks.models.training import TrainingSet
from attacks.seeds import derive_seed
from attacks.steps.training_sets import check_pool, drawn


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


def guessed_recipe(
    records: Records,
    population: Population,
    *,
    embedding: int = 32,
    hidden: int = 256,
    epochs: int = 20,
    batch: int = 32,
    learning_rate: float = 0.003,
    seed: int = 0,
) -> ReferenceLanguageModel:
    """Train a recurrent network by common settings on the population, whatever the target is.

    Mireshghallah et al. 2022 take for a reference any model of the same kind of text. Raises AttackError without records, and
    for records that are tokens of some tokenizer.
    """
    if not len(population):
        raise AttackError("a reference language model is trained on the adversary's own text, and there is none")
    if int(population.x.max()) >= len(ALPHABET):
        raise AttackError("the step trains a model of characters, and these records are tokens; a base model serves in its place")
    recipe = GeneratorRecipe(
        "gru",
        tuple(population.x.shape[1:]),
        (embedding, hidden),
        classes=len(ALPHABET),
        unit=False,
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
    )
    training_set = TrainingSet(population.x, population.label, derive_seed(seed, "model"))
    (made,) = generators.fit_many(recipe, [training_set], "reference language models")
    return ReferenceLanguageModel(made)
