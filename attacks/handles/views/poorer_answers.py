"""Views of answers and statistics that are shown in part, with few digits or with noise."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.handles import (
    Aggregates,
    Beacon,
    CompletedScores,
    LabelOracle,
    ScoreOracle,
    SuppressedAggregates,
    ThresholdedScoreOracle,
    TopScoreOracle,
)
from attacks.models import signals


def scores_of_top(top_k: TopScoreOracle) -> CompletedScores:
    """Return the top scores as scores of every class: the others share what is left; queries count once."""
    return CompletedScores(top_k)


def scores_of_confidence(label_confidence: TopScoreOracle) -> CompletedScores:
    """Return a label and its confidence as scores of every class: the others share what is left; queries count once."""
    return CompletedScores(label_confidence)


def label_of_confidence(label_confidence: TopScoreOracle) -> LabelOracle:
    """Return the predicted label without its confidence; queries count once."""
    return LabelOracle("labels", lambda x: label_confidence(x)[1][:, 0], label_confidence.ledger)


def scores_above_threshold(thresholded_scores: ThresholdedScoreOracle) -> CompletedScores:
    """Return scores that reach a threshold as scores of every class: the others share what is left; queries count once."""
    return CompletedScores(thresholded_scores)


def label_above_threshold(thresholded_scores: ThresholdedScoreOracle) -> LabelOracle:
    """Return the class with the highest score that is shown; where none is, a number beside those of the classes."""

    def label(x: Tensor) -> Tensor:
        shown = thresholded_scores(x)
        return torch.where(shown.isnan().all(-1), shown.shape[-1], shown.nan_to_num(float("-inf")).argmax(-1))

    return LabelOracle("labels", label, thresholded_scores.ledger)


def scores_of_rounded(rounded_scores: ScoreOracle) -> ScoreOracle:
    """Return rounded scores as scores: their handle has raised what was rounded to 0, and noted ties."""
    return rounded_scores


def label_of_rounded(rounded_scores: ScoreOracle) -> LabelOracle:
    """Return the class with the highest rounded score, the first of several; queries count once."""
    return LabelOracle("labels", lambda x: signals.predicted(rounded_scores(x)), rounded_scores.ledger)


def scores_of_noisy(noisy_scores: ScoreOracle) -> ScoreOracle:
    """Return noisy scores as scores."""
    return noisy_scores


def same_aggregates(noisy_aggregates: Aggregates) -> Aggregates:
    """Return noisy statistics as statistics."""
    return noisy_aggregates


def aggregates_of_suppressed(suppressed_aggregates: SuppressedAggregates) -> Aggregates:
    """Return statistics of which small ones were left out: these lie halfway between nothing and what they are below."""
    values, ledger = suppressed_aggregates.values, suppressed_aggregates.ledger
    left_out = values.isnan()
    ledger.note(
        "statistics that were left out are taken to be halfway to what they are below", int(left_out.sum()), values.numel()
    )
    return Aggregates("aggregates", values.masked_fill(left_out, suppressed_aggregates.below / 2), ledger)


def beacon_of_aggregates(aggregates: Aggregates) -> Beacon:
    """Return for each published share whether it is above 0, which somebody of the group must have: reading is no query."""
    return Beacon("beacon", aggregates.values > 0, aggregates.ledger, counted=False)
