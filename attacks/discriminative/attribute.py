"""Attacks that know a record but for one feature, and find that feature by the target's answers."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.handles import AttackError, Marginals, Number, Records, ScoreOracle
from attacks.models import signals


def by_error(records: Records, scores: ScoreOracle, marginals: Marginals, mean_loss: Number, *, values: int = 8) -> Tensor:
    """The most probable value of the hidden feature of each record, float32 (n,).

    Yeom et al. 2018, Section IV: each value that the feature can take is tried, and the one is chosen for which the probability
    of the value times the density of the error is largest. The density is that of errors on training data: here exponential,
    with the known mean training loss. At most the `values` commonest values are tried.
    """
    tried, share, log_confidence = _tried(records, scores, marginals, values)
    if mean_loss.value <= 0:
        raise AttackError(f"the mean training loss is positive (found {mean_loss.value:g})")
    return tried[(share.log() + log_confidence / mean_loss.value).argmax(dim=1)]


def by_likelihood(records: Records, scores: ScoreOracle, marginals: Marginals, *, values: int = 8) -> Tensor:
    """The most probable value of the hidden feature of each record, float32 (n,).

    Fredrikson et al. 2015, Section 4, black-box: the maximum a posteriori value, by the probability of the value times the
    probability that the target, asked about the record with that value, gives to the known label. The paper takes the latter
    from a tree's confusion matrix; a tree that answers with scores says it itself. At most the `values` commonest are tried.
    """
    tried, share, log_confidence = _tried(records, scores, marginals, values)
    return tried[(share.log() + log_confidence).argmax(dim=1)]


def _tried(records: Records, scores: ScoreOracle, marginals: Marginals, values: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the values that are tried (k,), how common they are (k,), and the log-confidence in the label of each (n, k)."""
    x, label = records.x, records.label
    hidden = x.isnan()
    if values < 1:
        raise AttackError(f"values is how many values of the feature are tried, at least 1 (found {values})")
    if not hidden.any() or (hidden != hidden[0]).any() or hidden[0].sum() != 1:
        raise AttackError("one feature, the same of every record, must be hidden")
    known, counts = marginals.columns[:, hidden[0]].flatten().unique(return_counts=True)
    # The commonest first; of equally common ones the smaller.
    order = counts.argsort(descending=True, stable=True)[:values]
    tried, share = known[order], counts[order].double() / counts.sum()
    answers = [signals.log_confidence(scores(torch.where(hidden, value, x)), label) for value in tried]
    return tried, share, torch.stack(answers, dim=1)
