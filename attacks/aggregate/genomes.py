"""Attacks that ask whether one person is nearer to a group's published means than to those of a reference population."""

from __future__ import annotations

import math

from scipy import stats
from torch import Tensor

from attacks.handles import Aggregates, AttackError, Marginals, Population, Records, Scored

TESTS = ("likelihood-ratio", "distance")


def t_test(records: Records, aggregates: Aggregates, marginals: Marginals, *, alpha: float = 0.05) -> Scored:
    """Student's t of the distances D_j = |x_j - p_j| - |x_j - q_j|, float64 (n,); member if above the t-test's threshold.

    Homer et al. 2008: q is the group's frequency of a variant, p the reference population's, x the person's own. The score is
    sqrt(m) mean(D) / sd(D) over the m variants, about 0 for a person who is as far from both. The test is one-sided; its level
    `alpha` is chosen here. Variants that are inherited together make the true rate of false positives another one.
    """
    _check_level(alpha)
    difference = _distances(records, aggregates, marginals)
    m = difference.shape[1]
    if m < 2:
        raise AttackError(f"a t-test needs at least two published statistics (found {m})")
    # Where all distances are equal, the deviation is 0: a person as far from both means keeps the score 0.
    t = math.sqrt(m) * difference.mean(dim=1) / difference.std(dim=1).clamp(min=1e-12)
    return Scored(t, cut=float(stats.t.ppf(1 - alpha, m - 1)))


def likelihood_ratio(records: Records, aggregates: Aggregates, population: Population, *, alpha: float = 0.05) -> Scored:
    """Log of the likelihood under the group's frequencies over that under the reference's, float64 (n,).

    Sankararaman et al. 2009: sum over variants of x log(q / p) + (1 - x) log((1 - q) / (1 - p)), with a person's own share x of
    the counted allele; member if at least as high as all but a share `alpha` of the reference people, whose level is chosen
    here. Each of them is judged by the frequencies of the others, since everyone is near to a mean that counts them.
    Frequencies are held 1 / 4N from 0 and 1, half an allele among N reference people: what was not seen there is not impossible.
    """
    _check_level(alpha)
    person, group = records.x.double().flatten(1), aggregates.values.flatten()
    reference = population.x.double().flatten(1)
    count = len(reference)
    if count < 2:
        raise AttackError(f"the frequencies of a reference population need at least two people (found {count})")
    for values in (person, group, reference):
        if values.min() < 0 or values.max() > 1:
            raise AttackError("a likelihood ratio of frequencies needs values from 0 to 1; these statistics are something else")
    bound = 1 / (4 * count)
    known = reference.mean(dim=0)
    others = (count * known - reference) / (count - 1)
    held = _log_ratio(reference, group, others, bound)
    return Scored(_log_ratio(person, group, known, bound), cut=float(held.quantile(1 - alpha)))


def expression(records: Records, aggregates: Aggregates, marginals: Marginals, *, test: str = "likelihood-ratio") -> Tensor:
    """How much nearer each person is to the group's means than to the reference's, float64 (n,).

    Backes et al. 2016, whose two tests are remembered and were not read again: the log of a ratio of normal densities around
    the two means, with the reference's standard deviation for both, or the distance sum |x - p| - |x - q| of Homer et al. 2008. A
    feature that does not vary in the reference tells nothing and is left out. No decision point of the paper's is known.
    """
    if test not in TESTS:
        raise AttackError(f"test is one of {', '.join(TESTS)} (found {test!r})")
    if test == "distance":
        return _distances(records, aggregates, marginals).sum(dim=1)
    person, group, columns = records.x.double().flatten(1), aggregates.values.flatten(), marginals.columns.double().flatten(1)
    if len(columns) < 2:
        raise AttackError(f"the deviation of a reference population needs at least two people (found {len(columns)})")
    known, variance = columns.mean(dim=0), columns.var(dim=0)
    varies = variance > 0
    ratio = ((person - known) ** 2 - (person - group) ** 2)[:, varies] / (2 * variance[varies])
    return ratio.sum(dim=1)


def _distances(records: Records, aggregates: Aggregates, marginals: Marginals) -> Tensor:
    """Return how much farther each person is from the reference's mean than from the group's, float64 (n, m)."""
    person = records.x.double().flatten(1)
    known = marginals.columns.double().mean(dim=0).flatten()
    return (person - known).abs() - (person - aggregates.values.flatten()).abs()


def _log_ratio(x: Tensor, group: Tensor, known: Tensor, bound: float) -> Tensor:
    q, p = group.clamp(bound, 1 - bound), known.clamp(bound, 1 - bound)
    return (x * (q / p).log() + (1 - x) * ((1 - q) / (1 - p)).log()).sum(dim=1)


def _check_level(alpha: float) -> None:
    if not 0 < alpha < 1:
        raise AttackError(f"alpha is the level of a test, between 0 and 1 (found {alpha:g})")
