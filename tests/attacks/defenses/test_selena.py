"""SELENA's network learns of each record only what others that never saw it answer."""

from __future__ import annotations

import pytest
import torch
from small_classifier import RECIPE, accuracy, answers, by_chance, records, same, trained

from attacks.defenses import selena as module
from attacks.defenses.selena import left_out_of, selena
from attacks.errors import AttackError
from attacks.models.training import TrainingSet, fit, learn
from attacks.seeds import derive_seed

DATA, OTHERS = records(80, 1), records(400, 2)


def split(data=DATA, models=4, without=2):
    return trained(selena, data, models=models, without=without)


def test_each_record_is_left_out_of_so_many_models_drawn_alike():
    left_out = left_out_of(3000, 25, 10, 1)
    assert left_out.sum(-1).tolist() == [10] * 3000
    assert torch.allclose(left_out.double().mean(0), torch.full((25,), 0.4).double(), atol=0.05)
    assert torch.equal(left_out, left_out_of(3000, 25, 10, 1)) and not torch.equal(left_out, left_out_of(3000, 25, 10, 2))


def test_what_is_learned_of_a_record_others_answer_that_never_saw_it(monkeypatch):
    learned = []

    def noted(network, recipe, data, epochs):
        learned.append(data)
        learn(network, recipe, data, epochs)

    monkeypatch.setattr(module, "learn", noted)
    split()
    left_out = left_out_of(len(DATA.x), 4, 2, derive_seed(DATA.seed, "left out"))
    parts = []
    for k in range(4):
        inside = ~left_out[:, k]
        network = fit(RECIPE, TrainingSet(DATA.x[inside], DATA.y[inside], derive_seed(DATA.seed, "part", k)))
        parts.append(answers(network, DATA.x).exp())
    expected = torch.stack([torch.stack([parts[k][i] for k in range(4) if left_out[i, k]]).mean(0) for i in range(len(DATA.x))])
    (found,) = learned
    assert torch.equal(found.x, DATA.x) and torch.allclose(found.y.double(), expected, atol=1e-5)


def test_labels_by_chance_are_not_learned():
    data = by_chance(80, 4)
    assert accuracy(fit(RECIPE, data), data) > 0.9
    assert accuracy(split(data), data) < 0.5


def test_it_learns_the_task():
    assert accuracy(split(), OTHERS) > 0.5 and same(split(), split())


@pytest.mark.parametrize(("models", "without"), [(4, 4), (3, 10)])
def test_a_record_that_no_model_learns_is_refused(models, without):
    with pytest.raises(AttackError, match="must be below"):
        split(models=models, without=without)


def test_too_few_records_for_so_many_models_are_refused():
    with pytest.raises(AttackError, match="too few for 30 models"):
        split(records(2, 1), 30, 29)
