"""Handles that train models as the target was trained."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from attacks.handles.handle import AttackError, Handle, Ledger
from attacks.models import training
from attacks.models.training import Model, Recipe, TrainingSet


class HostedModel:
    """A model that answers queries and shows nothing of its inside."""

    def __init__(self, model: Model):
        self.__answer = model.log_probs
        self.kept_log_probs = model.kept_log_probs
        self.fingerprint = model.fingerprint

    def log_probs(self, x: Tensor) -> Tensor:
        """Return log-probabilities, float64 of shape (n, classes), for x of shape (n, ...)."""
        return self.__answer(x)


class Trainer(Handle):
    """Trains models by the target's own recipe, and hands over the models with their weights."""

    def __init__(self, name: str, recipe: Recipe, training_size: int, ledger: Ledger):
        super().__init__(name, ledger)
        self._recipe = recipe
        self._training_size = training_size

    @property
    def recipe(self) -> Recipe:
        """Architecture and training procedure."""
        self._touch()
        return self._recipe

    @property
    def training_size(self) -> int:
        """Number of records in the target's training set, which belongs to the recipe (D1.size)."""
        self._touch()
        return self._training_size

    def fit_many(self, sets: Sequence[TrainingSet]) -> list[Model]:
        """Return one trained model for each training set; raise AttackError if it does not fit the recipe.

        A training costs one model, which the entry declares.
        """
        self._touch()
        _check_fit(self._recipe, sets)
        return training.fit_many(self._recipe, sets, "shadow models")


class Platform(Handle):
    """Trains models by the target's hidden recipe; they answer queries, but their weights stay on the platform."""

    def __init__(self, name: str, recipe: Recipe, ledger: Ledger):
        super().__init__(name, ledger)
        self.__recipe = recipe

    def fit_many(self, sets: Sequence[TrainingSet]) -> list[HostedModel]:
        """Return one trained model for each training set; raise AttackError if it does not fit the recipe.

        A training costs one model, which the entry declares.
        """
        self._touch()
        _check_fit(self.__recipe, sets)
        return [HostedModel(model) for model in training.fit_many(self.__recipe, sets, "shadow models")]


def _check_fit(recipe: Recipe, sets: Sequence[TrainingSet]) -> None:
    for data in sets:
        if tuple(data.x.shape[1:]) != recipe.shape or (len(data.y) and int(data.y.max()) >= recipe.classes):
            raise AttackError(
                f"the target's recipe is for records of shape {recipe.shape} and {recipe.classes} classes; these data are "
                f"of shape {tuple(data.x.shape[1:])}, with labels up to {int(data.y.max()) if len(data.y) else 0}"
            )
