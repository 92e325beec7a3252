"""Training of generative models, deterministic and on one thread; finished ones are taken from the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from attacks.models import training
from attacks.models.generators.recipe import GeneratorRecipe
from attacks.models.training import TrainingSet


class Generator:
    """A trained generative model at home: `module` is the family's own class, in evaluation mode, with frozen weights."""

    def __init__(self, recipe: GeneratorRecipe, module: nn.Module, fingerprint: str):
        self.recipe = recipe
        self.module: Any = module.eval().requires_grad_(False)
        self.fingerprint = fingerprint

    def parameters(self) -> dict[str, Tensor]:
        """Return copies of the weights by name."""
        return {name: value.clone() for name, value in self.module.state_dict().items()}


def fit(recipe: GeneratorRecipe, data: TrainingSet) -> nn.Module:
    """Train a generative model on records. The same recipe, data and seed give the same bits."""
    with training.one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(data.seed % 2**63)
        model: Any = recipe.build()
        model.train()
        model.learn(data.x, data.y)
    trained: nn.Module = model.eval()
    return trained


def rebuilt(recipe: GeneratorRecipe, weights: Mapping[str, Tensor]) -> Generator:
    """Return the model that has this recipe's structure and these weights."""
    module = recipe.build()
    module.load_state_dict(dict(weights))
    return Generator(recipe, module, "rebuilt")


@runtime_checkable
class GeneratorWorkshop(Protocol):
    """A workshop that also trains generative models, and keeps them."""

    def fit_generators(self, recipe: GeneratorRecipe, sets: Sequence[TrainingSet], what: str) -> list[Generator]:
        """Return one model for each training set, in order."""
        ...


def fit_many(recipe: GeneratorRecipe, sets: Sequence[TrainingSet], what: str = "generators") -> list[Generator]:
    """Train one generative model for each training set; finished ones are taken from the store, if there is one."""
    workshop = training.workshop.get()
    if isinstance(workshop, GeneratorWorkshop):
        return workshop.fit_generators(recipe, sets, what)
    return [Generator(recipe, fit(recipe, data), f"home-{k}") for k, data in enumerate(sets)]
