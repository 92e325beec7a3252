"""Shadow data: labelled records on which shadow models can be trained."""

from __future__ import annotations

import torch

from attacks.handles import (
    AttackError,
    KnownMembers,
    LabelOracle,
    Marginals,
    Population,
    Records,
    ScoreOracle,
    ShadowData,
    Superset,
)
from attacks.seeds import record_ids


def from_samples(records: Records, population: Population) -> ShadowData:
    """Return the adversary's own records as they are. Shokri et al. 2017, Section V-C."""
    return ShadowData(population.x, population.label, population.ids)


def from_noisy(records: Records, noisy_population: Population) -> ShadowData:
    """Return the adversary's own records, in which some values are wrong, as they are. Shokri et al. 2017, Section V-C."""
    return ShadowData(noisy_population.x, noisy_population.label, noisy_population.ids)


def from_shifted(records: Records, shifted_population: Population) -> ShadowData:
    """Return the adversary's records of another distribution as they are. Salem et al. 2019, Section IV."""
    return ShadowData(shifted_population.x, shifted_population.label, shifted_population.ids)


def from_superset(records: Records, superset: Superset) -> ShadowData:
    """Return a pool that holds the training set as it is, members without a mark. Bai et al. 2021, Table 1 (D2)."""
    return ShadowData(superset.x, superset.label, superset.ids)


def from_known_members(records: Records, known_members: KnownMembers) -> ShadowData:
    """Return known members and known non-members alike. Bai et al. 2021, Section 3.3 (a part of the training set)."""
    others = known_members.non_members
    x, label = torch.cat([known_members.x, others.x]), torch.cat([known_members.label, others.label])
    return ShadowData(x, label, record_ids(x.numpy()))


def from_marginals(
    records: Records, labels: LabelOracle, marginals: Marginals, *, queries: int = 1000, seed: int = 0
) -> ShadowData:
    """Return `queries` records drawn feature by feature, labelled by the target. Shokri et al. 2017, Section V-C.

    Each value is that feature's in a random row, for the columns are sorted and rows mean nothing.
    """
    columns = marginals.columns
    if not len(columns) or queries < 2:
        raise AttackError(f"two records at least must be drawn, and from known values (found {queries} of {len(columns)} rows)")
    generator = torch.Generator().manual_seed(seed % 2**63)
    rows = torch.randint(len(columns), (queries, *columns.shape[1:]), generator=generator)
    x = columns.gather(0, rows)
    return ShadowData(x, labels(x), record_ids(x.numpy()))


def by_queries(
    records: Records,
    scores: ScoreOracle,
    *,
    wanted: int = 400,
    queries: int = 60000,
    features: int = 128,
    least_features: int = 4,
    rejections: int = 10,
    confidence: float = 0.2,
    seed: int = 0,
) -> ShadowData:
    """Return records that a hill climb on the target's scores made up. Shokri et al. 2017, Algorithm 1.

    As many climbs as records are `wanted` run side by side, each towards a class of its own, until `queries` are spent. A
    climb changes `features` random features at a time, half as many after `rejections` refusals in a row, never fewer than
    `least_features`. What is scored at least `confidence`, and higher than any other class, is kept with the probability
    that the target gives it. The format of a record, here the range of its values, is read off the candidates.
    """
    generator = torch.Generator().manual_seed(seed % 2**63)
    known = records.x
    low, high = float(known.min()), float(known.max())
    shape = known.shape[1:]
    width = known[0].numel()
    classes = scores(known[:0]).shape[-1]
    wished = torch.arange(wanted) % classes
    rows = torch.arange(wanted)

    def fresh(count: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(count, width, generator=generator)

    best = fresh(wanted)
    best_score = torch.full((wanted,), -1.0, dtype=torch.float64)
    changed = torch.full((wanted,), min(features, width))
    refused = torch.zeros(wanted, dtype=torch.long)
    kept: list[torch.Tensor] = []
    labels: list[torch.Tensor] = []
    for attempt in range(queries // wanted):
        order = torch.rand(wanted, width, generator=generator).argsort(dim=1).argsort(dim=1)
        redraw = order < changed.unsqueeze(1)
        proposal = best if attempt == 0 else torch.where(redraw, fresh(wanted), best)
        probability = scores(proposal.reshape(wanted, *shape)).exp()
        score = probability[rows, wished]
        better = score >= best_score
        best = torch.where(better.unsqueeze(1), proposal, best)
        best_score = torch.where(better, score, best_score)
        refused = torch.where(better, 0, refused + 1)
        narrow = refused > rejections
        changed = torch.where(narrow, ((changed + 1) // 2).clamp(min=min(least_features, width)), changed)
        refused = torch.where(narrow, 0, refused)
        convincing = better & (score > confidence) & (probability.argmax(dim=1) == wished)
        emitted = convincing & (torch.rand(wanted, generator=generator).double() < score)
        if emitted.any():
            kept.append(best[emitted].clone())
            labels.append(wished[emitted])
            count = int(emitted.sum())
            best[emitted] = fresh(count)
            best_score[emitted] = -1.0
            changed[emitted] = min(features, width)
            refused[emitted] = 0
    found = torch.cat(kept)[:wanted] if kept else torch.empty(0, width)
    if len(found) < 2:
        raise AttackError(
            f"the search made up {len(found)} records in {queries:,} queries; allow more, or ask for less confidence"
        )
    x = found.reshape(-1, *shape).float()
    return ShadowData(x, torch.cat(labels)[:wanted], record_ids(x.numpy()))
