"""Views of answers: what an oracle shows, shown in part."""

from __future__ import annotations

from functools import partial

from attacks.handles import LabelOracle, ScoreOracle, TopScoreOracle, UpdatedScores


def top_scores(scores: ScoreOracle) -> TopScoreOracle:
    """Return the top scores of an oracle that shows all; queries count once."""
    return TopScoreOracle("top_k", scores)


def top_label(top_k: TopScoreOracle) -> LabelOracle:
    """Return the predicted label of an oracle that shows the top scores; queries count once."""
    return LabelOracle("labels", lambda x: top_k(x)[1][:, 0], top_k.ledger)


def scores_of_updates(updated_scores: UpdatedScores) -> ScoreOracle:
    """Return the scores of the model as it is now; queries count once.

    After one update that is what came out of it. Updates that each start from the same model leave that one as it was.
    """
    now = partial(updated_scores.after, 0) if len(updated_scores) == 1 else updated_scores.before
    return ScoreOracle("scores", now, updated_scores.ledger, counted=False)
