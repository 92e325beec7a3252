"""Bad settings of defenses that make networks generalise are refused in one sentence, before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from attacks.engine import plan as plans
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from taxonomy import defended
from taxonomy.findings import InputError
from taxonomy.loading import load

CATALOG = load([Path(__file__).parents[2] / "data" / "tiny"])
SETTINGS = {
    ("early-stopping", "patience", "0"): "must be at least 1",
    ("early-stopping", "patience", "2.5"): "must be a whole number",
    ("label-smoothing", "share", "-0.1"): "must be at least 0 and at most 1",
    ("label-smoothing", "share", "1.5"): "must be at least 0 and at most 1",
    ("mixup", "alpha", "0"): "must be above 0",
    ("dmp", "share", "0"): "must be above 0 and at most 1",
    ("dmp", "temperature", "-1"): "must be at least 1e-06",
    ("selena", "models", "1"): "must be at least 2",
    ("selena", "without", "0"): "must be at least 1",
    ("relaxloss", "level", "-0.5"): "must be at least 0",
    ("model-stacking", "models", "5"): "has no parameter",
}
NO_FIT = {
    ("label-smoothing", "diabetes-mlp"): "diabetes-mlp is not answers-classes",
    ("mixup", "genomes-decision-tree"): "genomes-decision-tree is not differentiable",
    ("model-stacking", "fashion-scenes"): "fashion-scenes is not answers-classes",
    ("selena", "digits-federated"): "digits-federated is not stand-alone",
    ("dmp", "digits-gan"): "digits-gan is not discriminative",
}


@pytest.mark.parametrize("case", SETTINGS, ids=" ".join)
def test_a_setting_out_of_range(case):
    name, parameter, value = case
    with pytest.raises(InputError, match=SETTINGS[case]):
        defended.apply(CATALOG, name, {parameter: value})


@pytest.mark.parametrize("case", NO_FIT, ids=" ".join)
def test_a_target_that_a_defense_does_not_fit(case):
    name, target = case
    with pytest.raises(InputError, match=NO_FIT[case]):
        defended.target(CATALOG, CATALOG.target(target), defended.apply(CATALOG, name, {}))


def test_records_that_no_model_would_learn(tmp_path):
    defense = defended.apply(CATALOG, "selena", {"models": "4", "without": "4"})
    plan = plans.make(CATALOG, CATALOG.target("tiny"), None, ["yeom-2018-loss"], {}, defense)
    with pytest.raises(InputError, match="`without` must be below `models`"):
        Engine(CATALOG, Store(tmp_path)).run(plan, 0)
    assert not list(Store(tmp_path).nodes())


def test_a_stack_offers_neither_weights_nor_embeddings():
    entry = CATALOG.target("digits-mlp")
    left = defended.target(CATALOG, entry, defended.apply(CATALOG, "model-stacking", {})).offers
    assert set(entry.offers) - set(left) == {"M1.parameters", "Q.embeddings"}


@pytest.mark.parametrize("name", ["memguard", "adversarial-examples"])
def test_noise_against_a_classifier_takes_records_of_others(tmp_path, name):
    offers = [term for term in CATALOG.target("tiny").offers if term != "D1.samples"]
    alone = CATALOG.target("tiny").model_copy(update={"offers": offers})
    plan = plans.make(CATALOG, alone, None, ["yeom-2018-gap"], {}, defended.apply(CATALOG, name, {}))
    with pytest.raises(InputError, match="has no records of others"):
        Engine(CATALOG, Store(tmp_path)).run(plan, 0)
    assert not list(Store(tmp_path).nodes())
