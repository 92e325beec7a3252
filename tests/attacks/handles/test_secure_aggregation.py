"""A server behind secure aggregation sees what all participants sent together, and nobody's own upload."""

from __future__ import annotations

import fixture
import pytest
import torch

from attacks.engine import plan as plans
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import Ledger
from attacks.handles.views import federation
from taxonomy.findings import InputError
from taxonomy.loading import load
from taxonomy.threat import from_user


def threat(catalog, *knows, observation="black-box"):
    return from_user(catalog, observation=observation, model="discriminative", frame="federated", knows=knows)


def test_a_server_that_sees_sums_only_is_that_server(catalog):
    assert threat(catalog, "server", "secure-aggregation").knows == {"secure-aggregation"}
    assert threat(catalog, "server").knows == {"server"}
    with pytest.raises(InputError, match="sees sums of uploads only"):
        threat(catalog, "secure-aggregation", "M1.updates", observation="white-box")


def test_it_sees_rounds_and_sums_and_no_upload(atlas):
    closure = atlas.resolver.closure(
        threat(atlas.catalog, "secure-aggregation", "D2.members", "record.label", observation="white-box").grants
    )
    assert {"M1.rounds", "M2", "M1.others-updates", "M1.parameters"} <= closure and "M1.updates" not in closure
    attacks = {term.removeprefix("attack:") for term in closure if term.startswith("attack:")}
    assert {"nasr-2019-passive", "melis-2019-membership", "nasr-2019-unsupervised-federated"} <= attacks
    assert not {"nasr-2019-passive-server", "aono-2017", "nasr-2019-isolating"} & attacks


def test_to_be_active_it_needs_no_other_role(catalog):
    assert threat(catalog, "secure-aggregation", "active").knows == {"secure-aggregation", "active"}


def test_who_holds_columns_alone_tells_no_member(atlas):
    closure = atlas.resolver.closure(threat(atlas.catalog, "vertical-participant", "record.label").grants)
    assert not [term for term in closure if term.startswith("attack:")]


def test_steps_of_the_global_model_are_the_sums():
    rounds = fixture.handles(["rounds"])["rounds"]
    found = federation.others_from_sums(rounds)
    assert len(found) == len(rounds) and found.share == 1.0
    for name, value in rounds.weights(1).items():
        assert torch.allclose(found.sum(0)[name], value - rounds.weights(0)[name])


@pytest.mark.slow
def test_the_sum_is_what_all_sent(kept_store):
    """Each upload times its share of the records, added up, is the step of the global model."""
    target = Engine(load(), Store(kept_store)).target("genomes-federated-server", 0)
    ledger = Ledger()
    rounds, updates = target.makers["M1.rounds"](ledger), target.makers["M1.updates"](ledger)
    found = federation.others_from_sums(rounds)
    expected = federation.others_from_uploads(rounds, updates)
    assert len(found) == len(expected) and found.share == 1.0
    for number in (0, len(found) - 1):
        for name, value in expected.sum(number).items():
            assert torch.allclose(found.sum(number)[name], value, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_words_are_read_from_a_sum(kept_store):
    catalog = load()
    plan = plans.make(catalog, catalog.target("glosses-federated-sums"), None, ["melis-2019-membership"])
    assert "secure-aggregation+M1.rounds->M1.others-updates" in [rule.id for rule in plan.attacks[0].rules]
    (result,) = Engine(catalog, Store(kept_store)).run(plan, 0).results
    assert result["auc_ci"][0] > 0.5 and result["balanced_accuracy"] > 0.9
