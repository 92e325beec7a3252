"""Vectors of records: the last hidden layer, counted at a service and free at home, and the likeness of a record's versions."""

from __future__ import annotations

import itertools

import fixture
import pytest
import torch

from attacks.discriminative import embeddings
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import AttackError, EmbeddingOracle, Ledger, QueryLimitError, Records
from attacks.handles.views import internals as internal_views
from attacks.handles.views import runnable, trainers
from attacks.models import internals
from attacks.seeds import streams
from taxonomy.loading import load
from taxonomy.threat import from_user


def test_vectors_are_the_last_hidden_layer(kept_store):
    target = Engine(load(), Store(kept_store)).target("digits-mlp", 0)
    ledger = Ledger(limit=20)
    oracle = target.makers["Q.embeddings"](ledger)
    parameters, trainer = target.makers["M1.parameters"](ledger), target.makers["M2"](ledger)
    found = oracle(target.x[:20])
    last = list(internals.network(trainer.recipe, parameters.weights))[-1]
    scores = torch.log_softmax(last(found), dim=-1)
    assert torch.allclose(scores, target.makers["Q.scores"](Ledger())(target.x[:20]), atol=1e-4)
    with pytest.raises(QueryLimitError):
        oracle(target.x[:1])
    file = runnable.rebuilt_model(parameters, trainers.architecture_of_trainer(trainer))
    assert torch.allclose(internal_views.local_embeddings(file)(target.x[:30])[:20], found, atol=1e-5)


def test_likeness_is_the_mean_cosine_of_pairs():
    given = fixture.handles(["records", "embeddings"])
    score = embeddings.likeness_of_versions(**given, count=3, spread=0.2, seed=5)
    records = given["records"]
    for i in (0, 7):
        noise = torch.from_numpy(streams(5, records.ids)[i].normal(scale=0.2, size=(3, 1))).float()
        a = fixture.embedded(records.x[i] + noise)
        pairs = [torch.nn.functional.cosine_similarity(a[j], a[k], dim=0) for j, k in itertools.combinations(range(3), 2)]
        assert float(score[i]) == pytest.approx(float(torch.stack(pairs).mean()))


def test_a_vector_without_direction_is_like_no_other():
    ledger = Ledger()
    records = Records(torch.zeros(4, 2), None, fixture.IDS[:4], ledger)
    nothing = EmbeddingOracle("embeddings", lambda x: torch.zeros(len(x), 3).double(), ledger)
    assert embeddings.likeness_of_versions(records, nothing).tolist() == [0.0] * 4
    assert ledger.queries == 40


@pytest.mark.parametrize("wrong", [{"count": 1}, {"spread": 0.0}])
def test_settings_that_make_no_sense(wrong):
    with pytest.raises(AttackError, match="at least 2 versions"):
        embeddings.likeness_of_versions(**fixture.handles(["records", "embeddings"]), **wrong)


def test_vectors_are_no_scores(atlas):
    threat = from_user(atlas.catalog, observation="black-box", model="discriminative", knows=["Q.embeddings", "record.label"])
    closure = atlas.resolver.closure(threat.grants)
    assert "attack:liu-2021-encodermi" in closure and "Q.scores" not in closure and "attack:yeom-2018-loss" not in closure
