"""IMIA: what imitates, and which records are learnt by heart."""

from __future__ import annotations

import fixture
import pytest
import torch

from attacks.discriminative import imitation
from attacks.handles import AttackError
from attacks.models.training import Recipe

GIVEN = ["records", "scores", "population", "architecture"]


def test_pivots_are_the_records_of_each_class_that_the_target_knows_best():
    loss = torch.tensor([0.5, 0.1, 0.3, 0.2, 0.9, 0.7])
    label = torch.tensor([0, 0, 0, 0, 1, 1])
    assert imitation._pivots(loss, label, 0.5).tolist() == [1, 3, 5]
    assert imitation._pivots(loss, label, 0.1).tolist() == [1, 5]
    with pytest.raises(AttackError, match="share of the records"):
        imitation._pivots(loss, label, 0.0)


def test_what_imitates_answers_as_the_target_does_and_the_warm_up_does_not():
    """The target is unsure of labels that are easy to learn."""
    x = torch.linspace(-2, 2, 64)[:, None]
    label = (x[:, 0] > 0).long()
    answers = torch.log_softmax(torch.cat([-0.2 * x, 0.2 * x], dim=1).double(), dim=-1)
    recipe = Recipe("mlp", (1,), 2, (16,), epochs=60, batch=16, learning_rate=0.01)
    warm, imitating = imitation._imitating(recipe, x, label, answers, 0.5, seed=1)
    apart = [(imitation._answers(network, x) - answers).abs().mean() for network in (warm, imitating)]
    assert apart[1] < apart[0] / 2


def test_a_class_without_pivots_is_judged_by_all(monkeypatch):
    given = fixture.handles(GIVEN)
    monkeypatch.setattr(imitation, "_pivots", lambda loss, label, share: (label != 1).nonzero().squeeze(1))
    assert imitation.imitative(**given, count=1, epochs=2, pivot_epochs=1).isfinite().all()
    with pytest.raises(AttackError, match="at least one network"):
        imitation.imitative(**given, count=0)
