"""A target with the adversary's poison: what stands in its training set, and shadow models that were trained on the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attacks.handles import Ledger, ShadowData, UnsuitableError
from attacks.seeds import record_ids
from attacks.steps import poisoned_models
from attacks.targets import poisoned

NETWORK = {"hidden": [8], "epochs": 1, "batch": 32, "learning_rate": 0.001}
SMALL = {"data": "digits", "members": 30, "non_members": 20, "others": 40, **NETWORK}


def handle(target, term):
    return target.makers[term](Ledger())


def test_poison_is_mislabelled_copies_of_every_candidate():
    target = poisoned.build(**SMALL, copies=3, seed=10)
    poison = handle(target, "D2.poison")
    assert len(poison) == 3 * len(target.x) and handle(target, "D1.size").value == 30 + 40 + len(poison)
    assert torch.equal(poison.x, target.x.repeat_interleave(3, dim=0))
    labels = poison.label.reshape(-1, 3)
    assert (labels == labels[:, :1]).all() and (labels[:, 0] != target.label).all() and len(labels.unique()) == 10
    assert not np.isin(handle(target, "D1.samples").ids, target.ids).any()


def test_without_poison_all_else_stays():
    with_poison, without = (poisoned.build(**SMALL, copies=copies, seed=10) for copies in (1, 0))
    assert torch.equal(with_poison.x, without.x) and torch.equal(with_poison.member, without.member)
    assert np.array_equal(handle(with_poison, "D1.samples").ids, handle(without, "D1.samples").ids)
    assert handle(without, "D1.size").value == 70 and not len(handle(without, "D2.poison"))
    assert with_poison.fingerprint != without.fingerprint


def trained_sets(monkeypatch, target, **settings):
    seen = []
    trainer = handle(target, "M2")
    monkeypatch.setattr(trainer, "fit_many", lambda sets: seen.extend(sets) or [None] * len(sets))
    held = handle(target, "D1.samples")
    given = target.records(Ledger(), with_label=True), ShadowData(held.x, held.label, held.ids)
    made = poisoned_models.known_recipe(
        *given, trainer, handle(target, "D1.size"), handle(target, "D2.poison"), count=4, seed=3, **settings
    )
    return seen, made


def test_shadow_models_learn_the_poison_and_half_of_the_candidates(monkeypatch):
    target = poisoned.build(**SMALL, copies=2, seed=10)
    sets, models = trained_sets(monkeypatch, target)
    poison = handle(target, "D2.poison")
    assert (models.trained_on.double().mean(dim=0) == 0.5).all()
    for one, inside in zip(sets, models.trained_on, strict=True):
        assert len(one.x) == handle(target, "D1.size").value
        assert torch.equal(one.x[-len(poison) :], poison.x) and torch.equal(one.y[-len(poison) :], poison.label)
        clean = one.x[: -len(poison)]
        assert np.array_equal(np.isin(target.ids, record_ids(clean.numpy())), inside.numpy())
        assert len(np.unique(record_ids(clean.numpy()))) == len(clean)


def test_too_few_records_to_fill_up_with_are_refused(monkeypatch):
    target = poisoned.build(**SMALL, copies=1, seed=10)
    few = handle(target, "D1.samples")
    monkeypatch.setitem(target.makers, "D1.samples", lambda ledger: few)
    monkeypatch.setattr(few, "_x", few.x[:5])
    monkeypatch.setattr(few, "_label", few.label[:5])
    monkeypatch.setattr(few, "_ids", few.ids[:5])
    with pytest.raises(UnsuitableError, match=r"70 records each beside the poison.*25 candidates and 45 records.*only 5"):
        trained_sets(monkeypatch, target)
