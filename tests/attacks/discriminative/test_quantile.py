"""Cuts that are set on non-members alone for a false positive rate alpha: the rate on fresh non-members is about alpha."""

from __future__ import annotations

import fixture
import numpy as np
import pytest
import torch
from scipy import stats

from attacks.discriminative.quantile import above_quantile
from attacks.engine import plan as plans
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import AttackError, PopulationStatistics, ShadowData
from attacks.models import signals
from taxonomy.loading import load

CATALOG = load()
ATTACK_P, QUANTILE = "ye-2022-attack-p", "bertran-2023-quantile"
SEEDS = range(5)


@pytest.fixture(scope="module")
def on_control(kept_store):
    """Both attacks on digits-null, whose candidates are all non-members, with five seeds."""
    engine = Engine(CATALOG, Store(kept_store))
    plan = plans.make(CATALOG, CATALOG.target("digits-null"), None, [ATTACK_P, QUANTILE])
    return [engine.run(plan, seed) for seed in SEEDS]


def tolerance(outcomes, alpha):
    """Three standard errors of the pooled rate: both the candidates and the records that set the cut are samples."""
    candidates, held = len(outcomes[0].member), outcomes[0].target_facts["pool_size"]
    return 3 * np.sqrt(alpha * (1 - alpha) * (1 / candidates + 1 / held) / len(outcomes))


@pytest.mark.slow
@pytest.mark.parametrize("attack_id", [ATTACK_P, QUANTILE])
def test_false_positive_rate_at_the_cut(attack_id, on_control):
    rates = []
    for outcome in on_control:
        (cut,) = (result["cut"] for result in outcome.results if result["attack"] == attack_id)
        rates.append((outcome.scores[attack_id] >= cut).mean())
    assert np.mean(rates) == pytest.approx(0.01, abs=tolerance(on_control, 0.01))


@pytest.mark.slow
def test_quantile_regression_is_calibrated_at_a_tenth(on_control):
    rates = [(outcome.scores[QUANTILE] >= stats.norm.ppf(0.9)).mean() for outcome in on_control]
    assert np.mean(rates) == pytest.approx(0.1, abs=tolerance(on_control, 0.1))


def test_quantile_regression_without_training_is_attack_p_with_a_normal_distribution():
    """Bertran et al. 2023: the score is (margin - mean) / deviation, here of the population, since no epoch has run."""
    given = fixture.handles(["records", "scores", "population_statistics"])
    found = above_quantile(**given, alpha=0.05, epochs=0)
    known = given["population_statistics"].signal(signals.margin).numpy()
    target = signals.margin(given["scores"](given["records"].x), fixture.label()).numpy()
    assert found.score.tolist() == pytest.approx(((target - known.mean()) / known.std(ddof=1)).tolist())
    assert found.cut == pytest.approx(stats.norm.ppf(0.95))


def test_quantile_regression_learns_mean_and_deviation():
    """Margins with a mean and a deviation that depend on the feature: the residual of fresh ones is about standard normal."""
    generator = torch.Generator().manual_seed(0)
    given = fixture.handles(["records", "scores"])

    def draw(count):
        x = torch.rand(count, 1, generator=generator) * 2 - 1
        margin = 3 * x[:, 0] + x[:, 0].exp() * torch.randn(count, generator=generator)
        return x, torch.log_softmax(torch.stack([margin, torch.zeros(count)], -1).double(), -1)

    x, log_probs = draw(2000)
    label, ids = torch.zeros(2000, dtype=torch.int64), np.arange(2000, dtype=np.uint64)
    fresh_x, fresh = draw(2000)
    given["records"]._x, given["records"]._label, given["records"]._ids = fresh_x, label, ids
    given["scores"]._answer = lambda _: fresh
    statistics = PopulationStatistics(ShadowData(x, label, ids), log_probs)
    found = above_quantile(given["records"], given["scores"], statistics, alpha=0.1)
    for side in (fresh_x[:, 0] > 0, fresh_x[:, 0] <= 0):
        assert float(found.score[side].std()) == pytest.approx(1, abs=0.12)
        assert float((found.score[side] >= found.cut).double().mean()) == pytest.approx(0.1, abs=0.035)


@pytest.mark.parametrize("bad", [{"alpha": 0.0}, {"alpha": 1.0}, {"hidden": 0}, {"epochs": -1}])
def test_quantile_regression_rejects_bad_parameters(bad):
    with pytest.raises(AttackError):
        above_quantile(**fixture.handles(["records", "scores", "population_statistics"]), **bad)


@pytest.mark.slow
def test_quantile_regression_lies_above_attack_p_on_genomes(kept_store):
    """What a record's features let expect tells more than one threshold for all (Bertran et al. 2023)."""
    plan = plans.make(CATALOG, CATALOG.target("genomes-mlp"), None, [ATTACK_P, QUANTILE])
    for seed in range(3):
        found = {r["attack"]: r["auc"] for r in Engine(CATALOG, Store(kept_store)).run(plan, seed).results}
        assert found[QUANTILE] > found[ATTACK_P]
