"""Signals of many models are worked out once and kept as one array; what they follow from is their name."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

from attacks.engine.code import Code
from attacks.engine.places import SerialExecutor, Silent
from attacks.engine.store import Store
from attacks.engine.workshop import StoreWorkshop
from attacks.handles import ReferenceModels, ShadowData, ShadowModels
from attacks.handles.trainers import HostedModel
from attacks.models import signals, training
from attacks.models.training import NumberedSets, Recipe
from attacks.seeds import digest_arrays

RECIPE = Recipe("mlp", (3,), 4, hidden=(8,), epochs=1, batch=8, learning_rate=0.01)
DRAWN = torch.Generator().manual_seed(0)
X, LABEL = torch.randn(40, 3, generator=DRAWN), torch.randint(0, 4, (40,), generator=DRAWN)
CONFIDENCE = functools.partial(signals.log_confidence, temperature=2.0)


@pytest.fixture
def at_work(tmp_path):
    workshop = StoreWorkshop(Store(tmp_path), SerialExecutor(), Code(), Silent())
    token = training.workshop.set(workshop)
    yield workshop
    training.workshop.reset(token)


def fitted(workshop, count=3):
    def rows(k):
        return torch.randperm(40, generator=torch.Generator().manual_seed(k))[:20]

    return workshop.fit_many(RECIPE, NumberedSets(X, LABEL, count=count, rows=rows, seed=lambda k: k), "models")


def shadow(models, x=X, label=LABEL):
    return ShadowModels(models, ShadowData(x, label, np.arange(len(x), dtype=np.uint64)), torch.ones(len(models), len(x)) > 0)


def kept(workshop):
    return sum(node.kind == "signal" for node in workshop.store.nodes())


@pytest.mark.parametrize("of", [signals.margin, signals.loss, CONFIDENCE], ids=["margin", "loss", "tempered"])
def test_a_signal_is_worked_out_once(at_work, of, monkeypatch):
    models = fitted(at_work)
    expected = torch.stack([of(model.log_probs(X), LABEL) for model in models])
    assert torch.equal(shadow(models).signal(of), expected) and kept(at_work) == 1

    def never(model, x):
        raise AssertionError("the answers are not read again")

    monkeypatch.setattr(at_work, "answers", never)
    for asked in (shadow(models), shadow([HostedModel(model) for model in models])):
        found = asked.signal(of)
        assert torch.equal(found, expected)
        found.zero_()  # is the caller's own
        assert torch.equal(ReferenceModels(asked).signal(of, X.clone(), LABEL), expected)
    assert kept(at_work) == 1


def test_all_that_a_signal_follows_from_is_its_name(at_work, monkeypatch):
    models = fitted(at_work)
    asked = [
        (shadow(models), signals.margin),
        (shadow(models), signals.loss),
        (shadow(models), CONFIDENCE),
        (shadow(models), functools.partial(signals.log_confidence, temperature=3.0)),
        (shadow(models[:2]), signals.margin),
        (shadow(models[::-1]), signals.margin),
        (shadow(models, x=X.flip(0)), signals.margin),
        (shadow(models, label=LABEL.flip(0)), signals.margin),
    ]
    for number, (held, of) in enumerate(asked, start=1):
        held.signal(of)
        assert kept(at_work) == number
    digest = at_work.code.digest
    monkeypatch.setattr(at_work.code, "digest", lambda run: digest(run) + (" is changed" if run.endswith(":margin") else ""))
    shadow(models).signal(signals.margin)
    shadow(models).signal(signals.loss)
    assert kept(at_work) == len(asked) + 1


def test_changed_records_have_signals_of_their_own(at_work):
    models = fitted(at_work)
    flipped = shadow(models).signal(signals.margin, lambda x: -x)
    assert torch.equal(flipped, torch.stack([signals.margin(model.log_probs(-X), LABEL) for model in models]))
    assert not torch.equal(flipped, shadow(models).signal(signals.margin)) and kept(at_work) == 2


def test_what_cannot_be_named_is_not_kept(at_work):
    """Functions of an attack's own may be anything, and so may be models that another trained."""
    models = fitted(at_work)

    class Stranger:
        fingerprint = models[0].fingerprint

        def kept_log_probs(self, x):
            return models[0].log_probs(x)

    for held, of in (
        (shadow(models), lambda log_probs, label: signals.margin(log_probs, label)),
        (shadow(models), functools.partial(signals.log_confidence, temperature=torch.tensor(2.0))),
        (shadow([*models, Stranger()]), signals.margin),
    ):
        expected = torch.stack([of(model.kept_log_probs(X), LABEL) for model in held.models])
        assert torch.equal(held.signal(of), expected)
    assert kept(at_work) == 0


def test_records_are_hashed_once_for_all_models(at_work, monkeypatch):
    models = fitted(at_work, 8)
    hashed = []
    monkeypatch.setattr("attacks.engine.workshop.digest_arrays", lambda *a: hashed.append(a[0].shape) or digest_arrays(*a))
    shadow(models).signal(signals.margin)
    assert sorted(hashed) == [(40,), (40, 3)]
    models[0].kept_log_probs(X)
    assert len(hashed) == 3, "by itself a question is about records that anybody may have changed"
