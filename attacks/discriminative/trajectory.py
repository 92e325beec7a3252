"""Attacks on how a model's answers come about: it is distilled, and a record's loss is read off after every epoch of that."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from attacks.discriminative.shadow_labels import attack_model
from attacks.handles import AttackError, Records, Scored, ScoreOracle, ShadowData, ShadowModels
from attacks.models import distillation, signals, training
from attacks.models.surrogate_training import BATCH, LEARNING_RATE
from attacks.models.training import Recipe
from attacks.seeds import derive_seed, hash_records


def loss_trajectory(
    records: Records,
    scores: ScoreOracle,
    shadow_data: ShadowData,
    shadow_models: ShadowModels,
    *,
    queries: int = 5000,
    distillation_epochs: int = 25,
    width: int = 128,
    hidden: int = 64,
    epochs: int = 100,
    seed: int = 0,
) -> Scored:
    """Log-odds of membership from an attack model on each record's losses, float64 (n,); member if above 0 (TrajectoryMIA).

    Liu et al. 2022: target and shadow models are distilled alike, on at most `queries` records of the adversary's own, into a
    network of one hidden layer of `width` units. The attack model reads the losses of the distilled network after each epoch
    and that of the model itself. It learns from shadow models, on records that were not distilled on. The paper has one shadow
    model, and an attack model of three hidden layers on the losses themselves; here it has one, on their logarithms, in which
    small losses stay apart.
    """
    known, target = _trajectories(records, scores, shadow_data, shadow_models, queries, distillation_epochs, width, seed)

    def losses(some: _Along) -> Tensor:
        return signals.loss(some.answers, some.label).log().T

    model = attack_model(losses(known), known.member, hidden, epochs, seed)
    odds: Tensor = model(losses(target)).squeeze(-1)
    return Scored(odds, cut=0.0)


def metric_sequence(
    records: Records,
    scores: ScoreOracle,
    shadow_data: ShadowData,
    shadow_models: ShadowModels,
    *,
    queries: int = 5000,
    distillation_epochs: int = 25,
    width: int = 128,
    hidden: int = 8,
    epochs: int = 100,
    seed: int = 0,
) -> Scored:
    """Log-odds of membership from a recurrent network on sequences of five metrics, float64 (n,); member if above 0 (SeqMIA).

    Li et al. 2024: as `loss_trajectory`, but each point of the sequence has the loss, the highest probability, the standard
    deviation of the probabilities, their entropy and the modified entropy; and what reads it is an LSTM, whose last state attends
    to all its states. Hidden units and training are ours.
    """
    known, target = _trajectories(records, scores, shadow_data, shadow_models, queries, distillation_epochs, width, seed)
    features = _metrics(known)
    centre, spread = features.mean((0, 1)), features.std((0, 1)).clamp(min=1e-6)
    with training.one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        model = _Attentive(features.shape[-1], hidden)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        loss_of, given = nn.BCEWithLogitsLoss(), (features - centre) / spread
        for _ in range(epochs):
            optimizer.zero_grad(set_to_none=True)
            loss_of(model(given), known.member.double()).backward()
            optimizer.step()
        with torch.no_grad():
            odds: Tensor = model((_metrics(target) - centre) / spread)
    return Scored(odds, cut=0.0)


class _Along(NamedTuple):
    """Log-probabilities (points, n, classes) on records with label (n,); the model's own are the last point; member (n,)."""

    answers: Tensor
    label: Tensor
    member: Tensor


class _Attentive(nn.Module):
    """Sequences (points, n, metrics) -> log-odds (n,), in float64."""

    def __init__(self, metrics: int, hidden: int):
        super().__init__()
        self.states, self.last = nn.LSTM(metrics, hidden), nn.Linear(2 * hidden, 1)
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.states(x)
        end = states[-1]
        weight = torch.softmax((states * end).sum(dim=-1), dim=0)
        odds: Tensor = self.last(torch.cat([end, (weight.unsqueeze(-1) * states).sum(dim=0)], dim=-1))
        return odds.squeeze(-1)


def _metrics(some: _Along) -> Tensor:
    """Return the five metrics of SeqMIA at every point, float64 (points, n, 5); entropies as their logarithms."""
    probs = some.answers.exp()
    found = [
        signals.loss(some.answers, some.label),
        probs.amax(dim=-1),
        probs.std(dim=-1, correction=0),
        signals.log_entropy(some.answers, some.label),
        signals.log_modified_entropy(some.answers, some.label),
    ]
    return torch.stack(found, dim=-1)


def _trajectories(
    records: Records,
    scores: ScoreOracle,
    shadow_data: ShadowData,
    shadow_models: ShadowModels,
    queries: int,
    epochs: int,
    width: int,
    seed: int,
) -> tuple[_Along, _Along]:
    """Return the answers along the distillation of shadow models on known records, and of the target on the candidates."""
    known, inside = shadow_models.records, shadow_models.trained_on
    # Where shadow models were trained on the shadow data themselves, half of these are left to learn from.
    most = len(shadow_data) // 2 if np.isin(known.ids, shadow_data.ids).any() else len(shadow_data)
    order = np.argsort(hash_records(derive_seed(seed, "distilled on"), 0, shadow_data.ids), kind="stable")[: min(queries, most)]
    if len(order) < 2:
        raise AttackError("there are no records to distil on; shadow data and at least two queries are needed")
    x = shadow_data.x[torch.from_numpy(order)]
    rest = torch.from_numpy(~np.isin(known.ids, shadow_data.ids[order]))
    if inside[:, rest].all() or not inside[:, rest].any():
        raise AttackError("the shadow models have no members, or no other records, to learn from")

    def along(answer: Callable[[Tensor], Tensor], own: Tensor, asked: Tensor, name: str, number: int) -> Tensor:
        wanted = answer(x)
        recipe = Recipe("mlp", tuple(x.shape[1:]), wanted.shape[1], (width,), epochs, BATCH, LEARNING_RATE)
        way = distillation.answers_along(recipe, x, wanted.exp(), asked, derive_seed(seed, name, number))
        return torch.cat([way, own.unsqueeze(0)])

    target = along(scores, scores(records.x), records.x, "target", 0)
    shadow = [
        along(model.log_probs, shadow_models.log_probs(k)[rest], known.x[rest], "shadow", k)
        for k, model in enumerate(shadow_models.models)
    ]
    label = records.label
    return (
        _Along(torch.cat(shadow, dim=1), known.label[rest].repeat(len(shadow)), inside[:, rest].flatten()),
        _Along(target, label, torch.zeros_like(label, dtype=torch.bool)),
    )
