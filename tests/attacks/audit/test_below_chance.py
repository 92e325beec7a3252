"""An attack below chance is no protection: it learned from models that show no sign of members, and the report says so."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from attacks import metrics
from attacks.audit import judging
from attacks.discriminative.shadow_classifier import infer_from_top_scores
from attacks.handles import Ledger, Records, ScoreOracle, ShadowData, ShadowModels, TopScoreOracle
from attacks.models import training

COUNT = 200
MEMBER = np.arange(COUNT) < COUNT // 2


class Model:
    """A model of two classes of which answers to the known records are all that there is."""

    def __init__(self, confidence):
        p = torch.from_numpy(confidence)
        self.answers = torch.stack([p, 1 - p], dim=1).log()

    def log_probs(self, x):
        return self.answers

    kept_log_probs = log_probs


def found(seed: int, *, telling: bool) -> float:
    """Return the AUC of ML-Leaks-1 on a model that is surer of its members; the shadow model is too only if it is `telling`."""
    generator = np.random.default_rng(seed)
    x, ids = torch.zeros(COUNT, 1), np.arange(COUNT, dtype=np.uint64)
    label = torch.zeros(COUNT, dtype=torch.int64)

    def sure(more: np.ndarray) -> np.ndarray:
        return np.clip(0.7 + 0.15 * more + generator.normal(scale=0.05, size=COUNT), 0.51, 0.99)

    target, shadow = Model(sure(MEMBER)), Model(sure(MEMBER if telling else generator.random(COUNT) < 0.5))
    shadows = ShadowModels([shadow], ShadowData(x, label, ids), torch.from_numpy(MEMBER)[None])
    top = TopScoreOracle("top_k", ScoreOracle("scores", target.log_probs, Ledger()))
    with training.one_thread():
        score = infer_from_top_scores(Records(x, None, ids, Ledger()), top, shadows, seed=seed, epochs=30).score
    return float(roc_auc_score(MEMBER, score.numpy()))


def test_what_shadow_models_do_not_show_is_learned_in_a_direction_by_chance():
    """Neither the sign nor the order of the scores is wrong: with shadow models like the target the direction is right."""
    assert all(found(seed, telling=True) > 0.9 for seed in range(10, 14))
    by_chance = [found(seed, telling=False) for seed in range(10, 22)]
    assert min(by_chance) < 0.4 and max(by_chance) > 0.6


@pytest.mark.parametrize(("shift", "said"), [(-1.0, True), (0.0, False), (1.0, False)])
@pytest.mark.parametrize("models", [0, 1])
def test_below_chance_is_said_to_be_no_protection(shift, said, models):
    score = np.random.default_rng(10).normal(size=COUNT) + shift * MEMBER
    result = metrics.summarize(score, MEMBER, None) | {"attack": "ml-leaks-1", "models": models}
    warnings = judging.judged(result, score, MEMBER, [], None)["warnings"]
    assert any("no protection" in text for text in warnings) == said
    # An attack that trained no model learned from none.
    assert any("the models that it learned from" in text for text in warnings) == (said and models > 0)
