"""Handles of a model at home, and of what it is made of: its architecture, its recipe, and the file that can be run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from attacks.handles.generative import GeneratorTrainer
from attacks.handles.handle import AttackError, Handle, Ledger
from attacks.handles.trainers import Trainer
from attacks.models.generators import GeneratorRecipe
from attacks.models.training import Recipe


class Architecture(Handle):
    """How a classifier or a regression is built, without its weights and without what is known of its training.

    `split_after` is the last layer that the device runs, of a model that two parties run, and None of others.
    """

    def __init__(self, name: str, recipe: Recipe, ledger: Ledger, split_after: str | None = None):
        super().__init__(name, ledger)
        self._recipe = replace(recipe, epochs=0, batch=0, learning_rate=0.0, clip=0.0, noise=0.0)
        self.split_after = split_after

    @property
    def recipe(self) -> Recipe:
        """A recipe in which nothing of the training is stated: `build()` gives an untrained model."""
        self._touch()
        return self._recipe


class GeneratorArchitecture(Handle):
    """How a generative model is built, without its weights and without what is known of its training."""

    def __init__(self, name: str, recipe: GeneratorRecipe, ledger: Ledger):
        super().__init__(name, ledger)
        self._recipe = replace(recipe, epochs=0, batch=0, learning_rate=0.0)

    @property
    def recipe(self) -> GeneratorRecipe:
        """A recipe in which nothing of the training is stated: `build()` gives an untrained model."""
        self._touch()
        return self._recipe


class TrainingRecipe(Handle):
    """How the target was trained, and on how many records; what that is applied to, the architecture says."""

    def __init__(self, name: str, trainer: Trainer | GeneratorTrainer, ledger: Ledger):
        super().__init__(name, ledger)
        self.__trainer = trainer

    @property
    def training_size(self) -> int:
        """Number of records in the target's training set, which belongs to the recipe (D1.size)."""
        self._touch()
        return self.__trainer.training_size

    def trainer(self, architecture: Architecture | GeneratorArchitecture) -> Trainer | GeneratorTrainer:
        """Return what trains models of the target's architecture by this recipe."""
        self._touch()
        architecture._touch()
        return self.__trainer


class RunnableModel(Handle):
    """A file that can be run at home: weights in their architecture, which answer without a count and without a limit."""

    def __init__(
        self, name: str, architecture: Architecture | GeneratorArchitecture, weights: Mapping[str, Tensor], ledger: Ledger
    ):
        super().__init__(name, ledger)
        self._architecture, self._weights = architecture, dict(weights)

    @property
    def architecture(self) -> Architecture | GeneratorArchitecture:
        """How the model is built."""
        self._touch()
        return self._architecture

    @property
    def recipe(self) -> Recipe:
        """The architecture of a classifier or a regression; raise AttackError for another model."""
        if not isinstance(self.architecture, Architecture):
            raise AttackError(f"a {self.architecture.recipe.family} makes records, and says nothing of one's own")
        return self.architecture.recipe

    @property
    def weights(self) -> dict[str, Tensor]:
        """Copies of the weights by name, float32 each."""
        self._touch()
        return {name: value.clone() for name, value in self._weights.items()}
