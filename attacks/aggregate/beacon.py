"""Attacks on services that answer whether anybody of a group has a feature, yes or no."""

from __future__ import annotations

import torch

from attacks.handles import AttackError, Beacon, Marginals, Number, Records, Scored


def likelihood_ratio(
    records: Records,
    beacon: Beacon,
    marginals: Marginals,
    training_size: Number,
    *,
    questions: int = 100,
    error: float = 1e-6,
) -> Scored:
    """Log of the likelihood of the answers if the person is in the group over that if it is not, float64 (n,).

    Shringarpure and Bustamante 2015, in the form of Raisaro et al. 2017 for an adversary who knows how frequent each feature is
    (both remembered). Asked are the person's `questions` rarest features. Nobody among N others has a feature of frequency f
    with probability (1 - f)^N, which is the probability of a "no" for a person outside; for one inside it is that of N - 1 others
    times the probability `error` of a mistake about the person. Member if the answers are likelier inside. Frequencies are held
    half a person from 0 and 1 among those whose features are known.
    """
    if questions < 1 or not 0 < error < 1:
        raise AttackError(f"questions are at least 1 and an error lies between 0 and 1 (found {questions}, {error:g})")
    has = records.x.flatten(1) > 0
    columns = marginals.columns.flatten(1)
    half = 1 / (2 * len(columns))
    frequency = (columns > 0).double().mean(dim=0).clamp(half, 1 - half)
    size = int(training_size.value)
    no_outside, no_inside = (1 - frequency) ** size, error * (1 - frequency) ** (size - 1)
    of_no, of_yes = (no_inside / no_outside).log(), ((1 - no_inside) / (1 - no_outside)).log()
    rarest = frequency.argsort(stable=True)
    score = torch.zeros(len(has), dtype=torch.float64)
    for i, own in enumerate(has):
        asked = rarest[own[rarest]][:questions]
        score[i] = torch.where(beacon(asked), of_yes[asked], of_no[asked]).sum()
    return Scored(score, cut=0.0)
