"""HAMP: a network that learns to be unsure, and answers with scores of another input in the order of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from attacks.defenses.epochs import epochs
from attacks.defenses.networks import classifier_recipe
from attacks.models.training import Recipe, TrainingSet
from attacks.seeds import record_ids


def hamp(recipe: Recipe, data: TrainingSet, *, entropy: float, reward: float) -> nn.Module:
    """Train a network on soft labels and reward its entropy; it answers with scores of random inputs. Chen and Pattabiraman 2024.

    The soft label gives the true class the most that its entropy, `entropy` times that of even chances, allows, and shares the
    rest alike (Section IV-A). The loss is the divergence from it less `reward` times the entropy of the answer (Section IV-B).
    Every answer has the scores of a random input, put in the order of the record's own (Section IV-C). It differs from the paper
    in the random input: values of the record itself in a random order, which are of the range of its data whatever that is, and
    which follow from the record, so that a record asked about again is answered alike. Epochs, batch, learning rate and Adam are
    the recipe's.
    """
    network = classifier_recipe(recipe).build()
    soft = soft_labels(recipe.classes, entropy)
    x, y = data.x.float(), data.y

    def loss(epoch: int, rows: Tensor) -> Tensor:
        log_probs = network(x[rows]).log_softmax(dim=-1)
        apart = nn.functional.kl_div(log_probs, soft[y[rows]], reduction="batchmean")
        unsure = -(log_probs.exp() * log_probs).sum(dim=-1).mean()
        found: Tensor = apart - reward * unsure
        return found

    for _ in epochs(network, recipe, len(x), loss):
        pass
    return Reordered(network)


hamp_suits = classifier_recipe


def hamp_network(recipe: Recipe, *, entropy: float, reward: float) -> nn.Module:
    """Return an untrained network that answers as a defended one does."""
    return Reordered(recipe.build())


def soft_labels(classes: int, entropy: float) -> Tensor:
    """Return the soft label of each class, float32 (classes, classes), whose entropy is a share of that of even chances."""
    low, high = 1 / classes, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _entropy(middle, classes) >= entropy * math.log(classes) else (low, middle)
    rest = (1 - low) / (classes - 1)
    return torch.full((classes, classes), rest).fill_diagonal_(low)


def _entropy(top: float, classes: int) -> float:
    """Return the entropy, in nats, of one probability `top` and others that share the rest alike."""
    rest = (1 - top) / (classes - 1)
    return -sum(p * math.log(p) * count for p, count in ((top, 1), (rest, classes - 1)) if p > 0)


class Reordered(nn.Module):
    """Answers with the logits that a network has for a random input, put in the order of those that it has for the record.

    Its weights are the network's, and by the same names: who holds them asks the network itself.
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, classes) of records x (n, ...)."""
        own: Tensor = self.network(x)
        others: Tensor = self.network(shuffled(x))
        order = own.argsort(dim=-1, descending=True, stable=True)
        return torch.empty_like(own).scatter(-1, order, others.sort(dim=-1, descending=True).values)

    def state_dict(self, **options: Any) -> dict[str, Any]:  # type: ignore[override]
        """Return the network's weights."""
        return dict(self.network.state_dict())

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Take over weights of the network."""
        return self.network.load_state_dict(state_dict, strict, assign)


def shuffled(x: Tensor) -> Tensor:
    """Return the values of each record of x (n, ...) in a random order that follows from the record."""
    flat = x.detach().flatten(1)
    seeds = record_ids(x.detach().numpy()).tolist()
    order = np.stack([np.random.default_rng(seed).permutation(flat.shape[1]) for seed in seeds] or [np.arange(0)])
    return flat.gather(1, torch.from_numpy(order)).reshape(x.shape) if len(x) else x
