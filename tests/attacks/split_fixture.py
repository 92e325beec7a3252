"""The fixed adversary of a split model: a small network with made-up weights, the same on every machine."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from attacks.handles import (
    Activations,
    Architecture,
    HiddenValues,
    InverseNetwork,
    LaterLayers,
    Ledger,
    Parameters,
    Population,
    Records,
    SplitTrainer,
    StandInLayers,
)
from attacks.models import layers as network_layers
from attacks.models.layers import inverse_layers
from attacks.models.training import Recipe
from attacks.seeds import record_ids

SIDE, CLASSES, INPUTS = 8, 3, 2
RECIPE = Recipe("cnn", (SIDE, SIDE), CLASSES, (12,))


def pictures(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """A bright square in one of three corners, on a noisy ground, float32 (count, 8, 8), and the corner, int64 (count,)."""
    generator = np.random.default_rng(seed)
    label = np.arange(count) % CLASSES
    x = 0.2 * generator.random((count, SIDE, SIDE))
    for k, corner in enumerate(label):
        row, column = [(0, 0), (0, 4), (4, 0)][corner]
        x[k, row : row + 4, column : column + 4] += 0.8
    return torch.from_numpy(x).float(), torch.from_numpy(label)


def with_weights(network: nn.Module, seed: int) -> nn.Module:
    """The network with weights drawn by numpy, whose generators draw the same everywhere."""
    generator = np.random.default_rng(seed)
    drawn = {
        name: torch.from_numpy(generator.normal(size=tuple(value.shape)) / max(1, value[0].numel()) ** 0.5).float()
        for name, value in network.state_dict().items()
    }
    network.load_state_dict(drawn)
    return network.eval()


def model() -> nn.Module:
    return with_weights(RECIPE.build(), 1)


def handles(names: list[str], split_after: str = "conv1", ledger: Ledger | None = None) -> dict[str, Any]:
    """Return the handles of these names: `INPUTS` pictures were sent through the layers up to `split_after`."""
    ledger = ledger or Ledger()
    first, later = network_layers.parts(model(), split_after)
    sent, _ = pictures(INPUTS, 2)
    (x, label), (own, own_label) = pictures(9, 3), pictures(60, 4)
    with torch.no_grad():
        values = first(sent)
    hidden = tuple(values.shape[1:])
    stand_in, _ = network_layers.parts(with_weights(RECIPE.build(), 5), split_after)
    made = {
        "records": Records(x, None, record_ids(x.numpy()), ledger),
        "activations": Activations("activations", values, ledger),
        "hidden_values": HiddenValues("hidden_values", first, ledger),
        "later_layers": LaterLayers("later_layers", later, ledger),
        "parameters": Parameters("parameters", dict(model().state_dict()), ledger),
        "trainer": SplitTrainer("trainer", RECIPE, len(label), split_after, ledger),
        "architecture": Architecture("architecture", RECIPE, ledger, split_after),
        "population": Population("population", own, own_label, record_ids(own.numpy()), ledger),
        "inverse_network": InverseNetwork(with_weights(inverse_layers(hidden, (SIDE, SIDE)), 6), hidden, (SIDE, SIDE)),
        "stand_in_layers": StandInLayers(stand_in, RECIPE, split_after),
    }
    return {name: made[name] for name in names}
