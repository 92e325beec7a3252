"""Views of how models are built and trained: the whole from its parts, and what the whole tells."""

from __future__ import annotations

from attacks.handles import (
    Architecture,
    GeneratorArchitecture,
    GeneratorTrainer,
    ModelType,
    Number,
    SplitTrainer,
    Trainer,
    TrainingRecipe,
)
from attacks.models.training import Recipe


def architecture_of_trainer(trainer: Trainer | GeneratorTrainer) -> Architecture | GeneratorArchitecture:
    """Return how models of a known structure and recipe are built."""
    if isinstance(trainer, GeneratorTrainer):
        return GeneratorArchitecture("architecture", trainer.recipe, trainer.ledger)
    split_after = trainer.split_after if isinstance(trainer, SplitTrainer) else None
    return Architecture("architecture", trainer.recipe, trainer.ledger, split_after)


def recipe_of_trainer(trainer: Trainer | GeneratorTrainer) -> TrainingRecipe:
    """Return how models of a known structure and recipe are trained."""
    return TrainingRecipe("recipe", trainer, trainer.ledger)


def trainer_of_parts(architecture: Architecture | GeneratorArchitecture, recipe: TrainingRecipe) -> Trainer | GeneratorTrainer:
    """Return what trains models of a known architecture by a known recipe."""
    return recipe.trainer(architecture)


def size_of_recipe(recipe: TrainingRecipe) -> Number:
    """Return the size of the training set that a known recipe tells."""
    return Number("training_size", recipe.training_size, recipe.ledger)


def type_of_architecture(architecture: Architecture | GeneratorArchitecture) -> ModelType:
    """Return the model type that a known architecture tells."""
    recipe = architecture.recipe
    return ModelType("model_type", recipe.architecture if isinstance(recipe, Recipe) else recipe.family, architecture.ledger)
