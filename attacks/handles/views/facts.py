"""Views of what is known without asking: thresholds, and the values of features by themselves."""

from __future__ import annotations

import torch

from attacks.handles import Ledger, LossThreshold, Marginals, Number, Population


def threshold_at_mean_loss(mean_loss: Number) -> LossThreshold:
    """Return the mean training loss as a threshold."""
    return LossThreshold("loss_threshold", mean_loss.value, mean_loss.ledger)


def same_threshold(loss_threshold: LossThreshold) -> LossThreshold:
    """Return a known threshold as a threshold."""
    return loss_threshold


def no_threshold() -> LossThreshold:
    """Return that no threshold is known."""
    return LossThreshold("loss_threshold", None, Ledger())


def marginals_of_population(population: Population) -> Marginals:
    """Return the values of every feature by themselves: each column is sorted, which breaks up the rows."""
    return Marginals("marginals", torch.sort(population.x, dim=0).values, population.ledger)
