"""Attacks on how the loss changes around a record: where the target was trained, almost every step leads uphill."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.discriminative.hop_skip_jump import BLOCK
from attacks.handles import AttackError, Records, Scored, ScoreOracle, ShadowModels
from attacks.models import signals
from attacks.seeds import derive_seed, hash_records, streams

Answer = Callable[[Tensor], Tensor]

# The score of a record that lies outside the band of losses: below every share.
OUTSIDE = -1.0


def merlin(
    records: Records,
    scores: ScoreOracle,
    shadow_models: ShadowModels,
    *,
    queries: int = 101,
    magnitude: float = 0.3,
    alpha: float = 0.01,
    calibration: int = 2000,
    seed: int = 0,
) -> Scored:
    """Share of noisy copies of each record on which the loss is higher, float64 (n,) in [0, 1] (Merlin).

    Jayaraman et al. 2021. One of the `queries` is the record itself, the others are its copies. The noise is Gaussian, of
    `magnitude` standard deviations of the features. The cut is the least with which at most a share `alpha` of a shadow
    model's non-members is accused, found on `calibration` records of it, as the paper selects its threshold on a model of the
    adversary's own.
    """
    noise = _Noise(shadow_models, queries, magnitude, seed)
    shares, _, member = noise.of_shadow(shadow_models, calibration)
    found, _ = noise.measured(scores, records.x, records.label, records.ids)
    return Scored(found, cut=_cut(shares[~member], alpha))


def morgan(
    records: Records,
    scores: ScoreOracle,
    shadow_models: ShadowModels,
    *,
    queries: int = 101,
    magnitude: float = 0.3,
    alpha: float = 0.01,
    alpha_low: float = 0.2,
    alpha_high: float = 0.8,
    calibration: int = 2000,
    seed: int = 0,
) -> Scored:
    """Merlin's share where the loss lies in a band, -1 elsewhere, float64 (n,) (Morgan).

    Jayaraman et al. 2021: a member's loss is low, but records whose loss is the very least are often no members, so the paper
    accuses between two thresholds of the loss. They are set on a shadow model's non-members, of which shares `alpha_low` and
    `alpha_high` have a lower loss. The authors' code tunes these two shares for each data set (0.22 and 0.3 in what is
    published); the defaults were chosen on development seeds of our smallest target. The cut is that of `merlin`.
    """
    noise = _Noise(shadow_models, queries, magnitude, seed)
    shares, losses, member = noise.of_shadow(shadow_models, calibration)
    low, high = (float(-_cut(-losses[~member], of)) for of in (alpha_low, alpha_high))
    found, loss = noise.measured(scores, records.x, records.label, records.ids)
    inside = (loss >= low) & (loss <= high)
    return Scored(torch.where(inside, found, OUTSIDE), cut=_cut(shares[~member], alpha))


def _cut(others: Tensor, alpha: float) -> float:
    """Return the least score of the non-members (n,) which at most a share `alpha` of them reach, or one above them all."""
    if not 0 <= alpha <= 1:
        raise AttackError(f"alpha is a false-positive rate, from 0 to 1 (found {alpha:g})")
    levels = others.unique()
    reached = 1 - torch.searchsorted(others.sort().values, levels).double() / len(others)
    allowed = levels[reached <= alpha]
    return float(allowed[0]) if len(allowed) else float(np.nextafter(float(levels[-1]), np.inf))


class _Noise:
    """Noisy copies of records, which seed and record id decide. Shadow records tell the scale of features."""

    def __init__(self, shadow_models: ShadowModels, queries: int, magnitude: float, seed: int):
        if queries < 2:
            raise AttackError(f"one query is the record itself and another a noisy copy, so two are the least (found {queries})")
        held = shadow_models.records.x.double()
        self.copies, self.seed = queries - 1, seed
        self.spread = magnitude * float(held.std(0, correction=0).square().mean().sqrt())

    def measured(self, answer: Answer, x: Tensor, label: Tensor, ids: NDArray[np.uint64]) -> tuple[Tensor, Tensor]:
        """Return the share of copies with a higher loss, and the loss of the records themselves, each float64 (n,)."""
        loss = signals.loss(answer(x), label)
        every, shares = streams(derive_seed(self.seed, "noise"), ids), []
        for rows in torch.arange(len(x)).split(max(1, BLOCK // (self.copies * x[0].numel()))):
            drawn = [every[row].standard_normal((self.copies, *x.shape[1:]), dtype=np.float32) for row in rows.tolist()]
            noisy = x[rows, None] + self.spread * torch.from_numpy(np.stack(drawn))
            moved = signals.loss(answer(noisy.flatten(0, 1)), label[rows].repeat_interleave(self.copies))
            shares.append((moved.reshape(len(rows), -1) > loss[rows, None]).double().mean(dim=1))
        return torch.cat(shares), loss

    def of_shadow(self, shadow_models: ShadowModels, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the same for at most `count` records of the first shadow model, and which of them are its members, bool."""
        known, member = shadow_models.records, shadow_models.trained_on[0]
        if member.all():
            raise AttackError("the shadow model has no other records than its members, so no threshold can be set on them")
        order = np.argsort(hash_records(derive_seed(self.seed, "shadow records"), 0, known.ids), kind="stable")[:count]
        rows = torch.from_numpy(order)
        if member[rows].all():
            raise AttackError(f"none of the {count} shadow records that were drawn is a non-member; raise `calibration`")
        model = shadow_models.models[0]
        found, loss = self.measured(model.log_probs, known.x[rows], known.label[rows], known.ids[order])
        return found, loss, member[rows]
