"""Imitation: training a model of one's own to answer as another does. Steps and attacks that make surrogates share it."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.errors import AttackError
from attacks.models import architectures, training
from attacks.models.training import Model, Recipe, TrainingSet
from taxonomy.named_code import is_path

BATCH = 64
LEARNING_RATE = 0.001
LINEAR_LEARNING_RATE = 0.01  # without a hidden layer the loss has one minimum, and larger steps are safe


def network(x: Tensor, answers: Tensor, classes: int, *, seed: int, hidden: int, epochs: int, architecture: str = "mlp") -> Model:
    """Return a network trained on x float32 (n, ...) and answers: labels int64 (n,), or log-probabilities float64 (n, classes).

    It has one hidden layer of `hidden` units, or none where that is 0. Batch and learning rate are those of the targets of
    this package, for want of a better guess.
    """
    widths = (hidden,) if hidden else ()
    rate = LEARNING_RATE if hidden else LINEAR_LEARNING_RATE
    recipe = Recipe(architecture, tuple(x.shape[1:]), classes, widths, epochs, BATCH, rate)
    wanted = answers.exp().float() if answers.is_floating_point() else answers
    return training.fit_many(recipe, [TrainingSet(x, wanted, seed)], "surrogates")[0]


def of_type(model_type: str, hidden: int) -> tuple[str, int]:
    """Return architecture and hidden units of a network of the same type as a model; raise AttackError if there is none.

    A logistic regression is a network without a hidden layer. How wide a hidden layer is, the type does not tell.
    """
    if model_type == "logistic-regression":
        return "mlp", 0
    if model_type not in architectures.NETWORKS and not is_path(model_type):
        raise AttackError(
            f"the answers of a {model_type} are no smooth function of its parameters, so it cannot be solved for; "
            f"this attack takes logistic-regression, {', '.join(architectures.NETWORKS)}"
        )
    return model_type, hidden


def random_inputs(known: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Return random inputs, float32 (count, ...), uniform between the smallest and the largest known value of each feature."""
    low, high = known.amin(0), known.amax(0)
    return low + (high - low) * torch.rand(count, *known.shape[1:], generator=generator)
