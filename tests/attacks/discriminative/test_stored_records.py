"""A file of nearest neighbours holds its members: they are read, and nobody else is found."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.engine import plan as plans
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import Ledger
from attacks.handles.views import internals
from taxonomy.loading import load
from taxonomy.threat import from_user

ATTACK = "jefferson-2022-stored-records"


@pytest.fixture(scope="module")
def engine(kept_store):
    return Engine(load(), Store(kept_store))


def test_the_file_holds_exactly_the_training_set(engine):
    target = engine.target("genomes-nearest-neighbours", 0)
    held = target.makers["M1.stored-records"](Ledger())
    assert len(held) == target.facts["training_size"]
    found = np.isin(target.ids, held.ids)
    assert np.array_equal(found, target.member.numpy())
    where = {identity: row for row, identity in enumerate(held.ids)}
    rows = [where[identity] for identity in target.ids[found]]
    assert np.array_equal(held.label.numpy()[rows], target.label.numpy()[found]), "each with its own label"


@pytest.mark.parametrize(("name", "members"), [("genomes-nearest-neighbours", True), ("genomes-nearest-neighbours-null", False)])
def test_who_is_in_the_file_is_a_member(engine, name, members):
    plan = plans.make(engine.catalog, engine.catalog.target(name), None, [ATTACK])
    outcome = engine.run(plan, 0)
    (result,) = outcome.results
    assert result["balanced_accuracy"] == (1.0 if members else 0.5) and result["queries"] == 0
    assert result["auc"] == (1.0 if members else 0.5)


def test_a_stored_record_is_a_known_member(engine):
    target = engine.target("genomes-nearest-neighbours", 0)
    ledger = Ledger()
    held, population = target.makers["M1.stored-records"](ledger), target.makers["D1.samples"](ledger)
    known = internals.known_members_of_stored(held, population)
    assert np.array_equal(known.ids, held.ids) and np.array_equal(known.non_members.ids, population.ids)


def test_a_model_without_records_offers_none(engine):
    assert "M1.stored-records" not in engine.target("digits-mlp", 0).makers


def test_other_powers_do_not_read_the_file(atlas):
    threat = from_user(atlas.catalog, observation="white-box", model="discriminative", knows=["M1.parameters", "M2"])
    assert "M1.stored-records" not in atlas.resolver.closure(threat.grants)
    alone = from_user(atlas.catalog, observation="white-box", model="discriminative", knows=["M1.stored-records"])
    assert not {"Q.scores", "D2.members"} & atlas.resolver.closure(alone.grants)
