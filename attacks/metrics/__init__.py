"""Figures of attacks, from scores and the truth, with their intervals. Knows no model."""

from attacks.metrics.figures import (
    DIFFERENCE,
    FALSE_POSITIVE_RATES,
    Metric,
    advantage,
    at_cut,
    auc_interval,
    rank_correlation,
    share,
    summarize,
)
from attacks.metrics.intervals import Interval, binomial_interval
from attacks.metrics.ranking import Roc, Scores, Truth, auc, auc_difference_error, auc_variance, roc, tie_across, tpr_at_fpr

__all__ = [
    "DIFFERENCE",
    "FALSE_POSITIVE_RATES",
    "Interval",
    "Metric",
    "Roc",
    "Scores",
    "Truth",
    "advantage",
    "at_cut",
    "auc",
    "auc_difference_error",
    "auc_interval",
    "auc_variance",
    "binomial_interval",
    "rank_correlation",
    "roc",
    "share",
    "summarize",
    "tie_across",
    "tpr_at_fpr",
]
