"""A server compares what the victim uploads with what all others upload, who certainly do not hold the record."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from attacks.handles import Architecture, AttackError, Records, Updates
from attacks.models import internals, signals

# The authors' code adds this to the variance among the others, so that a few alike have one.
LEAST_VARIANCE = 1e-8


def by_gradient(records: Records, updates: Updates, architecture: Architecture) -> Tensor:
    """How far beyond the others' uploads the victim's goes along each record's gradient, mean over all rounds, float64 (n,).

    FedMIA-II of Zhu et al. 2025, as in the authors' code: in every round the cosine of an upload's change with the record's
    gradient, downhill, is measured at the model that was sent out; see `_beyond_others`.
    """

    def cosines(round: int) -> Tensor:
        network = internals.network(architecture.recipe, updates.received(round, updates.victim))
        changes = [updates.change(round, participant) for participant in range(updates.participants)]
        ways = {
            name: -torch.stack([change[name].double().flatten() for change in changes], dim=1)
            for name, _ in network.named_parameters()
        }
        far = torch.stack([way.square().sum(dim=0) for way in ways.values()]).sum(dim=0).sqrt()

        def with_every_change(gradient: dict[str, Tensor]) -> Tensor:
            along = torch.stack([gradient[name].flatten(1) @ way for name, way in ways.items()]).sum(dim=0)
            return along / (internals.norm(gradient)[:, None] * far).clamp(min=torch.finfo(torch.float64).tiny)

        return internals.gradients(network, records.x, records.label, with_every_change).T

    return _beyond_others(cosines, updates)


def by_loss(records: Records, updates: Updates, architecture: Architecture) -> Tensor:
    """How far the victim's uploaded models lie below the others' in the loss of each record, mean over all rounds, float64 (n,).

    FedMIA-I of Zhu et al. 2025, as in the authors' code: in every round minus the loss of every uploaded model is measured; see
    `_beyond_others`.
    """

    def confidences(round: int) -> Tensor:
        uploads = [updates.upload(round, participant) for participant in range(updates.participants)]
        logits = [internals.layers(internals.network(architecture.recipe, weights), records.x)[-1] for weights in uploads]
        return -torch.stack([signals.loss(torch.log_softmax(each, dim=-1), records.label) for each in logits])

    return _beyond_others(confidences, updates)


def _beyond_others(measured: Callable[[int], Tensor], updates: Updates) -> Tensor:
    """Mean over rounds of the probability that another's upload lies below the victim's, float64 (n,).

    `measured` gives for a round a number for each participant and record, float64 (participants, n), which is high where a
    participant holds the record. The others' are taken for draws of one normal distribution: a one-tailed test each round.
    """
    if updates.participants < 3:
        raise AttackError(f"it takes at least two participants beside the victim (found {updates.participants - 1})")
    others = torch.arange(updates.participants) != updates.victim
    total = 0.0
    for round in range(len(updates)):
        values = measured(round)
        mean, variance = values[others].mean(dim=0), values[others].var(dim=0, correction=0) + LEAST_VARIANCE
        total = total + torch.special.ndtr((values[updates.victim] - mean) / variance.sqrt())
    return total / len(updates)
