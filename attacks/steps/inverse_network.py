"""Inverse networks: networks of the adversary's own that map hidden values back to the inputs that caused them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from attacks.handles import AttackError, HiddenValues, InverseNetwork, Population, Records
from attacks.models.custom_loss import minimised
from attacks.models.layers import inverse_layers
from attacks.seeds import derive_seed, hash_records


def by_queries(
    records: Records,
    hidden_values: HiddenValues,
    population: Population,
    *,
    queries: int = 2000,
    epochs: int = 10,
    batch: int = 32,
    learning_rate: float = 0.001,
    seed: int = 0,
) -> InverseNetwork:
    """Train a network on pairs of hidden values and input to give back the input. He et al. 2019, Section 5.1, Algorithm 2.

    The inputs are the adversary's own records, at most `queries` of them, each asked about once. The loss is the squared error of
    the pixels (Equation 4). Adam, the batch and the learning rate are those of the authors' code, which takes 50 epochs; we take
    fewer, to save time. Raises AttackError if there are no records to ask about.
    """
    order = np.argsort(hash_records(derive_seed(seed, "draw"), 0, population.ids), kind="stable")[: max(0, queries)]
    if not len(order):
        raise AttackError("there is no record to ask about; an inverse network needs records and queries")
    x = population.x[torch.from_numpy(order)]
    values = hidden_values(x)
    hidden, shape = tuple(values.shape[1:]), tuple(x.shape[1:])

    def error(network: nn.Module, rows: Tensor) -> Tensor:
        return nn.functional.mse_loss(network(values[rows]), x[rows])

    network = minimised(
        lambda: inverse_layers(hidden, shape),
        error,
        len(x),
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
        seed=derive_seed(seed, "model"),
    )
    return InverseNetwork(network, hidden, shape)
