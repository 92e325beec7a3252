"""What DMP publishes has learned from answers about reference records, and from nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_classifier import CLASSES, RECIPE, accuracy, answers, by_chance, records, same, trained

from attacks.defenses import dmp as module
from attacks.defenses.dmp import dmp, surest
from attacks.models.training import fit, learn

DATA, REFERENCE, OTHERS = records(80, 1), records(60, 2), records(400, 3)


def distilled(data=DATA, reference=REFERENCE, share=1.0, temperature=1.0):
    return trained(dmp, data, reference, share=share, temperature=temperature)


def test_it_learns_the_task_without_a_label_of_the_reference_records():
    found = distilled()
    assert accuracy(found, OTHERS) > 0.5
    assert same(found, distilled(reference=replace(REFERENCE, y=torch.zeros_like(REFERENCE.y))))


def test_knowledge_comes_from_the_private_records_by_way_of_answers():
    turned = replace(DATA, y=(DATA.y + 1) % CLASSES)
    assert accuracy(distilled(data=turned), replace(OTHERS, y=(OTHERS.y + 1) % CLASSES)) > 0.5


def test_labels_by_chance_of_private_records_are_not_learned():
    data = by_chance(80, 4)
    assert accuracy(fit(RECIPE, data), data) > 0.9
    assert accuracy(distilled(data=data, reference=by_chance(80, 5)), data) < 0.65


def test_of_reference_records_the_surest_are_learned_and_no_more_than_there_are_private_ones(monkeypatch):
    learned = []

    def noted(network, recipe, data, epochs):
        learned.append(data)
        learn(network, recipe, data, epochs)

    monkeypatch.setattr(module, "learn", noted)
    distilled(share=0.25)
    distilled(data=records(30, 6))
    (first, second) = learned
    teacher = answers(fit(RECIPE, DATA), REFERENCE.x).exp().numpy()
    entropy = -(teacher * np.log(teacher)).sum(-1)
    expected = REFERENCE.x[np.sort(entropy.argsort()[:15])]
    assert {tuple(row) for row in first.x.tolist()} == {tuple(row) for row in expected.tolist()}
    assert len(second.x) == 30 and len({tuple(row) for row in second.x.tolist()}) == 30


def test_the_lowest_entropy_is_the_surest():
    sure = torch.tensor([[0.5, 0.5], [1.0, 0.0], [0.9, 0.1], [0.6, 0.4]]).double().log()
    assert surest(sure, 0.5).tolist() == [1, 2] and surest(sure, 0.01).tolist() == [1]


@pytest.mark.parametrize("temperature", [1.0, 5.0])
def test_at_any_temperature_the_answers_are_those_of_the_teacher(temperature):
    """Both are heated while the second learns, so that the one that is published answers as the first does."""
    teacher, found = answers(fit(RECIPE, DATA), REFERENCE.x).exp(), answers(distilled(temperature=temperature), REFERENCE.x).exp()
    assert float((teacher - found).abs().sum(-1).mean()) < 0.25


def test_what_is_published_is_the_network_of_the_recipe():
    found = distilled(temperature=3.0)
    assert set(found.state_dict()) == set(RECIPE.build().state_dict())
