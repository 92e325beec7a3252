"""Inputs read off the gradient of a single record."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.handles import Architecture, Records, Updates
from attacks.models import layers as network_layers


def divided(records: Records, updates: Updates, architecture: Architecture) -> Tensor:
    """One input for each round of the victim's uploads, float64 (rounds, ...). Aono et al. 2017 (section not read).

    For a unit of a dense first layer with error d, the gradient of the bias is d and that of the weights is d times the input,
    so one division gives the input back; step size and sign cancel. It is done at the unit whose bias moved most, where rounding
    matters least. From a batch of several records comes a mixture of their inputs, weighted by their errors. Where no bias
    moved, nothing was sent, and the input is 0. Of the candidates only the format of a record is read. Raises AttackError if the
    first layer is no dense layer on the record.
    """
    weight, bias = network_layers.first_dense(architecture.recipe)
    found = []
    for number in range(len(updates)):
        change = updates.change(number, updates.victim)
        unit = change[bias].abs().argmax()
        error = change[bias][unit].double()
        found.append(change[weight][unit].double() / error if error != 0 else torch.zeros_like(change[weight][unit]).double())
    return torch.stack(found).reshape(-1, *records.x.shape[1:])
