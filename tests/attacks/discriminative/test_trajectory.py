"""TrajectoryMIA and SeqMIA: what is distilled on, what is learnt from, and the metrics of a point."""

from __future__ import annotations

import fixture
import numpy as np
import pytest
import torch

from attacks.discriminative import trajectory
from attacks.handles import AttackError, ShadowData, ShadowModels
from attacks.models import distillation, signals
from attacks.models.training import Recipe

GIVEN = ["records", "scores", "shadow_data", "shadow_models"]


def test_a_distilled_network_comes_to_answer_as_its_model_does():
    x = torch.linspace(-2, 2, 64)[:, None]
    wanted = torch.softmax(torch.cat([3 * x, -3 * x], dim=1).double(), dim=-1)
    recipe = Recipe("mlp", (1,), 2, (16,), epochs=40, batch=16, learning_rate=0.01)
    way = distillation.answers_along(recipe, x, wanted, x[:10], seed=1)
    assert way.shape == (40, 10, 2)
    apart = (way.exp() - wanted[:10]).abs().mean((1, 2))
    assert apart[-1] < 0.05 < apart[0]
    shorter = distillation.answers_along(Recipe("mlp", (1,), 2, (16,), 5, 16, 0.01), x, wanted, x[:10], seed=1)
    assert shorter.tolist() == way[:5].tolist()


def test_the_last_point_is_the_models_own_answer():
    given = fixture.handles(GIVEN)
    known, target = trajectory._trajectories(*given.values(), 5000, 3, 8, 0)
    assert target.answers.shape == (4, fixture.RECORDS, fixture.CLASSES)
    assert target.answers[-1].tolist() == given["scores"](given["records"].x).tolist()
    assert known.answers.shape == (4, fixture.RECORDS * fixture.MODELS, fixture.CLASSES)
    assert known.member.tolist() == given["shadow_models"].trained_on.flatten().tolist()


def test_nothing_is_learnt_from_what_was_distilled_on():
    """Where the shadow models' records are the shadow data, half of them are distilled on and the others learnt from."""
    given = fixture.handles(GIVEN)
    models = given["shadow_models"]
    given["shadow_data"] = models.records
    known, _ = trajectory._trajectories(*given.values(), 5000, 2, 8, 0)
    assert len(known.label) == fixture.RECORDS // 2 * fixture.MODELS
    few = ShadowData(models.records.x[:1], models.records.label[:1], models.records.ids[:1])
    given["shadow_data"] = few
    with pytest.raises(AttackError, match="no records to distil on"):
        trajectory.loss_trajectory(**given)


def test_shadow_models_without_members_teach_nothing():
    given = fixture.handles(GIVEN)
    models = given["shadow_models"]
    given["shadow_models"] = ShadowModels(models.models, models.records, torch.zeros_like(models.trained_on))
    with pytest.raises(AttackError, match="have no members"):
        trajectory.metric_sequence(**given)


def test_the_five_metrics():
    answers = torch.log_softmax(torch.tensor([[[2.0, 0.0, -1.0], [0.5, 0.1, 0.2]]], dtype=torch.float64), -1)
    label = torch.tensor([0, 2])
    found = trajectory._metrics(trajectory._Along(answers, label, torch.zeros(2, dtype=torch.bool)))
    p = answers[0].exp().numpy()
    entropy = -(p * np.log(p)).sum(1)
    expected = np.stack([-np.log(p[[0, 1], label]), p.max(1), p.std(1), np.log(entropy)], axis=1)
    assert found[0, :, :4].tolist() == [pytest.approx(row) for row in expected.tolist()]
    assert found[..., 4].tolist() == signals.log_modified_entropy(answers, label).tolist()
