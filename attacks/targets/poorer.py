"""What a target's answers are when its owner shows less of its scores: a handle for each poorer answer."""

from __future__ import annotations

from collections.abc import Callable

from attacks.handles import Ledger, ScoreOracle, ThresholdedScoreOracle, TopScoreOracle
from attacks.models.poorer_answers import noisy, rounded
from attacks.models.training import Model
from attacks.targets.target import HandleMaker

# Two digits, the threshold at which a class is likelier than all others together, and noise of half a nat on each score.
DIGITS, THRESHOLD, SPREAD = 2, 0.5, 0.5
# The owner's own seed: an adversary who knew it would subtract the noise.
OWNER = 20261128


def makers(model: Model, scores: Callable[[Ledger], ScoreOracle]) -> dict[str, HandleMaker]:
    """Return what makes a fresh handle for each poorer answer of a classifier, whose scores `scores` makes an oracle of."""

    def rounded_scores(ledger: Ledger) -> ScoreOracle:
        resolution = max(10.0**-DIGITS, model.resolution)
        return ScoreOracle("rounded_scores", lambda x: rounded(model.log_probs(x), DIGITS), ledger, resolution=resolution)

    def noisy_scores(ledger: Ledger) -> ScoreOracle:
        return ScoreOracle(
            "noisy_scores", lambda x: noisy(model.log_probs(x), x, SPREAD, OWNER), ledger, resolution=model.resolution
        )

    return {
        "Q.rounded-scores": rounded_scores,
        "Q.noisy-scores": noisy_scores,
        "Q.thresholded-scores": lambda ledger: ThresholdedScoreOracle("thresholded_scores", scores(ledger), THRESHOLD),
        "Q.label-confidence": lambda ledger: TopScoreOracle("label_confidence", scores(ledger), k=1),
    }
