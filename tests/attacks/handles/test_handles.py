"""Handles give exactly what is granted, as copies, and count what is used."""

from __future__ import annotations

from pathlib import Path

import fixture
import numpy as np
import pytest
import torch

from attacks.engine import artifacts
from attacks.handles import AttackError, KnownMembers, Ledger, NotGrantedError, QueryLimitError, ScoreOracle, ShadowData
from attacks.handles.views import answers, runnable, trainers
from attacks.steps.population_statistics import from_known_members, from_samples


def test_labels_need_the_grant():
    records = fixture.handles(["records"], label_granted=False)["records"]
    with pytest.raises(NotGrantedError, match=r"record\.label"):
        _ = records.label


def test_queries_are_counted_and_stop_at_the_limit():
    ledger = Ledger(limit=10)
    oracle = ScoreOracle("scores", lambda x: torch.full((len(x), 2), 0.5, dtype=torch.float64).log(), ledger)
    oracle(torch.zeros(6, 1))
    with pytest.raises(QueryLimitError, match="limit is 10: 6 were spent and 5 more"):
        oracle(torch.zeros(5, 1))
    oracle(torch.zeros(4, 1))
    assert ledger.queries == 10


def test_views_share_the_counter_and_the_answers():
    given = fixture.handles(["scores", "records"])
    scores, x = given["scores"], given["records"].x
    top = answers.top_scores(scores)
    labels = answers.top_label(top)
    assert torch.equal(labels(x), scores(x).argmax(-1))
    values, classes = top(x)
    assert torch.equal(values, scores(x).topk(3).values) and torch.equal(classes[:, 0], labels(x))
    assert scores.ledger.queries == 5 * fixture.RECORDS


def test_what_is_handed_out_is_a_copy():
    given = fixture.handles(["records", "shadow_models", "scores"])
    records, shadow, scores = given["records"], given["shadow_models"], given["scores"]
    for read in (
        lambda: records.x,
        lambda: records.label,
        lambda: torch.from_numpy(records.ids.astype(np.int64)),
        lambda: shadow.trained_on,
        lambda: shadow.log_probs(0),
        lambda: shadow.records.x,
    ):
        before = read().clone()
        read().zero_()
        assert torch.equal(read(), before)
    query = records.x
    scores(query)
    assert torch.equal(query, records.x), "an oracle must not change the question"


def test_rebuilt_models_answer_without_a_limit(kept_store):
    from attacks.engine.runner import Engine
    from attacks.engine.store import Store
    from taxonomy.loading import load

    target = Engine(load([fixture_tiny()]), Store(kept_store)).target("tiny", 0)
    ledger = Ledger(limit=0)
    grant = target.grant(["M1.parameters", "M2", "Q.scores"])
    architecture = trainers.architecture_of_trainer(grant.handle("M2", ledger))
    rebuilt = runnable.local_scores(runnable.rebuilt_model(grant.handle("M1.parameters", ledger), architecture))
    answer = rebuilt(target.x)
    assert torch.equal(answer, grant.handle("Q.scores", Ledger())(target.x)) and ledger.queries == 0


def fixture_tiny() -> Path:
    return Path(__file__).parents[2] / "data" / "tiny"


def test_population_statistics_ask_no_more_than_agreed():
    given = fixture.handles(["records", "scores", "population"])
    made = from_samples(given["records"], given["scores"], given["population"], queries=10, seed=3)
    assert len(made) == given["scores"].ledger.queries == 10
    assert len(set(made.records.ids.tolist())) == 10
    found = artifacts.unpack(*artifacts.pack(made), workshop=None)
    assert torch.equal(found.log_probs, made.log_probs) and found.log_probs.dtype == torch.float64
    assert torch.equal(found.records.label, made.records.label)
    everyone = from_samples(given["records"], given["scores"], given["population"], queries=1000)
    assert len(everyone) == fixture.RECORDS


def test_population_statistics_of_known_non_members():
    given = fixture.handles(["records", "scores"])
    records, scores, member = given["records"], given["scores"], fixture.member()
    x, label = records.x, fixture.label()
    others = ShadowData(x[~member], label[~member], fixture.IDS[~member])
    known = KnownMembers("known_members", x[member], label[member], fixture.IDS[member], Ledger(), others)
    made = from_known_members(records, scores, known, queries=1000)
    assert sorted(made.records.ids.tolist()) == fixture.IDS[~member].tolist() and scores.ledger.queries == len(others)
    rows = made.records.ids.astype(np.int64) - 1
    assert torch.equal(made.log_probs, fixture.answers(member, 100)[rows]) and torch.equal(made.records.label, label[rows])
    assert known.ledger.touched == {"known_members"}
    assert len(from_known_members(records, scores, known, queries=5, seed=3)) == 5
    with pytest.raises(NotGrantedError, match="no known non-members"):
        from_known_members(records, scores, KnownMembers("known_members", x, label, fixture.IDS, Ledger()))
    with pytest.raises(AttackError, match="no record to ask"):
        from_known_members(records, scores, known, queries=0)
