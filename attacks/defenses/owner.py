"""What the owner of a model has when a defense is put on it, and defenses that change how it is trained."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import nn

from attacks.errors import AttackError
from attacks.models import own_code
from attacks.models.generators import GeneratorRecipe
from attacks.models.training import Model, Recipe, TrainingSet, one_thread
from attacks.seeds import record_ids

REFERENCE, SEED = "reference", "seed"
# Where a network may carry numbers about its training by name, such as an epsilon, which stand in the results of a run.
FACTS = "facts"
NOTHING: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Owner:
    """Whoever answers for a model: the model, its training set, and other records of the same distribution.

    Of the target that is its real owner; of a shadow model it is the adversary, who knows its members. `reference` shares no
    record with the training set, and is empty where there are none. Two owners are never equal, so that a function may keep
    what it works out for one of them (`functools.cache`).
    """

    model: Model
    data: TrainingSet
    reference: TrainingSet


@dataclass(frozen=True)
class Trained:
    """A defense that changes the training, or the trained model: the path of its function, and what it is called with.

    A `training` is called as `(recipe, data, *, params...) -> network` in place of our training, a `model` as
    `(recipe, network, *, params...) -> network` with what our training made. Both may take `seed`. A training that takes
    `reference` after `data` is handed records of the same distribution that the model must not learn as members: `records`
    without those that are trained on. A network may carry `facts` (`FACTS`). A function `..._suits(recipe, *, params...)` beside
    it raises AttackError for what it is not for, before anything is trained.
    """

    kind: str
    run: str
    params: Mapping[str, Any]
    records: TrainingSet | None = None

    def fit(self, recipe: Recipe | GeneratorRecipe, data: TrainingSet, trained: nn.Module | None = None) -> nn.Module:
        """Return the defended network of a recipe, trained on data, or made of a `trained` network; the same bits each time.

        Raises AttackError if it is not built as the recipe says, and its function does not say how it is built (`built`).
        """
        function = own_code.function(self.run)
        arguments: list[Any] = [recipe, data if self.kind == "training" else trained]
        if takes(function, REFERENCE):
            arguments.append(self.reference(data))
        seed = {SEED: data.seed} if takes(function, SEED) else {}
        with one_thread(), torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(data.seed % 2**63)
            network: nn.Module = function(*arguments, **self.params, **seed).eval()
        weights = {name: value.detach().cpu() for name, value in network.state_dict().items()}
        try:
            found = self.restored(recipe, weights)
            vars(found)[FACTS] = vars(network).get(FACTS, {})
            return found
        except (RuntimeError, ValueError, KeyError, AttributeError) as error:
            raise AttackError(
                f"{self.run} returned a network that is not built as its recipe says, so it could not be had again from its "
                f"weights; say how it is built in {function.__name__}_network(recipe, *, params...) beside it ({error})"
            ) from error

    def reference(self, data: TrainingSet) -> TrainingSet:
        """Return the records of which none is trained on; raise AttackError if there are none."""
        if self.records is None:
            raise AttackError(f"{self.run} takes records beside the training set, and this target has no D1.samples to give")
        found = others(self.records, data)
        if not len(found.x):
            raise AttackError(
                f"{self.run} takes records beside the training set, which holds all {len(self.records.x):,} that there are"
            )
        return found

    def suits(self, recipe: Recipe | GeneratorRecipe, beside: Mapping[str, object] = NOTHING) -> None:
        """Raise AttackError if its function says that it is not for models of a recipe (`check_suits`)."""
        check_suits(own_code.function(self.run), self.params, recipe, beside)

    @property
    def takes_records(self) -> bool:
        """Whether its function asks for records beside the training set."""
        return takes(own_code.function(self.run), REFERENCE)

    @property
    def built(self) -> str | None:
        """The path of the function that builds an empty defended network: `…_network` beside it, or None."""
        function = own_code.function(self.run)
        beside = f"{function.__name__}_network"
        return f"{function.__module__}:{beside}" if hasattr(sys.modules[function.__module__], beside) else None

    def restored(self, recipe: Recipe | GeneratorRecipe, weights: Mapping[str, torch.Tensor]) -> nn.Module:
        """Return a defended network from its weights: built by the recipe, or by the function `…_network`."""
        if self.built is None and isinstance(recipe, Recipe):
            return recipe.restored(weights).eval()
        network: nn.Module = own_code.function(self.built)(recipe, **self.params) if self.built else recipe.build()
        network.load_state_dict(dict(weights))
        return network.eval()

    def as_json(self) -> dict[str, Any]:
        """Return what tells it from others as plain data, but for its records."""
        return {"kind": self.kind, "run": self.run, "params": dict(self.params)}


def others(records: TrainingSet, data: TrainingSet) -> TrainingSet:
    """Return the records that are not trained on, with the seed of what is."""
    outside = torch.from_numpy(~np.isin(record_ids(records.x.numpy()), record_ids(data.x.numpy())))
    return TrainingSet(records.x[outside], records.y[outside], data.seed)


def check_suits(
    function: Callable[..., Any],
    params: Mapping[str, Any],
    recipe: Recipe | GeneratorRecipe,
    beside: Mapping[str, object] = NOTHING,
) -> None:
    """Raise AttackError if the function `..._suits(recipe, *, params...)` beside a defense's, where there is one, does.

    It may ask for what else is known `beside` the recipe: `others`, whether the owner has records that are not trained on.
    """
    module = sys.modules[function.__module__]
    if check := getattr(module, f"{function.__name__}_suits", None):
        asked = {name: value for name, value in beside.items() if takes(check, name) and name not in params}
        with torch.random.fork_rng(devices=[]):  # it may build a network, which draws weights
            check(recipe, **params, **asked)


def takes(function: Callable[..., Any], argument: str) -> bool:
    """Return whether a function takes an argument of this name."""
    return argument in inspect.signature(function).parameters
