"""A store of texts: what is asked for is found, and attacks tell what lies in it."""

from __future__ import annotations

import pytest
import torch

from attacks.engine import plan as plans
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.generative import retrieval
from attacks.handles import AttackError, Ledger, QueryLimitError
from taxonomy.loading import load

ATTACK = "li-2024-s2mia"
needs_jargon = pytest.mark.debian("dict-jargon")


@pytest.fixture(scope="module")
def engine(kept_store):
    return Engine(load(), Store(kept_store))


@needs_jargon
def test_what_is_stored_is_found_word_for_word(engine):
    target, ledger = engine.target("jargon-store", 0), Ledger()
    oracle = target.makers["Q.retrieval"](ledger)
    members = target.x[target.member]
    assert torch.equal(oracle(members[:20]), members[:20]) and ledger.queries == 20
    others = target.x[~target.member][:20]
    stored = {tuple(row) for row in members.tolist()}
    assert all(tuple(row) in stored for row in oracle(others).tolist()), "nothing is found but what is stored"
    assert oracle(members[:0]).shape == (0, target.x.shape[1])
    with pytest.raises(QueryLimitError):
        target.makers["Q.retrieval"](Ledger(limit=1))(members[:2])


@needs_jargon
def test_an_answer_follows_from_its_question_alone(engine):
    target = engine.target("jargon-store", 0)
    oracle = target.makers["Q.retrieval"](Ledger())
    asked = target.x[:30, :50]
    assert torch.equal(oracle(asked)[3:4], oracle(asked[3:4]))


@needs_jargon
@pytest.mark.parametrize(("name", "least", "most"), [("jargon-store", 0.9, 1.0), ("jargon-store-null", 0.44, 0.56)])
def test_who_is_in_the_store(engine, name, least, most):
    plan = plans.make(engine.catalog, engine.catalog.target(name), None, [ATTACK])
    (result,) = engine.run(plan, 0).results
    assert least <= result["auc"] <= most and result["queries"] == 1000


@needs_jargon
def test_n_grams_fit_the_rest(engine):
    target, ledger = engine.target("jargon-store", 0), Ledger()
    records = target.records(ledger, with_label=False)
    with pytest.raises(AttackError, match="from 1 to 50 symbols"):
        retrieval.rest_of_the_record(records, target.makers["Q.retrieval"](ledger), gram=51)
