"""Updates of a trained model: copies of it, each trained further on one new record, and what that changes in the answers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from attacks.errors import AttackError
from attacks.models import internals
from attacks.models.architectures import Estimator
from attacks.models.training import Model, numbers

# Weights of this many copies are updated side by side.
CHUNK = 128


@dataclass(frozen=True)
class Copies:
    """Copies of one network: `weights` holds those of all copies by name, each float32 (copies, *shape of the weights)."""

    network: nn.Module
    weights: dict[str, Tensor]

    def __len__(self) -> int:
        return len(next(iter(self.weights.values())))

    def log_probs(self, copy: int, x: Tensor) -> Tensor:
        """Return the log-probabilities of one copy, float64 (n, classes), for x float32 (n, ...)."""
        with torch.no_grad():
            weights = {name: value[copy] for name, value in self.weights.items()}
            logits: Tensor = torch.func.functional_call(self.network, weights, (x.float(),))
        return numbers(torch.log_softmax(logits.double(), dim=-1))


def updated(model: Model, x: Tensor, label: Tensor, *, steps: int, learning_rate: float) -> Copies:
    """Return one copy of the model for each record x float32 (n, ...) with label int64 (n,), trained further on it alone.

    Every copy starts from the model's own weights and takes `steps` steps of plain gradient descent on the cross-entropy of its
    record. Raises AttackError for a model without gradients.
    """
    network = internals.rebuilt(model.recipe, model.parameters())
    if isinstance(network, Estimator):
        raise AttackError(f"a {model.recipe.architecture} cannot be trained further on one record; it takes a neural network")
    start = {name: value.detach() for name, value in network.named_parameters()}

    def loss(weights: dict[str, Tensor], record: Tensor, of: Tensor) -> Tensor:
        logits = torch.func.functional_call(network, weights, (record.unsqueeze(0),))
        return nn.functional.cross_entropy(logits, of.unsqueeze(0))

    gradients_of = torch.func.vmap(torch.func.grad(loss))
    parts = []
    for some, their in zip(x.float().split(CHUNK), label.split(CHUNK), strict=True):
        weights = {name: value.expand(len(some), *value.shape) for name, value in start.items()}
        for _ in range(steps):
            gradients = gradients_of(weights, some, their)
            weights = {name: value - learning_rate * gradients[name] for name, value in weights.items()}
        parts.append(weights)
    return Copies(network, {name: torch.cat([part[name] for part in parts]) for name in start})


def change(before: Tensor, after: Tensor) -> Tensor:
    """Return how the probabilities of all classes changed on all records, float64 (n * classes,).

    `before` and `after` are log-probabilities float64 (n, classes).
    """
    return (after.exp() - before.exp()).flatten()
