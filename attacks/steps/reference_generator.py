"""A reference generator: one like the target that was trained on no candidate."""

from __future__ import annotations

import torch

from attacks.handles import AttackError, GeneratorPlatform, GeneratorTrainer, Number, Population, Records, ReferenceGenerator
from attacks.models.generators import GeneratorRecipe
from attacks.models.generators import training as generators
from attacks.models.training import TrainingSet
from attacks.seeds import derive_seed
from attacks.steps.training_sets import check_pool, drawn


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


def guessed_recipe(
    records: Records,
    population: Population,
    *,
    hidden: int = 256,
    latent: int = 20,
    epochs: int = 60,
    batch: int = 64,
    learning_rate: float = 0.001,
    seed: int = 0,
) -> ReferenceGenerator:
    """Train a variational autoencoder by common settings on the population, whatever the target is.

    Chen et al. 2020 take the target's own recipe; that any other generator will do for a weaker attack is our reading. Raises
    AttackError without records.
    """
    if not len(population):
        raise AttackError("a reference generator is trained on the adversary's own records, and there are none")
    x = population.x
    recipe = GeneratorRecipe(
        "vae",
        tuple(x.shape[1:]),
        (hidden,),
        latent,
        unit=bool((x >= 0).all() and (x <= 1).all()),
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
    )
    training_set = TrainingSet(x, population.label, derive_seed(seed, "model", 0))
    (made,) = generators.fit_many(recipe, [training_set], "reference generators")
    return ReferenceGenerator(made, differentiable=True)


def _training_set(population: Population, size: int, seed: int) -> TrainingSet:
    """Return `size` records of the population, chosen by a hash of each; raise AttackError if there are too few."""
    check_pool(len(population), size, 1, "reference generators")
    rows = torch.from_numpy(drawn(population.ids, 0, size, seed))
    return TrainingSet(population.x[rows], population.label[rows], derive_seed(seed, "model", 0))
