"""Defended targets: every defense with code runs, and what is feasible there is what the resolver says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from shorter import LEARNERS, SEARCHES

from attacks.defenses.owner import Trained
from attacks.engine import plan as plans
from attacks.engine import versions
from attacks.engine.code import Code
from attacks.engine.executors import executor
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import Ledger
from taxonomy import defended
from taxonomy.answers import Atlas, Feasible
from taxonomy.findings import InputError
from taxonomy.loading import load
from taxonomy.threat import ThreatModel, about, owner

TINY = Path(__file__).parents[2] / "data" / "tiny"
CATALOG = load([TINY])
SMALL = {"shadow-models": {"count": "4"}, "reference-models": {"count": "4"}, **SEARCHES, **LEARNERS}
RUNNING = sorted(d.id for d in CATALOG.defenses.values() if d.run)
# What leaves something to learn of 120 records.
MILD = {"dp-sgd": {"epsilon": 30.0}}


def applied(name, adaptive=True, catalog=CATALOG, **settings):
    return defended.apply(catalog, name, {key: str(value) for key, value in settings.items()}, adaptive=adaptive)


# Those of classifiers; what is left of statistics is tested beside their code.
MASKS = [name for name in RUNNING if CATALOG.defenses[name].changes == "answers" and applied(name).masks == "Q.scores"]
TRAINED = [d.id for d in CATALOG.defenses.values() if d.run and d.changes in ("training", "model") and "generative" not in d.fits]
# Masks that keep every label.
KEEP = [name for name in MASKS if CATALOG.defenses[name].category == "output-masking"] + ["memguard", "adversarial-examples"]
# Those that train models of their own, or search for noise, take seconds each; one of each kind is left.
SLOW = {"memguard", "adversarial-examples", *TRAINED} - {"l2-regularisation", "dropout", "label-smoothing"}
SOME = ["yeom-2018-loss", "ml-leaks-1", "shokri-2017", "carlini-2022-lira-offline", "yeom-2018-gap"]
LABELS = ["yeom-2018-gap", "choquettechoo-2021-noise"]
# What somebody outside has who faces the target's service, knows how it is trained, and has records of its own.
OUTSIDE = frozenset({"Q.scores", "Q.labels", "D1.samples", "D1.size", "M2", "M4", "record.label"})


def some_slow(names):
    return [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in names]


def run(store, names, defense=None, *, threat=None, target="tiny", catalog=CATALOG, code=None, workers=1, seed=0):
    plan = plans.make(catalog, catalog.target(target), threat, names, SMALL, defense)
    with executor(workers, trusted=code.trusted if code else ()) as pool:
        outcome = Engine(catalog, Store(store), executor=pool, code=code).run(plan, seed)
    assert not outcome.failures, outcome.failures
    return outcome


def answered(threat):
    """The attacks on classifiers that the resolver calls feasible, and that have code all the way."""
    atlas = Atlas(CATALOG)
    return {answer.attack.id for answer in atlas.answers(threat) if isinstance(answer, Feasible)}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.mark.slow
@pytest.mark.parametrize("name", MASKS)
def test_the_resolver_and_the_engine_agree_on_what_a_mask_leaves(name):
    """For every attack: infeasible to the resolver, and refused by the engine; or feasible to both."""
    target, defense = CATALOG.target("digits-mlp"), applied(name)
    stated = about(target, ThreatModel("black-box", "discriminative", "stand-alone", OUTSIDE))
    replaces = CATALOG.defenses[name].replaces
    left = frozenset(replaces.get(term, term) for term in OUTSIDE)
    feasible = answered(stated.with_grants(left))
    plan = plans.make(CATALOG, target, stated, (), SMALL, defense)
    planned = {one.attack.id for one in plan.attacks}
    assert planned == {one for one in feasible if CATALOG.attacks[one].run} and {"yeom-2018-gap"} <= planned
    for attack in CATALOG.attacks.values():
        if attack.id in planned:
            continue
        with pytest.raises(InputError):
            plans.make(CATALOG, target, stated, [attack.id], SMALL, defense)


def test_who_holds_the_model_asks_past_a_mask_and_is_not_taken_for_granted():
    target = CATALOG.target("digits-mlp")
    assert not any(term.startswith("M1") for term in plans.make(CATALOG, target, None, (), SMALL, applied("label-only")).granted)
    holder = owner(target)
    plan = plans.make(CATALOG, target, holder, ["yeom-2018-loss"], SMALL, applied("label-only"))
    assert "M1.parameters" in plan.granted and not plan.attacks[0].weaker


def test_nothing_unmasked_is_derived_for_who_is_outside():
    """Weights and structure, which the target offers to others, would give exact scores, and from these the highest."""
    stated = ThreatModel("black-box", "discriminative", "stand-alone", frozenset({"Q.top-k"}))
    with pytest.raises(InputError, match="does not offer"):
        plans.make(CATALOG, CATALOG.target("digits-mlp"), stated, ["ml-leaks-3"], SMALL, applied("rounded-scores"))


@pytest.mark.parametrize("name", some_slow(MASKS))
def test_attacks_run_on_what_a_mask_leaves(store, name):
    plan = plans.make(CATALOG, CATALOG.target("tiny"), None, (), SMALL, applied(name))
    feasible = [one.attack.id for one in plan.attacks if one.attack.id in SOME]
    outcome = run(store, feasible, applied(name))
    assert {r["attack"] for r in outcome.results} == set(feasible) and "yeom-2018-gap" in feasible
    assert outcome.as_json()["defense"]["utility"]["test_accuracy"].keys() == {"undefended", "defended"}


# MemGuard's search for noise takes minutes for the many questions of label-only attacks; its answers go the way of its sibling's.
@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in MASKS if name != "memguard"])
def test_every_attack_that_stays_feasible_runs(kept_store, name):
    run(kept_store, (), applied(name))


@pytest.mark.parametrize("name", some_slow(KEEP))
def test_masks_leave_accuracy_and_label_only_attacks_to_the_bit(store, name):
    plain = run(store, LABELS)
    masked = run(store, LABELS, applied(name))
    for attack in LABELS:
        assert masked.scores[attack].tobytes() == plain.scores[attack].tobytes()
    accuracy = masked.defense.utility["test_accuracy"]
    assert accuracy["defended"] == accuracy["undefended"] == plain.target_facts["test_accuracy"]
    assert masked.trained == 0, "the target's model is that of the undefended target"


def test_who_knows_of_a_mask_finds_no_less_here_and_something_else(store):
    """Rounded answers beside exact ones of reference models: the signals have another scale."""
    found = {}
    for adaptive in (True, False):
        outcome = run(store, ["carlini-2022-lira-offline"], applied("rounded-scores", adaptive, digits=2))
        assert outcome.as_json()["defense"]["adaptive"] is adaptive
        found[adaptive] = outcome.scores["carlini-2022-lira-offline"]
    assert not np.array_equal(found[True], found[False])


def test_a_label_tells_an_adversary_nothing_to_mask_alike(store):
    both = [run(store, ["yeom-2018-gap"], applied("label-only", adaptive)).scores["yeom-2018-gap"] for adaptive in (True, False)]
    assert np.array_equal(*both)


@pytest.mark.parametrize("name", some_slow(TRAINED))
def test_a_defense_of_the_training_trains_the_target_and_models_of_who_knows(tmp_path, name):
    trained = {}
    for adaptive in (True, False):
        folder = tmp_path / str(adaptive)
        defense = applied(name, adaptive, **MILD.get(name, {}))
        outcome = run(folder, ["yeom-2018-loss", "carlini-2022-lira-offline"], defense)
        nodes = [node for node in Store(folder).nodes() if node.kind in ("model", "block")]
        trained[adaptive] = sorted((node.name, "defense" in node.meta) for node in nodes)
        utility = outcome.defense.utility
        assert utility["training_seconds"]["defended"] > 0 and utility["test_accuracy"]["defended"] > 0.5
    # The target without and with the defense; reference models with it only where the adversary knows of it.
    assert {("target", False), ("target", True)} <= set(trained[True]) & set(trained[False])
    assert ("shadow models", True) in trained[True] and ("shadow models", False) not in trained[True]
    assert ("shadow models", False) in trained[False] and ("shadow models", True) not in trained[False]


NOTHING = [("l2-regularisation", {"factor": 0}), ("dropout", {"inputs": 0, "hidden": 0})]


@pytest.mark.parametrize(("name", "settings"), NOTHING)
def test_a_defense_that_does_nothing_changes_no_bit(store, name, settings):
    plain = run(store, ["yeom-2018-loss"])
    same = run(store, ["yeom-2018-loss"], applied(name, **settings))
    assert same.scores["yeom-2018-loss"].tobytes() == plain.scores["yeom-2018-loss"].tobytes()


def test_more_punishment_makes_smaller_weights(store):
    def size(factor):
        defense = applied("l2-regularisation", factor=factor)
        plan = plans.make(CATALOG, CATALOG.target("tiny"), None, ["yeom-2018-loss"], SMALL, defense)
        engine = Engine(CATALOG, Store(store))
        weights = engine.target_of(plan, 0).makers["M1.parameters"](Ledger()).weights
        return sum(float(one.square().sum()) for one in weights.values())

    assert size(0) > size(0.001) > size(0.01)


def test_a_defended_target_is_a_target_of_its_own(store):
    def fingerprint(defense):
        plan = plans.make(CATALOG, CATALOG.target("tiny"), None, ["yeom-2018-loss"], SMALL, defense)
        return Engine(CATALOG, Store(store)).target_of(plan, 0).fingerprint

    every = [None, applied("rounded-scores"), applied("rounded-scores", digits=2), applied("softmax-temperature")]
    every += [applied("l2-regularisation"), applied("l2-regularisation", factor=0.01)]
    assert len({fingerprint(one) for one in every}) == len(every)
    again = run(store, ["yeom-2018-loss"], applied("rounded-scores"))
    assert again.trained == 0


@pytest.mark.slow
def test_who_knows_of_a_defense_hands_its_models_records_of_its_own(tmp_path, monkeypatch):
    """Early stopping watches other records: the target's owner has the population, and this adversary has it with errors."""
    entry = (TINY / "targets" / "tiny.yaml").read_text().replace("id: tiny", "id: noisy").replace("D1.samples", "D1.noisy")
    (tmp_path / "mine" / "targets").mkdir(parents=True)
    (tmp_path / "mine" / "targets" / "noisy.yaml").write_text(entry)
    catalog, handed, fit = load([TINY, tmp_path / "mine"]), [], Trained.fit

    def watched(self, *arguments):
        handed.append(self.records)
        return fit(self, *arguments)

    monkeypatch.setattr(Trained, "fit", watched)
    run(tmp_path / "store", ["shokri-2017"], applied("early-stopping"), target="noisy", catalog=catalog)
    makers = Engine(catalog, Store(tmp_path / "store")).target("noisy", 0).makers
    own, noisy = (makers[term](Ledger()).x for term in ("D1.samples", "D1.noisy"))
    assert torch.equal(handed[0].x, own) and len(handed) > 2
    assert all(torch.equal(one.x, noisy) for one in handed[1:])


def test_another_version_of_what_a_defense_rests_on_is_another_target(monkeypatch):
    def named():
        return [Code().of_defense(applied(name)) for name in ("dp-sgd", "dropout")]

    before = named()
    monkeypatch.setitem(versions.BESIDE, "attacks.defenses.dp_sgd", "numpy")
    after = named()
    assert before[0] != after[0] and before[1] == after[1]


def test_what_a_defense_made_answers_where_it_was_trained(store):
    run(store, ["yeom-2018-loss"], applied("dropout"))
    workshop = Engine(CATALOG, Store(store), device="cuda").workshop
    kept = {node.fingerprint: "defense" in node.meta for node in Store(store).nodes() if node.kind == "model"}
    assert set(kept.values()) == {True, False}
    assert {(workshop.model(name).device, by) for name, by in kept.items()} == {("cpu", True), ("cuda", False)}
