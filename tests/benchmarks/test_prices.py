"""The price that is shown before a run beside what the run then takes, in processor time of training, on an empty store.

The machine measures itself once, as `mia bench --calibrate` does. Then each target, and where it has a recipe a block of shadow
models, is priced, trained and compared. Asserts that they are within a factor of two.
"""

from __future__ import annotations

import pytest
from records import Figure

from attacks.engine import expected, speed
from attacks.engine import plan as plans
from attacks.engine.code import Code
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from taxonomy.loading import load

CATALOG = load()
LIRA, COUNT = "carlini-2022-lira", {"shadow-models": {"count": "4"}}
RUNS = {
    "digits-mlp": (LIRA, COUNT),
    "fashion-mlp": (LIRA, COUNT),
    "fashion-cnn": (LIRA, COUNT),
    "genomes-mlp": (LIRA, COUNT),
    "digits-federated": ("yeom-2018-loss", {}),
    "fashion-federated": ("yeom-2018-loss", {}),
}


@pytest.fixture(scope="module")
def found() -> speed.Speed:
    return speed.measure()


@pytest.mark.slow
@pytest.mark.benchmark
@pytest.mark.parametrize("name", RUNS)
def test_the_price_is_right_within_a_factor_of_two(record, tmp_path, found, name):
    store, code = Store(tmp_path), Code()
    speed.keep(store, found)
    attack, settings = RUNS[name]
    plan = plans.make(CATALOG, CATALOG.target(name), None, [attack], settings)
    told = expected.of_plan(code, store, plan, 0)
    Engine(CATALOG, store, code=code).run(plan, 0)
    trained = [node.meta for node in store.nodes() if "for" in node.meta]
    took = sum(meta["seconds"] * meta.get("models", 1) for meta in trained)
    figures = {"told": Figure(told.seconds), "taken": Figure(took), "trained": Figure(told.models, "models")}
    record(
        f"run/price-{name}", f"the price told for {attack} on {name}", "what training it took", told.seconds / took, 2, figures
    )
    assert told.unknown == 0 and told.models == sum(meta.get("models", 1) for meta in trained)
    assert 0.5 < told.seconds / took < 2
    assert expected.of_plan(code, store, plan, 0).models == 0, "what is there does not count"


@pytest.mark.slow
@pytest.mark.benchmark
def test_what_nobody_can_tell_is_said_to_be_unknown(tmp_path, found):
    store = Store(tmp_path)
    speed.keep(store, found)
    plan = plans.make(CATALOG, CATALOG.target("digits-vae"), None, ["logan-2"])
    told = expected.of_plan(Code(), store, plan, 0)
    assert told.unknown == told.models >= 1 and told.seconds == 0
