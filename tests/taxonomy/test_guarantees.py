"""What a proven guarantee allows of AUC and rates, and which epsilon measured ones rule out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from taxonomy import defense_evidence
from taxonomy.defense_evidence import Cell, CellSeed, DefendedLeak, Leak, OnDefended
from taxonomy.defense_matrix import Audited, audited
from taxonomy.figures import Average
from taxonomy.guarantees import largest_auc, least_epsilon
from taxonomy.loading import load


@pytest.mark.parametrize(("epsilon", "delta"), [(0.0, 0.0), (0.0, 0.1), (1.0, 0.0), (1.0, 1e-5), (4.0, 0.01), (50.0, 0.0)])
def test_the_largest_auc_is_the_area_under_both_bounds(epsilon, delta):
    fpr = np.linspace(0, 1, 1_000_001)
    tpr = np.minimum(1, np.minimum(delta + math.exp(epsilon) * fpr, 1 - math.exp(-epsilon) * (1 - delta - fpr)))
    assert largest_auc(epsilon, delta) == pytest.approx(((tpr[1:] + tpr[:-1]) / 2).mean(), abs=1e-5)


@pytest.mark.parametrize("delta", [0.0, 1e-5, 0.01])
def test_an_auc_or_a_rate_at_its_bound_rules_out_less_epsilon_and_no_more(delta):
    for epsilon in (0.1, 1.0, 5.0):
        assert least_epsilon(largest_auc(epsilon, delta), {}, delta) == pytest.approx(epsilon)
        assert least_epsilon(0.5, {0.001: math.exp(epsilon) * 0.001 + delta}, delta) == pytest.approx(epsilon)
    assert least_epsilon(0.5, {0.01: 0.01, 0.1: 0.05}, delta) == 0
    assert least_epsilon(0.2, {0.01: 0.0}, delta) == 0, "worse than chance rules out nothing"
    assert least_epsilon(1.0, {}, delta) == math.inf


SEEDS = [CellSeed(seed=0, undefended=1.0)]


def average(mean: float, low: float) -> Average:
    return Average(mean=mean, ci=(low, 1.0))


def leak(low: float, rate: float) -> DefendedLeak:
    none = Average(mean=0.0, ci=(-1.0, 1.0))
    rates = {"0.01": average(rate, rate), "0.001": None}
    return DefendedLeak(auc=average(0.9, low), tpr_at_fpr=rates, auc_change=none, tpr_change={"0.01": none, "0.001": None})


def on_target(facts: dict[str, list[float]]) -> OnDefended:
    plain = Leak(auc=average(1.0, 1.0), tpr_at_fpr={})
    both = [("yeom-2018-loss", leak(0.55, 0.01), leak(0.6, 0.01)), ("yeom-2018-gap", leak(0.5, 0.04), None)]
    cells = [
        Cell(
            attack=name,
            inside=False,
            fingerprint="",
            undefended=plain,
            naive=one,
            adaptive=two,
            seeds=[{"seed": 0, "undefended": 1}],
        )
        for name, one, two in both
    ]
    return OnDefended(target="digits-mlp", facts=facts, attacks=cells)


def test_the_largest_lower_bound_is_that_of_any_adversary_on_the_defended_target():
    found = audited(on_target({"epsilon": [0.8, 0.9], "delta": [0.0, 0.0]}))
    assert found == Audited(0.9, 0.0, pytest.approx(math.log(4)), "yeom-2018-gap", 2, 3)


def test_a_defense_that_tells_no_epsilon_is_not_audited():
    assert audited(on_target({"noise": [1.0]})) is None


def test_no_attack_that_was_measured_rules_out_the_accountants_epsilon():
    """And in no seed is an AUC above what the guarantee allows."""
    found = [one for evidence in defense_evidence.find_all(load(())).values() for one in evidence.targets if audited(one)]
    for one in found:
        beside = audited(one)
        assert beside.lower_bound <= beside.epsilon, f"{beside.attack} on {one.target}"
        most = largest_auc(beside.epsilon, beside.delta)
        for cell in one.attacks:
            for seed in cell.seeds:
                assert max(area for area in (seed.naive, seed.adaptive, 0.0) if area is not None) <= most, (
                    cell.attack,
                    seed.seed,
                )
