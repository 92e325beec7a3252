"""Attacks on inputs of a split model: the device sends hidden values to the cloud, and the cloud recovers the picture.

The inputs themselves are never shown. Of the candidates, which are other records, only shape and range of values are read.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from attacks.handles import Activations, Architecture, AttackError, InverseNetwork, Parameters, Records, StandInLayers
from attacks.handles.split_model import split_of
from attacks.models import internals
from attacks.models import layers as network_layers

# Keeps the slope of the total variation finite where a picture is flat, as the grey one is at the start.
FLAT = 1e-8


def by_search(
    records: Records,
    activations: Activations,
    parameters: Parameters,
    architecture: Architecture,
    *,
    steps: int = 500,
    step: float = 0.01,
    deep_steps: int = 5000,
    deep_step: float = 0.001,
    total_variation: float = 0.1,
    beta: float = 1.0,
) -> Tensor:
    """Inputs whose hidden values are those that were received, float32 (inputs, ...): regularised maximum likelihood (rMLE).

    He et al. 2019, Section 4.1, Algorithm 1 and Equation 3: from grey, Adam makes the squared distance of the hidden values plus
    `total_variation` times the total variation of the picture small. Behind shallow layers it takes `steps` steps of `step`, and
    `deep_steps` of `deep_step` behind deep ones, the paper's numbers as is `beta`; it calls its first convolutions shallow, and
    we call deep what stands behind an activation function. Distance and variation are means over values and pixels, as in the
    authors' code; the paper writes sums. It gives no weight of the variation and says that later splits need more; ours is one
    for all, chosen by a trial on a model that is no target here. Raises AttackError for a model without a split.
    """
    network = internals.rebuilt(architecture.recipe, parameters.weights).requires_grad_(False)
    first, _ = network_layers.parts(network, split_of(architecture))
    if network_layers.is_deep(first):
        steps, step = deep_steps, deep_step
    return _search(first, activations.values, records.x, steps, step, total_variation, beta)


def by_inverse_network(records: Records, activations: Activations, inverse_network: InverseNetwork) -> Tensor:
    """Inputs as the inverse network gives them for the hidden values received, float32 (inputs, ...).

    He et al. 2019, Section 5.1, Algorithm 2. Raises AttackError if the network was made for other hidden values.
    """
    values = activations.values
    if tuple(values.shape[1:]) != inverse_network.hidden:
        raise AttackError(f"the inverse network takes values {inverse_network.hidden}, not {tuple(values.shape[1:])}")
    return inverse_network(values)


def by_stand_in(
    records: Records,
    activations: Activations,
    stand_in_layers: StandInLayers,
    *,
    steps: int = 500,
    step: float = 0.01,
    deep_steps: int = 5000,
    deep_step: float = 0.001,
    total_variation: float = 0.1,
    beta: float = 1.0,
) -> Tensor:
    """Inputs which the stand-in for the first layers turns into the values received, float32 (inputs, ...).

    He et al. 2019, Section 6.1, Algorithm 3: the search of `by_search`, on first layers of the adversary's own and with the same
    parameters, since the paper gives no others. The authors' code takes steps of 0.1 and more variation for CIFAR-10.
    """
    if network_layers.is_deep(stand_in_layers.layers):
        steps, step = deep_steps, deep_step
    return _search(stand_in_layers, activations.values, records.x, steps, step, total_variation, beta)


def _search(
    first: Callable[[Tensor], Tensor], values: Tensor, like: Tensor, steps: int, step: float, weight: float, beta: float
) -> Tensor:
    """Return pictures of the shape and range of `like` (n, ...) that `first` turns into values (inputs, ...), from grey."""
    if steps < 1 or step <= 0 or weight < 0 or beta <= 0:
        raise AttackError(
            f"steps, step and beta are positive (found {steps}, {step:g} and {beta:g}), and the weight is not negative"
        )
    black, white = like.min(), like.max()
    picture = ((black + white) / 2).expand(len(values), *like.shape[1:]).clone().requires_grad_()
    optimizer = torch.optim.Adam([picture], lr=step)
    with torch.enable_grad():
        for _ in range(steps):
            optimizer.zero_grad()
            apart = (first(picture) - values).square().flatten(1).mean(dim=1)
            (apart + weight * _variation(picture, beta)).sum().backward()
            optimizer.step()
    return picture.detach().clamp(black, white)


def _variation(picture: Tensor, beta: float) -> Tensor:
    """Return the total variation of pictures (n, ..., height, width), a mean over pixels, float32 (n,)."""
    down = torch.diff(picture, dim=-2, append=picture[..., -1:, :]).square()
    right = torch.diff(picture, dim=-1, append=picture[..., -1:]).square()
    return ((down + right + FLAT) ** (beta / 2)).flatten(1).mean(dim=1)
