"""What a run will have to train: what the store holds for the same target, step and seed does not count, whatever ran."""

from __future__ import annotations

from pathlib import Path

import pytest

from attacks.engine import expected, speed
from attacks.engine import plan as plans
from attacks.engine.code import Code
from attacks.engine.runner import Engine
from attacks.engine.speed import Speed
from attacks.engine.store import Store
from taxonomy.loading import load

CATALOG = load([Path(__file__).parents[2] / "data" / "tiny"])
COSTS = Speed({"loop mlp": (1.0, 0.0, 0.0), "blocks mlp": (0.25, 0.0, 0.0)}, 2.0)


def plan_of(*attacks: str, target: str = "tiny", count: int = 4) -> plans.Plan:
    settings = {"shadow-models": {"count": str(count)}}
    return plans.make(CATALOG, CATALOG.target(target), None, attacks, settings)


def told(store: Store, plan: plans.Plan, seed: int = 0, workers: int = 1, device: str = "cpu") -> expected.Expected:
    return expected.of_plan(Code(), store, plan, seed, workers, device)


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> Store:
    """A store in which one attack was run on the seed 0."""
    store = Store(tmp_path_factory.mktemp("store"))
    Engine(CATALOG, store).run(plan_of("carlini-2022-lira"), 0)
    return store


def test_before_anything_was_trained_or_measured_the_time_is_unknown(tmp_path):
    found = told(Store(tmp_path), plan_of("carlini-2022-lira", count=5))
    assert found == expected.Expected(1 + 8, 0.0, 9), "the target and whole blocks"


def test_what_is_there_does_not_count_whichever_attack_made_it(ran):
    assert told(ran, plan_of("carlini-2022-lira", "yeom-2018-loss")).models == 0
    assert told(ran, plan_of("zarifzadeh-2024-rmia")).models == 0
    more = told(ran, plan_of("carlini-2022-lira", count=10))
    assert (more.models, more.unknown) == (8, 0)


def test_another_seed_takes_as_long_as_the_first_did(ran):
    took = sum(node.meta["seconds"] * node.meta["models"] for node in ran.nodes() if node.kind in ("model", "block"))
    found = told(ran, plan_of("carlini-2022-lira"), seed=1)
    assert (found.models, found.unknown) == (5, 0) and found.seconds == pytest.approx(took)


def test_on_another_device_it_is_not_known(ran):
    found = told(ran, plan_of("carlini-2022-lira"), device="cuda")
    assert found.models == found.unknown == 5


def test_what_was_never_trained_is_told_by_the_speed_of_the_machine(tmp_path):
    store = Store(tmp_path)
    speed.keep(store, COSTS)
    plan = plan_of("carlini-2022-lira", target="digits-mlp", count=16)
    steps = 60 * 7  # the target by the loop, and blocks of four at a quarter for each
    assert told(store, plan) == expected.Expected(17, steps * (1 + 16 / 4), 0)
    assert told(store, plan, workers=3).seconds == steps * (1 + 2 * 4 / 4) + 2.0, "four blocks for three workers, which start"


def test_what_the_store_measured_itself_goes_before(ran):
    speed.keep(ran, Speed(dict.fromkeys(COSTS.costs, (1000000000.0, 0.0, 0.0)), 0.0))
    assert told(ran, plan_of("carlini-2022-lira"), seed=1).seconds < 1e6
