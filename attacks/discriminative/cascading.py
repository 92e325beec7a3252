"""Attacks in rounds: what one round is surest of is settled, and the next round's models are trained accordingly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from attacks.handles import AttackError, Population, Records, ScoreOracle, ShadowModels, Trainer, UnsuitableError
from attacks.models import signals
from attacks.models.training import NumberedSets
from attacks.seeds import derive_seed
from attacks.steps.training_sets import by_id, drawn, share, shares

# Two models that agree to the last bit must not divide by zero; no real margin is known to a millionth.
LEAST_SPREAD = 1e-6


def cascading(
    records: Records,
    scores: ScoreOracle,
    shadow_models: ShadowModels,
    trainer: Trainer,
    population: Population,
    *,
    count: int = 16,
    rounds: int = 2,
    wrong: int = 1,
    most: float = 0.05,
    least_out: int = 20,
    least_in: int = 5,
    per_record_variance_from: int = 64,
    seed: int = 0,
) -> Tensor:
    """Log-likelihood ratio of "in" against "out" over the models of all rounds, float64 (n,) (CMIA, around LiRA).

    Du et al. 2026, in the authors' code (zealscott/MIA). After each round the surest candidates that are still open are settled:
    as non-members those up to the score below which no more than `wrong` members lie, the share `most` of them at most; or, if
    they are fewer than `least_out`, as members those from the score above which no more than `wrong` non-members lie, if they
    are `least_in`. In the `count` further models, dealt over `rounds` further rounds, settled members are always in the training
    set and settled non-members never; if nothing can be settled, the cascade ends. The scores where that lies are means over
    models whose members are known, attacked in the target's place: the authors train one for that, here each shadow model takes
    its turn and is judged by the others. Two variances are shared by all records below `per_record_variance_from` models, as in
    LiRA with few models; the authors train 256 a round. Raises AttackError for fewer than four shadow models.
    """
    if len(shadow_models) < 4 or rounds < 1 or count < rounds:
        raise AttackError(
            f"each shadow model is attacked with the others, so at least 4 are needed (found {len(shadow_models)}), and at least "
            f"one further model for each of at least one further round (found {count} for {rounds})"
        )
    x, label = records.x, records.label
    target = signals.margin(scores(x), label)
    margin, inside = shadow_models.signal(signals.margin), shadow_models.trained_on
    settled, limits = torch.zeros(2, len(x), dtype=torch.bool), _Limits(wrong, most, least_out, least_in)
    for k in range(rounds):
        found = _settled(target, margin, inside, ~settled.any(dim=0), limits, per_record_variance_from)
        if not found.any():
            break
        settled |= found
        more = count // rounds + (k < count % rounds)
        models, of_models = _conditioned(records, population, trainer, settled, more, derive_seed(seed, "round", k))
        margin, inside = torch.cat([margin, models]), torch.cat([inside, of_models])
    return _log_ratio(target, margin, inside, per_record_variance_from)


@dataclass(frozen=True)
class _Limits:
    """How many may be wrong, how large a share is settled as out, and how few are not worth it on either side."""

    wrong: int
    most: float
    least_out: int
    least_in: int


def _settled(target: Tensor, margin: Tensor, inside: Tensor, open_: Tensor, limits: _Limits, variance_from: int) -> Tensor:
    """Return which candidates are settled as members and which as non-members, bool (2, n), of those that are open."""
    low, high = [], []
    for k in range(len(margin)):
        others, member = torch.arange(len(margin)) != k, inside[k, open_]
        if member.all() or not member.any():
            continue
        score = _log_ratio(margin[k], margin[others], inside[others], variance_from)[open_]
        low.append(_reach(score, ~member, limits.wrong))
        high.append(-_reach(-score, member, limits.wrong))
    settled = torch.zeros(2, len(target), dtype=torch.bool)
    if not low:
        return settled
    score = _log_ratio(target, margin, inside, variance_from)
    out = (open_ & (score <= float(np.mean(low)))).nonzero().squeeze(1)
    out = out[score[out].argsort(stable=True)[: int(limits.most * int(open_.sum()))]]
    if len(out) >= limits.least_out:
        settled[1, out] = True
        return settled
    within = open_ & (score >= float(np.mean(high)))
    settled[0] = within & (int(within.sum()) >= limits.least_in)
    return settled


def _reach(score: Tensor, right: Tensor, wrong: int) -> float:
    """Return the highest score up to which, from the lowest on, no more than `wrong` records are not right."""
    order = score.argsort(stable=True)
    reached = int(((~right[order]).cumsum(dim=0) <= wrong).sum())
    return float(score[order[max(reached, 1) - 1]])


def _conditioned(
    records: Records, population: Population, trainer: Trainer, settled: Tensor, count: int, seed: int
) -> tuple[Tensor, Tensor]:
    """Train models with the settled members and without the settled non-members: margins and who is in, (count, n) each."""
    x, label, ids = records.x, records.label, records.ids
    always = settled[0].nonzero().squeeze(1).numpy()
    open_ = (~settled.any(dim=0)).nonzero().squeeze(1).numpy()
    room = trainer.training_size - len(always)
    dealt = shares(ids[open_], count, room, seed)
    missing = room - int(dealt[0].sum())
    if missing > len(population):
        raise UnsuitableError(
            f"models are trained on {trainer.training_size:,} records each, as the target was: {missing:,} of them of the "
            f"population, which has only {len(population):,}"
        )
    pool_ids = np.concatenate([ids, population.ids])

    def rows(k: int) -> Tensor:
        others = len(ids) + drawn(population.ids, k, missing, seed)
        chosen = np.concatenate([always, open_[share(ids[open_], k, room, seed)], others])
        return torch.from_numpy(chosen[by_id(pool_ids[chosen])])

    pool = torch.cat([x, population.x]), torch.cat([label, population.label])
    sets = NumberedSets(*pool, count=count, rows=rows, seed=lambda k: derive_seed(seed, "model", k))
    inside = torch.zeros(count, len(x), dtype=torch.bool)
    inside[:, torch.from_numpy(always)] = True
    inside[:, torch.from_numpy(open_)] = torch.from_numpy(dealt)
    models = trainer.fit_many(sets)
    return torch.stack([signals.margin(model.kept_log_probs(x), label) for model in models]), inside


def _log_ratio(target: Tensor, margin: Tensor, inside: Tensor, variance_from: int) -> Tensor:
    """Return the log-likelihood ratio of the margins (n,), by those of models (models, n) with each record and without it."""
    return _log_density(target, margin, inside, variance_from) - _log_density(target, margin, ~inside, variance_from)


def _log_density(value: Tensor, margin: Tensor, known: Tensor, variance_from: int) -> Tensor:
    counts = known.sum(dim=0).double()
    mean = torch.where(known, margin, 0.0).sum(dim=0) / counts.clamp(min=1)
    # Of a record that is on this side of no model, the others say what is usual.
    mean = torch.where(counts > 0, mean, mean[counts > 0].mean())
    squares = torch.where(known, margin - mean, 0.0).square()
    if len(margin) >= variance_from:
        variance = squares.sum(dim=0) / (counts - 1).clamp(min=1)
    else:
        # One degree of freedom a record is spent on its mean.
        variance = squares.sum() / (counts - 1).clamp(min=0).sum().clamp(min=1)
    sd = variance.sqrt().clamp(min=LEAST_SPREAD)
    return -0.5 * ((value - mean) / sd) ** 2 - sd.log()
