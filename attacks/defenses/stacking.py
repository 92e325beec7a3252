"""Model stacking: two models of different kinds on parts of the records, and a third one that learns to combine them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from attacks.errors import AttackError
from attacks.models.training import Model, Recipe, TrainingSet, fit
from attacks.seeds import derive_seed

FOREST, REGRESSION = "random-forest", "logistic-regression"
FIRST, SECOND, THIRD = "first", "second", "third"


def stacking(recipe: Recipe, data: TrainingSet) -> nn.Module:
    """Train the target's model and a random forest on a third of the records each, and what combines their answers on the last.

    The thirds share no record. Salem et al. 2019, Section VI-B, where the target is a perceptron. A target that is a random
    forest itself is stacked with a logistic regression, so that the two stay of different kinds. Raises AttackError for fewer
    than three records.
    """
    if len(data.x) < 3:
        raise AttackError(f"model stacking trains three models on records of their own, and there are {len(data.x)}")
    draw = torch.Generator().manual_seed(derive_seed(data.seed, "thirds"))
    thirds = torch.randperm(len(data.x), generator=draw).tensor_split(3)
    sets = [TrainingSet(data.x[rows], data.y[rows], derive_seed(data.seed, "third", k)) for k, rows in enumerate(thirds)]
    stack = stacking_network(recipe)
    stack.parts[FIRST] = fit(recipe, sets[0])
    stack.parts[SECOND] = fit(_second(recipe), sets[1])
    answers = TrainingSet(stack.answers(sets[2].x), sets[2].y, sets[2].seed)
    stack.parts[THIRD] = fit(_third(recipe), answers)
    return stack


def stacking_network(recipe: Recipe) -> Stack:
    """Return an empty stack: the target's own model, another one, and what combines them."""
    return Stack(recipe, recipe.build(), _second(recipe).build(), _third(recipe).build())


def _second(recipe: Recipe) -> Recipe:
    name = REGRESSION if recipe.architecture == FOREST else FOREST
    return Recipe(name, recipe.shape, recipe.classes)


def _third(recipe: Recipe) -> Recipe:
    return Recipe(REGRESSION, (2 * recipe.classes,), recipe.classes)


class Stack(nn.Module):
    """A network and a forest whose answers a logistic regression combines. It has no gradient."""

    def __init__(self, recipe: Recipe, first: nn.Module, second: nn.Module, third: nn.Module):
        super().__init__()
        self._recipe, self.parts = recipe, {FIRST: first, SECOND: second, THIRD: third}

    def forward(self, x: Tensor) -> Tensor:
        """Return log-probabilities, float64 (n, classes), for x of shape (n, ...)."""
        answer: Tensor = self.parts[THIRD](self.answers(x))
        return answer

    def answers(self, x: Tensor) -> Tensor:
        """Return the probabilities that the two models give, side by side, float32 (n, 2 classes)."""
        found = [Model(self._recipe, self.parts[name], name).log_probs(x) for name in (FIRST, SECOND)]
        return torch.cat(found, dim=-1).exp().float()

    def state_dict(self, **options: Any) -> dict[str, Any]:  # type: ignore[override]
        """Return the states of the three models, each name behind that of its model."""
        return {f"{name}.{key}": value for name, part in self.parts.items() for key, value in part.state_dict().items()}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Take over the states of the three models."""
        for name, part in self.parts.items():
            own = {key.removeprefix(f"{name}."): value for key, value in state_dict.items() if key.startswith(f"{name}.")}
            part.load_state_dict(own)
