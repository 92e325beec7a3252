"""An attack, whole: its arguments are what its entry needs."""

from torch import Tensor

from attacks.handles import Records, ScoreOracle


def infer(records: Records, scores: ScoreOracle) -> Tensor:
    """Score of each record, float64 (n,): what the model answers for its label."""
    return scores(records.x).gather(1, records.label[:, None])[:, 0]
