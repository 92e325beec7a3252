"""Attacks on a network trained on digits: the same score for a record alone, in small company and in large.

The fixture's records are numbers, of which none is hard to find a boundary for; these are pictures, of which some are.
"""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from attacks import metrics
from attacks.discriminative import hop_skip_jump
from attacks.engine.code import Code
from attacks.handles import LabelOracle, Ledger, Records, ScoreOracle, ShadowData
from attacks.models import signals, training
from attacks.seeds import record_ids
from attacks.steps import shadow_models
from attacks.targets import data
from attacks.targets.classifier import build
from taxonomy.check import handles
from taxonomy.loading import load

CATALOG = load()
CANDIDATES, HELD = 120, 200
LESS = {"queries": 200, "random_queries": 2000, "calibration": 80, "epochs": 10}  # than the entries have, for the sake of time
ATTACKS = [
    *("li-2021-boundary", "choquettechoo-2021-boundary", "choquettechoo-2021-combined", "choquettechoo-2021-augmentation"),
    *("choquettechoo-2021-noise", "rahimian-2020-sampling", "shokri-2017"),
]


@pytest.fixture(scope="module")
def world():
    """Candidates, half of them members; shadow models of other records; and the answers of the target.

    These come from its weights in float64, so that no answer depends on how many others are asked for with it.
    """
    digits = data.load("digits")
    x, y = torch.from_numpy(digits.x[: CANDIDATES + HELD]), torch.from_numpy(digits.y[: CANDIDATES + HELD])
    ids = record_ids(x.numpy())
    recipe = training.Recipe("mlp", (64,), digits.classes, (32,), epochs=20, batch=32, learning_rate=0.003)
    module = training.fit(recipe, training.TrainingSet(x[: CANDIDATES // 2], y[: CANDIDATES // 2], 0))
    exact = copy.deepcopy(module).double()

    def answer(points):
        with torch.no_grad():
            return torch.log_softmax(exact(points.double()), dim=-1)

    candidates = (x[:CANDIDATES], y[:CANDIDATES], ids[:CANDIDATES])
    held = ShadowData(x[CANDIDATES:], y[CANDIDATES:], ids[CANDIDATES:])
    return candidates, answer, shadow_models.guessed_architecture(Records(*candidates, Ledger()), held, count=2, epochs=20)


def score(attack_id, world, rows):
    (x, label, ids), answer, shadow = world
    attack, ledger = CATALOG.attacks[attack_id], Ledger()
    oracle = ScoreOracle("scores", answer, ledger)
    given = {
        "records": Records(x[rows], label[rows], ids[rows.numpy()], ledger),
        "labels": LabelOracle("labels", lambda points: signals.predicted(oracle(points)), ledger),
        "scores": oracle,
        "shadow_models": shadow,
    }
    params = {name: min(value, LESS.get(name, value)) for name, value in attack.params.items()}
    return Code().function(attack.run)(**{name: given[name] for name in handles(CATALOG, attack.needs)}, **params).score


@pytest.mark.slow
@pytest.mark.parametrize("attack_id", ATTACKS)
def test_company_changes_no_score(attack_id, world):
    """What is left are sums in float64 over blocks of another size."""
    order = np.random.default_rng(0).permutation(CANDIDATES)
    every = score(attack_id, world, torch.arange(CANDIDATES))
    assert len(every.unique()) > 3, "otherwise equality would say little"
    for rows in (torch.from_numpy(order), torch.from_numpy(order[:20]), *torch.from_numpy(order[:3]).split(1)):
        assert score(attack_id, world, rows).tolist() == pytest.approx(every[rows].tolist(), rel=1e-9, abs=1e-9)


@pytest.mark.slow
def test_boundary_distances_in_batches_of_any_size():
    """On digits-mlp, whose answers are float32: a label on the boundary itself may hang on how many are asked for at once.

    A bisection ends within a 512th of its way to the boundary, and float32 is out by less than a millionth of it: of ten
    bisections and a thousand queries near the boundary, one meets such a label in a few per cent of the searches. That search
    then ends elsewhere on the boundary; all others find the same distance.
    """
    target = build(**CATALOG.target("digits-mlp").params, seed=10)
    labels, few = target.makers["Q.labels"](Ledger()), 300
    every = torch.arange(len(target.x))

    def distances(size):
        return torch.cat(
            [
                hop_skip_jump.distances(
                    labels, target.x[rows], target.label[rows], target.ids[rows.numpy()], queries=1000, batch=50, seed=1
                )
                for rows in (every if size == len(every) else every[:few]).split(size)
            ]
        )[:few]

    with training.one_thread():
        found = {size: distances(size) for size in (800, 150, 1)}
    for size in (150, 1):
        same = (found[size] / found[800]).nan_to_num(1.0) - 1
        assert (same.abs() < 1e-6).double().mean() > 0.93
        auc = [metrics.auc(found[each].numpy(), target.member[:few].numpy()) for each in (size, 800)]
        assert auc[0] == pytest.approx(auc[1], abs=0.005)
