"""Company never changes a score: every attack of a run gives what it gives alone, bit for bit."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from shorter import GENERATORS, LEARNERS, SAMPLERS, SEARCHES

from attacks.engine import plan as plans
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from taxonomy.loading import load

TINY = Path(__file__).parents[1] / "data" / "tiny"
TARGETS = [
    "tiny",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("digits-mlp", "genomes-federated", "fashion-vae")),
]
# The quick test has the attacks that company once flattered, and some that want more or fewer models of the same steps.
QUICK = (
    *("carlini-2022-lira", "carlini-2022-lira-offline", "zarifzadeh-2024-rmia", "zarifzadeh-2024-rmia-offline"),
    *("lassila-2025-base-offline", "brannvall-2026-bavaria-offline", "watson-2022", "ye-2022-attack-r", "long-2018-gmia"),
    *("shi-2020-over-the-air", "shokri-2017", "ml-leaks-1", "sablayrolles-2019-mast", "yeom-2018-loss"),
)

# What each attack does twice here is cut short where it would take minutes; alone and in company alike.
SHORT = {**SEARCHES, **SAMPLERS, **LEARNERS, **GENERATORS}


def forget(store: Store) -> None:
    """Drop what steps and attacks made, and keep the models."""
    for node in list(store.nodes()):
        if node.kind in ("step", "attack"):
            shutil.rmtree(node.folder)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_every_attack_alone_equals_itself_in_company(target, tmp_path):
    catalog, store = load([TINY]), Store(tmp_path)
    together = plans.make(catalog, catalog.target(target), None, QUICK if target == "tiny" else (), SHORT)
    company = Engine(catalog, store).run(together, 0)
    assert not company.failures, company.failures
    forget(store)
    for planned in together.attacks:
        if planned.attack.id in dict(company.unsuited):
            continue
        engine = Engine(catalog, store)
        alone = engine.run(plans.make(catalog, catalog.target(target), None, [planned.attack.id], SHORT), 0)
        (result,) = alone.results
        (before,) = (r for r in company.results if r["attack"] == planned.attack.id)
        timing = ("seconds", "trained")
        assert {k: v for k, v in result.items() if k not in timing} == {k: v for k, v in before.items() if k not in timing}
        if planned.attack.id in alone.scores:
            assert alone.scores[planned.attack.id].tobytes() == company.scores[planned.attack.id].tobytes(), planned.attack.id
        assert alone.trained == 0, "in company nothing else was trained than alone"


def test_an_offline_attack_gets_models_of_its_own_in_company(catalog):
    """A joint proof once gave it shadow models that were trained on half of the candidates."""
    names = ["carlini-2022-lira", "carlini-2022-lira-offline"]
    plan = plans.make(catalog, catalog.target("digits-mlp"), None, names)
    assert [p.attack.id for p in plan.attacks] == names and plan.models == 32
    steps = {p.attack.id: {r.id for r in p.rules if r.kind == "step"} for p in plan.attacks}
    assert "reference-models-known-recipe" in steps["carlini-2022-lira-offline"]
    assert not any(name.startswith("shadow-models") for name in steps["carlini-2022-lira-offline"])


def test_attacks_that_want_other_parameters_of_a_step_do_not_share_it(catalog):
    """Only the number of models is shared, by its first ones; two numbers of queries are two pieces of work."""
    attack = catalog.attacks["ye-2022-attack-p"]
    other = attack.model_copy(update={"id": "other-p", "uses": {"population-statistics": {"queries": 50}}})
    changed = load()
    changed.attacks["other-p"] = other
    plan = plans.make(changed, changed.target("digits-mlp"), None, ["ye-2022-attack-p", "other-p"])
    assert sorted(node.params["queries"] for node in plan.nodes.values()) == [50, 1000]
