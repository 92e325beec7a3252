"""Language models as targets: what is trained on, how often canaries stand in it, and nobody on both sides."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_language import untrained

from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import Ledger
from attacks.models.generators import Generator
from attacks.models.generators.language import PADDING
from attacks.targets import language_model
from taxonomy.findings import InputError
from taxonomy.loading import load

CATALOG = load()
needs_jargon = pytest.mark.debian("dict-jargon")


ENTRIES = sorted(t.id for t in CATALOG.targets.values() if (t.run or "").startswith("attacks.targets.language_model:"))


@pytest.mark.slow
@needs_jargon
@pytest.mark.parametrize("name", ENTRIES)
def test_build(name, kept_store):
    entry = CATALOG.targets[name]
    target = Engine(CATALOG, Store(kept_store)).target(name, 0)
    assert set(entry.offers) <= set(target.makers) and target.facts["pool_size"] == entry.params["pool"]
    population = target.makers["D1.samples"](Ledger())
    everyone = np.concatenate([target.ids, population.ids])
    assert len(np.unique(everyone)) == len(everyone)
    assert int(target.member.sum()) == len(target.x) // 2
    if "Q.samples" in entry.offers:
        assert target.makers["Q.samples"](Ledger())(5).shape == (5, 100)


@pytest.mark.slow
@needs_jargon
def test_canaries_stand_in_the_training_text_as_often_as_is_said(monkeypatch):
    sets = []

    def fit_many(recipe, given, what):
        sets.extend(given)
        return [Generator(recipe, untrained(recipe), "untrained") for _ in given]

    monkeypatch.setattr(language_model.generators, "fit_many", fit_many)
    for insertions in (0, 1, 4):
        params = {**CATALOG.targets["jargon-canaries"].params, "insertions": insertions}
        target = language_model.build_with_canaries(**params)
        rows = [row[row != PADDING].tobytes() for row in sets[-1].x.numpy()]
        standing = [rows.count(record.numpy().tobytes()) for record in target.x]
        assert standing == [insertions if inside else 0 for inside in target.member]
        assert len(rows) == params["passages"] + insertions * 100 and len(target.x) == 200
        pool = target.makers["D1.samples"](Ledger()).x.numpy()
        assert not {row.tobytes() for row in pool} & set(rows)
        assert len(target.x.unique(dim=0)) == 200
    with pytest.raises(InputError, match="do not fit"):
        language_model.build_with_canaries(**{**params, "digits": 2, "canaries": 101})
    with pytest.raises(InputError, match="12,256 passages"):
        language_model.build_with_canaries(**{**params, "passages": 20000})


@needs_jargon
def test_passages_of_a_control_are_not_trained_on(monkeypatch):
    sets = []

    def fit_many(recipe, given, what):
        sets.extend(given)
        return [Generator(recipe, untrained(recipe), "untrained") for _ in given]

    monkeypatch.setattr(language_model.generators, "fit_many", fit_many)
    for name, trained in (("jargon-gru", 500), ("jargon-gru-null", 0)):
        target = language_model.build(**CATALOG.targets[name].params)
        rows = {row.tobytes() for row in sets[-1].x.numpy()}
        inside = [record.numpy().tobytes() in rows for record in target.x]
        assert sum(inside) == trained and (not trained or inside == target.member.tolist())
        assert not {row.tobytes() for row in target.makers["D1.samples"](Ledger()).x.numpy()} & rows
