"""Noise on answers against an adversary who asks again: averaging undoes noise that is drawn anew, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from attacks.engine import plan as plans
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from taxonomy import defended
from taxonomy.loading import load

CATALOG = load([Path(__file__).parents[2] / "data" / "tiny"])
SEED = 11  # of those by which settings are chosen
ONCE, AGAIN = "yeom-2018-loss", "jia-2019-repeated-questions"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("store"))


def of(store, attack, **noise):
    """What an attack finds on the target, with noise on its answers if there is any."""
    defense = defended.apply(CATALOG, "posterior-noise", noise) if noise else None
    plan = plans.make(CATALOG, CATALOG.target("tiny"), None, [attack], {}, defense)
    outcome = Engine(CATALOG, store).run(plan, SEED)
    assert not outcome.failures, outcome.failures
    (result,) = outcome.results
    return result


@pytest.mark.slow
def test_averaging_undoes_noise_that_is_drawn_anew(store):
    low, high = of(store, ONCE)["auc_ci"]
    once, again = (of(store, attack, spread="4.0", repeats="false") for attack in (ONCE, AGAIN))
    assert once["auc"] < low, "the noise hides members from who asks once"
    assert low <= again["auc"] <= high and again["queries"] == 30 * once["queries"]


def test_averaging_undoes_nothing_of_noise_that_follows_from_the_record(store):
    low, _ = of(store, ONCE)["auc_ci"]
    once, again = (of(store, attack, spread="4.0", repeats="true") for attack in (ONCE, AGAIN))
    assert again["auc"] == pytest.approx(once["auc"], abs=1e-3) and again["auc"] < low
