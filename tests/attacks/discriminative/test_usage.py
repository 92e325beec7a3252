"""How much of a set was used: corrected guesses, by the formula written again, and near the truth where guesses are good."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attacks.discriminative import usage
from attacks.handles import AttackError, Ledger, Records, ScoreOracle, ShadowData, ShadowModels, SuspectSets
from attacks.models.training import Model, Recipe

COUNT, SETS, MODELS = 400, 10, 8
LABEL = torch.zeros(COUNT, dtype=torch.int64)
RECIPE = Recipe("mlp", (1,), 2)


class Table(Model):
    """A model that gives each record's label a probability of its own."""

    def __init__(self, confidence: np.ndarray, name: str):
        super().__init__(RECIPE, RECIPE.build(), name)
        self.table = torch.from_numpy(np.log(np.stack([confidence, 1 - confidence], axis=1)))

    def log_probs(self, x):
        return self.table[x[:, 0].long()]

    kept_log_probs = log_probs


def confidence(inside: np.ndarray, gain: float, seed: int) -> np.ndarray:
    hardness = np.random.default_rng(900).normal(size=COUNT)
    return 1 / (1 + np.exp(-(hardness + gain * inside + 0.5 * np.random.default_rng(seed).normal(size=COUNT))))


def given(gain: float):
    source, ledger = np.random.default_rng(901), Ledger()
    used = np.tile([0.0, 0.25, 0.5, 0.75, 1.0], 2)
    rows = source.permutation(COUNT).reshape(SETS, -1)
    member = np.zeros(COUNT, dtype=bool)
    for row, share in zip(rows, used, strict=True):
        member[row[: round(share * len(row))]] = True
    x, ids = torch.arange(COUNT, dtype=torch.float32)[:, None], np.arange(1, COUNT + 1, dtype=np.uint64)
    half = source.random((MODELS // 2, COUNT)) < 0.5
    inside = np.concatenate([half, ~half])
    models = [Table(confidence(row, gain, k), f"shadow-{k}") for k, row in enumerate(inside)]
    target = Table(confidence(member, gain, 99), "target")
    sets = SuspectSets("suspect_sets", torch.from_numpy(rows), torch.from_numpy(rows), ledger)
    handles = (
        Records(x, LABEL, ids, ledger),
        ScoreOracle("scores", target.log_probs, ledger),
        ShadowModels(models, ShadowData(x, LABEL, ids), torch.from_numpy(inside)),
        sets,
    )
    return handles, used


def test_it_is_the_formula():
    (records, scores, shadow, sets), _ = given(3.0)
    inside = shadow.trained_on.numpy()

    def tempered(log_probs):
        root = np.exp(log_probs.numpy()) ** 0.5
        return root[:, 0] / root.sum(axis=1)

    known = np.stack([tempered(shadow.log_probs(k)) for k in range(MODELS)])
    target = tempered(scores(records.x))

    def ratio(values, i, others):
        sides = [[known[j, i] for j in others if inside[j, i] == side] for side in (True, False)]
        return values[i] / (np.mean(sides[0]) + np.mean(sides[1]))

    score = np.array([[ratio(known[k], i, [j for j in range(MODELS) if j != k]) for i in range(COUNT)] for k in range(MODELS)])
    gap = {t: (score[inside] >= t).mean() - (score[~inside] >= t).mean() for t in score.flatten()}
    cut = max(gap, key=gap.get)
    hits, alarms = (score[inside] >= cut).mean(), (score[~inside] >= cut).mean()
    guess = np.array([ratio(target, i, range(MODELS)) >= cut for i in range(COUNT)])
    expected = np.clip(((guess - alarms) / (hits - alarms))[sets.rows.numpy()].mean(axis=1), 0, 1)
    assert usage.debiased(records, scores, shadow, sets).tolist() == pytest.approx(expected.tolist())


def test_shares_are_near_the_truth():
    handles, used = given(4.0)
    found = usage.debiased(*handles).numpy()
    assert np.abs(found - used).mean() < 0.06 and found.min() >= 0 and found.max() <= 1


def test_too_few_models_are_refused():
    (records, scores, shadow, sets), _ = given(3.0)
    with pytest.raises(AttackError, match="every record must be in two"):
        usage.debiased(records, scores, shadow.first(3), sets)


def test_guesses_no_better_than_chance_are_refused():
    (records, scores, shadow, sets), _ = given(3.0)
    other = ShadowModels([shadow.models[0]] * MODELS, shadow.records, shadow.trained_on)
    other._models = [Table(np.full(COUNT, 0.5), f"same-{k}") for k in range(MODELS)]
    with pytest.raises(AttackError, match="no better than chance"):
        usage.debiased(records, scores, other, sets)
