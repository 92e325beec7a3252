"""Attacks that compare one signal of the target's answer with one threshold."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from attacks.handles import (
    AttackError,
    ErrorSpread,
    LabelOracle,
    LossThreshold,
    PopulationStatistics,
    Records,
    Scored,
    ScoreOracle,
    ShadowModels,
    TopScoreOracle,
    ValueOracle,
)
from attacks.models import signals


def loss_below_threshold(records: Records, scores: ScoreOracle, loss_threshold: LossThreshold) -> Scored | Tensor:
    """Minus the loss of each record, float64 (n,); member if the loss is at most the threshold, if there is one.

    Yeom et al. 2018, Section III (adversary 2): the known average training loss is the threshold. Whoever does not know it can
    still rank records.
    """
    loss = signals.loss(scores(records.x), records.label)
    return -loss if loss_threshold.value is None else Scored(-loss, cut=-loss_threshold.value)


def loss_of_mean_answer(records: Records, noisy_scores: ScoreOracle, *, questions: int = 30) -> Tensor:
    """Minus the loss of the mean of so many answers, float64 (n,): log-probabilities are averaged, and normalised again.

    Jia et al. 2019 warn of it. Noise that is drawn anew each time is smaller in the mean, by the root of the number of questions.
    """
    if questions < 1:
        raise AttackError(f"each record is asked about once at least (found {questions} questions)")
    mean = torch.stack([noisy_scores(records.x) for _ in range(questions)]).mean(dim=0)
    return -signals.loss(mean.log_softmax(dim=-1), records.label)


def loss_below_soft_minimum(
    records: Records, scores: ScoreOracle, population_statistics: PopulationStatistics, *, temperature: float = 1.0
) -> Scored:
    """Minus the loss of each record, float64 (n,); member if the loss is at most one threshold for all (MALT).

    Sablayrolles et al. 2019: the optimal threshold is tau(z) = -T log E[exp(-loss(z) / T)] over models without the record;
    MALT has one constant for all records, set on held data. Here the mean is taken over non-members' losses on the target
    itself, which with T = 1 makes tau the loss of their mean confidence.
    """
    loss = signals.loss(scores(records.x), records.label)
    held = population_statistics.signal(signals.loss)
    threshold = -temperature * (torch.logsumexp(-held / temperature, dim=0) - math.log(len(held)))
    return Scored(-loss, cut=-float(threshold))


def loss_below_quantile(
    records: Records, scores: ScoreOracle, population_statistics: PopulationStatistics, *, alpha: float = 0.01
) -> Scored:
    """Minus the loss of each record, float64 (n,); member if the loss is at most the population's alpha-quantile (Attack-P).

    Ye et al. 2022, the population attack: non-members' losses on the target set the threshold for a false-positive rate of
    `alpha`. Between two losses the quantile is interpolated linearly.
    """
    if not 0 <= alpha <= 1:
        raise AttackError(f"alpha is a false-positive rate, from 0 to 1 (found {alpha:g})")
    loss = signals.loss(scores(records.x), records.label)
    return Scored(-loss, cut=-float(population_statistics.signal(signals.loss).quantile(alpha)))


def bounded_loss(records: Records, scores: ScoreOracle, *, bound: float = 16.0) -> Tensor:
    """Minus the loss as a share of its bound, float64 (n,): one less than the probability of the answer "member".

    Yeom et al. 2018, Section III (adversary 1): a coin says "member" with probability 1 - loss / B. The score is that
    probability less one, which ranks alike and does not round small losses to ties; no coin is tossed. The mean over members less
    the mean over non-members is the expected advantage of the coin: the generalisation gap over B. The cross-entropy has no bound
    of its own, so it is cut off at `bound`; losses above it tie (16 nats: a confidence of 1e-7).
    """
    if bound <= 0:
        raise AttackError(f"the bound of a loss is positive (found {bound:g})")
    return -signals.loss(scores(records.x), records.label).clamp(max=bound) / bound


def modified_entropy(records: Records, scores: ScoreOracle, shadow_models: ShadowModels) -> Scored:
    """Log of class threshold over modified entropy, float64 (n,); member if the entropy is at most the threshold.

    Song and Mittal 2021 (Mentr): for each class the threshold that tells members of one shadow model best from its other
    records, by balanced accuracy. The paper compares entropies; logarithms decide alike and rank alike within a class, and
    do not round to ties. A class without shadow records of both kinds has the threshold of all classes together.
    """
    return _below_class_threshold(records, scores, shadow_models, signals.log_modified_entropy)


def entropy(records: Records, scores: ScoreOracle, shadow_models: ShadowModels) -> Scored:
    """Log of class threshold over entropy, float64 (n,); member if the entropy is at most the threshold.

    Song and Mittal 2021, who take it from earlier work (Salem et al. 2019 among it) and give each class a threshold of its own,
    as in `modified_entropy`. A confident mistake looks like a member, since the true label does not count.
    """
    return _below_class_threshold(records, scores, shadow_models, signals.log_entropy)


def _below_class_threshold(
    records: Records, scores: ScoreOracle, shadow_models: ShadowModels, of: Callable[[Tensor, Tensor], Tensor]
) -> Scored:
    """Return how far a signal lies below its class's best threshold on the first shadow model."""
    shadow = shadow_models.first(1)
    known, inside = shadow.records.label, shadow.trained_on[0]
    if inside.all() or not inside.any():
        raise AttackError("the shadow model has no members, or no other records, to set thresholds with")
    value = shadow.signal(of)[0]
    label = records.label
    threshold = torch.full((len(label),), _best_threshold(value, inside), dtype=torch.float64)
    for c in label.unique():
        of_class = known == c
        if inside[of_class].any() and (~inside[of_class]).any():
            threshold[label == c] = _best_threshold(value[of_class], inside[of_class])
    return Scored(threshold - of(scores(records.x), label), cut=0.0)


def _best_threshold(value: Tensor, member: Tensor) -> float:
    """Return the observed value at which "member if at most this" has the best balanced accuracy; the lowest of several."""
    candidates = value.unique()
    inside, others = (torch.searchsorted(v.sort().values, candidates, right=True) for v in (value[member], value[~member]))
    # In whole numbers, so that equal accuracies are equal.
    return float(candidates[(inside * int((~member).sum()) - others * int(member.sum())).argmax()])


def error_density(records: Records, value: ValueOracle, error_spread: ErrorSpread) -> Scored:
    """Log-ratio of the error's density among training records to that among others, float64 (n,); member if above 0.

    Yeom et al. 2018, Section III-B (adversary 2, regression): errors are normal around 0, with these two spreads. If only the
    spread on training records is known, minus the size of the error; member if that is at most the spread.
    """
    error = value(records.x) - records.label
    inside, outside = error_spread.training, error_spread.others
    if outside is None:
        return Scored(-error.abs(), cut=-inside)
    if min(inside, outside) <= 0:
        raise AttackError(f"the spread of errors is positive (found {min(inside, outside):g})")
    density = [-0.5 * (error / spread) ** 2 - math.log(spread) for spread in (inside, outside)]
    return Scored(density[0] - density[1], cut=0.0)


def predicted_correctly(records: Records, labels: LabelOracle) -> Scored:
    """1 for each record whose label the target predicts, else 0, float64 (n,); member if predicted.

    Yeom et al. 2018, Section III, with the 0-1 loss: accuracy is one half plus half of the generalisation gap.
    """
    correct = labels(records.x) == records.label
    return Scored(correct.double(), cut=1.0)


def maximum_posterior(records: Records, top_k: TopScoreOracle) -> Tensor:
    """Log-odds of the highest score of each record, float64 (n,). No label is needed.

    Salem et al. 2019, Section V (adversary 3): the highest posterior p. Its log-odds rank alike. Where p rounds to 1, the rest
    of the probability is taken from the other top scores, which keep what p has lost.
    """
    values, _ = top_k(records.x)
    highest, others = values[:, 0], values[:, 1:].logsumexp(dim=-1)
    rest = torch.where(highest > -1e-9, others, (-highest.expm1()).log())
    return highest - rest
