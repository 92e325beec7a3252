"""How exposed each record of a training set is: what the model's answers on it would be, had it been left out."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.handles import AttackError, OwnTrainingSet, Records, ScoreOracle, Trainer
from attacks.models.training import TrainingSet


def pointwise(
    records: Records, scores: ScoreOracle, trainer: Trainer, training_set: OwnTrainingSet, *, models: int = 100
) -> Tensor:
    """Risk of each record, float64 (n,): the largest |log-ratio| over classes of its scores with and without it in training.

    Pointwise differential training privacy, Long et al. 2017 (arXiv:1712.09136; the formula is from the secondary source ART,
    `art.metrics.PDTP`). As there, the published model's answers are compared with those of models trained again, here with the
    seed of the published model, so that nothing but the record differs where training is full-batch or draws nothing. ART
    takes the largest ratio over all training records, in probabilities rounded to 1 %; here only the left-out record itself is
    asked about, whose exposure this is, and nothing is rounded, since rounded ratios saturate at 199.

    A candidate outside the training set has risk 0, for leaving it out changes nothing. One model is trained for each candidate
    inside; raises AttackError if these are more than `models`, or the training set holds a single record.
    """
    x, label, seed = training_set.x, training_set.label, training_set.seed
    place = {name: row for row, name in enumerate(training_set.ids.tolist())}
    inside = [(i, place[name]) for i, name in enumerate(records.ids.tolist()) if name in place]
    if len(inside) > models:
        raise AttackError(
            f"{len(inside):,} candidates are in the training set, each of which takes a model; {models:,} are allowed"
        )
    if len(x) < 2:
        raise AttackError("a training set of one record leaves nothing to train on without it")
    rows = [row for _, row in inside]
    every = torch.arange(len(x))
    without = trainer.fit_many([TrainingSet(x[every != row], label[every != row], seed) for row in rows])
    published = scores(x[rows])
    risk = torch.zeros(len(records), dtype=torch.float64)
    for (i, row), answer, model in zip(inside, published, without, strict=True):
        risk[i] = (answer - model.log_probs(x[[row]])[0]).abs().max()
    return risk
