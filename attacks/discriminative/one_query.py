"""Attacks on labels that ask once for each record: models of the adversary's own say where the question tells most."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from attacks.handles import AttackError, HostedModel, LabelOracle, Records, ReferenceModels, Scored, ShadowModels
from attacks.models import internals
from attacks.models.training import Model

# Records that are moved side by side.
CHUNK = 256


def between_in_and_out(
    records: Records,
    labels: LabelOracle,
    shadow_models: ShadowModels,
    *,
    alpha: float = 1.0,
    step: float = 0.5,
    steps: int = 50,
    enough: float = 0.125,
) -> Scored:
    """1 where the target gives its label to a record moved to where only models with it still do, else 0, float64 (n,) (YOQO).

    Wu et al. 2024, online: a record is moved down the gradient of the mean cross-entropy of its label on shadow models that
    were trained on it, plus `alpha` times that of the likeliest other class on those that were not. It stops after so many
    `steps`, or where the weighted mean of the two is below `enough`. One label of the target is asked for. Step, number of
    steps and stop follow the authors' code, where they come with factors for its 16 pairs of models; its `alpha` is 5, and 1
    was better on development seeds.
    """
    networks, inside = _networks(shadow_models.models), shadow_models.trained_on
    x, label = records.x.double(), records.label
    if not (inside.any(dim=0) & (~inside).any(dim=0)).all():
        raise AttackError("a record is in all shadow models, or in none, so nothing lies between; train at least two")
    moved = []
    for rows in torch.arange(len(x)).split(CHUNK):
        some, within, right = x[rows].clone(), inside[:, rows].double(), label[rows]
        with torch.no_grad():
            answers = torch.stack([network(some) for network in networks])
        wanted = answers.scatter(2, right.expand(len(networks), -1).unsqueeze(2), float("-inf")).argmax(dim=2)
        wanted = torch.where(inside[:, rows], right, wanted)
        weight = within / within.sum(dim=0) + alpha * (1 - within) / (1 - within).sum(dim=0)
        moving = torch.arange(len(rows))
        for _ in range(steps):
            at = some[moving].requires_grad_(True)
            parts = [
                nn.functional.cross_entropy(network(at), w, reduction="none")
                for network, w in zip(networks, wanted[:, moving], strict=True)
            ]
            loss = (weight[:, moving] * torch.stack(parts)).sum(dim=0) / (1 + alpha)
            on = loss.detach() >= enough
            if not on.any():
                break
            (slope,) = torch.autograd.grad(loss.sum(), at)
            moving = moving[on]
            some[moving] -= step * slope[on]
        moved.append(some)
    return _kept(labels, torch.cat(moved), label)


def just_across(
    records: Records,
    labels: LabelOracle,
    reference_models: ReferenceModels,
    *,
    validation: float = 0.25,
    confidence: float = 0.3,
    farthest: float = 2.0,
    rounds: int = 20,
    steps: int = 5,
) -> Scored:
    """1 where the target gives its label to a record that fools models without it, else 0, float64 (n,) (OSLO).

    Peng et al. 2024: a record is moved up the loss of its label on source models, within a distance that grows in `rounds` to
    `farthest` (in the mean size of a feature's difference, times the root of their number), by `steps` steps in each. It stops
    as soon as the label's mean probability on validation models falls below `confidence`: that much, and no more, it takes to
    fool a model that was not trained on it. The one that was needs more. A share `validation` of the models validates. Source
    and validation models, growing distance and stop are as LeakPro's implementation has them; its step is a plain gradient,
    here it has the length of a round's growth. The confidence was chosen on development seeds.
    """
    networks = _networks(reference_models.own.models)
    held_out = max(1, round(validation * len(networks)))
    source, judges = networks[:-held_out], networks[-held_out:]
    if not source:
        raise AttackError("at least two models without the candidates are needed: one to move records by, one to stop by")
    x, label = records.x.double(), records.label
    width = x[0].numel() ** 0.5 if len(x) else 1.0
    moved = []
    for rows in torch.arange(len(x)).split(CHUNK):
        start, right = x[rows], label[rows]
        away, moving = torch.zeros_like(start), torch.arange(len(rows))
        for round_ in range(1, rounds + 1):
            reach = farthest * width * round_ / rounds
            for _ in range(steps):
                at = start[moving] + away[moving]
                with torch.no_grad():
                    sure = torch.stack([torch.softmax(judge(at), -1) for judge in judges]).mean(dim=0)
                on = sure.gather(1, right[moving, None]).squeeze(1) >= confidence
                moving, at = moving[on], at[on].requires_grad_(True)
                if not len(moving):
                    break
                losses = [nn.functional.cross_entropy(network(at), right[moving], reduction="none") for network in source]
                (slope,) = torch.autograd.grad(torch.stack(losses).mean(dim=0).sum(), at)
                further = away[moving] + farthest * width / rounds / steps * _unit(slope)
                away[moving] = further * (reach / _length(further)).clamp(max=1)
        moved.append(start + away)
    return _kept(labels, torch.cat(moved), label)


def _kept(labels: LabelOracle, moved: Tensor, label: Tensor) -> Scored:
    return Scored((labels(moved.float()) == label).double(), cut=0.5)


def _networks(models: Sequence[Model | HostedModel]) -> list[nn.Module]:
    """Return models as networks in float64; raise AttackError for those that show no weights."""
    own = [model for model in models if isinstance(model, Model)]
    if len(own) < len(models):
        raise AttackError("these models lie on a platform that shows no weights; the attack needs models of one's own")
    return [internals.network(model.recipe, model.parameters()).requires_grad_(False) for model in own]


def _wide(value: Tensor, like: Tensor) -> Tensor:
    return value.reshape(-1, *[1] * (like.ndim - 1))


def _length(value: Tensor) -> Tensor:
    """Return the Euclidean length of each of (n, ...), as (n, 1, ...)."""
    return _wide(value.flatten(1).norm(dim=1).clamp(min=1e-30), value)


def _unit(value: Tensor) -> Tensor:
    return value / _length(value)
