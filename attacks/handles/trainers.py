"""Handles that train models as the target was trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

from torch import Tensor

from attacks.handles.handle import AttackError, Handle, Ledger
from attacks.models import training
from attacks.models.training import Model, NumberedSets, Recipe, TrainingSet

# A kind of recipe, and the kind of model that is had by it.
R = TypeVar("R")
M = TypeVar("M")


class HostedModel:
    """A model that answers queries and shows nothing of its inside."""

    def __init__(self, model: Model):
        self.__answer = model.log_probs
        self.kept_log_probs = model.kept_log_probs
        self.fingerprint = model.fingerprint

    def log_probs(self, x: Tensor) -> Tensor:
        """Return log-probabilities, float64 of shape (n, classes), for x of shape (n, ...)."""
        return self.__answer(x)


class RecipeTrainer(Handle, ABC, Generic[R, M]):
    """Trains models by the target's own recipe, and hands over the models with their weights: for models of any kind."""

    def __init__(self, name: str, recipe: R, training_size: int, ledger: Ledger):
        super().__init__(name, ledger)
        self._recipe = recipe
        self._training_size = training_size

    @property
    def recipe(self) -> R:
        """Structure and training procedure."""
        self._touch()
        return self._recipe

    @property
    def training_size(self) -> int:
        """Number of records in the target's training set, which belongs to the recipe (D1.size)."""
        self._touch()
        return self._training_size

    def fit_many(self, sets: Sequence[TrainingSet]) -> list[M]:
        """Return one trained model for each training set; raise AttackError if it does not fit the recipe.

        A training costs one model, which the entry declares.
        """
        self._touch()
        return self._fitted(self._recipe, sets)

    @abstractmethod
    def _fitted(self, recipe: R, sets: Sequence[TrainingSet]) -> list[M]:
        """Return the trained models of one kind."""


class RecipePlatform(Handle, ABC, Generic[R, M]):
    """Trains models by the target's hidden recipe; they answer queries, but their weights stay on the platform."""

    def __init__(self, name: str, recipe: R, ledger: Ledger):
        super().__init__(name, ledger)
        self.__recipe = recipe

    def fit_many(self, sets: Sequence[TrainingSet]) -> list[M]:
        """Return one trained model that answers for each training set; raise AttackError if it does not fit the recipe.

        A training costs one model, which the entry declares.
        """
        self._touch()
        return self._hosted(self.__recipe, sets)

    @abstractmethod
    def _hosted(self, recipe: R, sets: Sequence[TrainingSet]) -> list[M]:
        """Return the trained models of one kind, which show nothing of their inside."""


class Trainer(RecipeTrainer[Recipe, Model]):
    """Trains classifiers and regressions by the target's own recipe, and hands them over with their weights."""

    def _fitted(self, recipe: Recipe, sets: Sequence[TrainingSet]) -> list[Model]:
        return _fitting(recipe, sets)


class Platform(RecipePlatform[Recipe, HostedModel]):
    """Trains classifiers by the target's hidden recipe; they answer queries, but their weights stay on the platform."""

    def _hosted(self, recipe: Recipe, sets: Sequence[TrainingSet]) -> list[HostedModel]:
        return [HostedModel(model) for model in _fitting(recipe, sets)]


def _fitting(recipe: Recipe, sets: Sequence[TrainingSet]) -> list[Model]:
    # Numbered sets are of one pool, which is looked at once.
    for data in [sets] if isinstance(sets, NumberedSets) else sets:
        if tuple(data.x.shape[1:]) != recipe.shape or (len(data.y) and int(data.y.max()) >= recipe.classes):
            raise AttackError(
                f"the target's recipe is for records of shape {recipe.shape} and {recipe.classes} classes; these data are "
                f"of shape {tuple(data.x.shape[1:])}, with labels up to {int(data.y.max()) if len(data.y) else 0}"
            )
    return training.fit_many(recipe, sets, "shadow models")
