"""Adversarial regularisation: the attack in it learns, its weight presses on it, and without one nothing changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from attacks.defenses import adversarial_regularisation
from attacks.defenses.adversarial_regularisation import Attack, min_max
from attacks.engine import plan as plans
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.errors import AttackError
from attacks.models import training
from attacks.models.training import Recipe, TrainingSet
from taxonomy import defended
from taxonomy.findings import InputError
from taxonomy.loading import load

CATALOG = load([Path(__file__).parents[2] / "data" / "tiny"])
RECIPE = Recipe("mlp", (5,), 3, hidden=(16,), epochs=4, batch=8, learning_rate=0.01)


def records(seed, count=32):
    generator = torch.Generator().manual_seed(seed)
    return TrainingSet(torch.randn(count, 5, generator=generator), torch.randint(3, (count,), generator=generator), seed)


def trained(weight, recipe=RECIPE, steps=1, reference=None):
    torch.manual_seed(1)
    return min_max(recipe, records(1), reference or records(2), weight=weight, attack_steps=steps)


def test_without_weight_and_attack_the_network_learns_as_without_defense():
    plain = training.fit(RECIPE, records(1))
    same = trained(0.0, steps=0)
    assert set(plain.state_dict()) == set(same.state_dict())
    with torch.random.fork_rng():
        torch.manual_seed(1)
        beside = RECIPE.build()
        Attack(3)
        training.learn(beside, RECIPE, records(1), RECIPE.epochs)
    assert all(torch.allclose(value, same.state_dict()[name], atol=1e-6) for name, value in beside.state_dict().items())


def test_the_first_step_that_feels_the_attack_is_that_of_loss_and_gain(monkeypatch):
    """One batch an epoch: the second step, differentiated by hand from the formula."""
    recipe = replace(RECIPE, epochs=2, batch=32)
    seen = []

    class Sgd(torch.optim.SGD):
        def __init__(self, params, lr, fused=False):
            super().__init__(params, lr=lr)

        def step(self):
            seen.append([one.grad.clone() for one in self.param_groups[0]["params"]])
            super().step()

    monkeypatch.setattr(torch.optim, "Adam", Sgd)
    data, weight = records(1), 5.0
    torch.manual_seed(1)
    before, attack = recipe.build(), Attack(3)
    learner = Sgd(before.parameters(), lr=recipe.learning_rate)
    nn.functional.cross_entropy(before(data.x), data.y).backward()
    learner.step()
    seen.clear()
    before.zero_grad()
    logits = before(data.x)
    gain = torch.sigmoid(attack(logits, data.y)).log().mean()
    (nn.functional.cross_entropy(logits, data.y) + weight * gain).backward()
    expected = [one.grad for one in before.parameters()]
    torch.manual_seed(1)
    min_max(recipe, data, records(2), weight=weight, attack_steps=0)
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(seen[1], expected, strict=True))


def test_the_attack_learns_to_tell_members_from_others():
    """Against a network that answers members with certainty and others not."""
    network = nn.Linear(3, 3, bias=False)
    with torch.no_grad():
        network.weight.copy_(torch.eye(3))
    sure, label = 9 * torch.eye(3).repeat(20, 1), torch.arange(3).repeat(20)
    unsure = 0.1 * sure
    torch.manual_seed(0)
    attack = Attack(3)
    optimizer = torch.optim.Adam(attack.parameters(), lr=1e-3)
    for _ in range(60):
        adversarial_regularisation._ascend(optimizer, attack, network, (sure, label), (unsure, label))
    with torch.no_grad():
        assert attack(sure, label).min() > 0 > attack(unsure, label).max()
    assert all(one.grad is None for one in network.parameters()), "the attack's step is none of the network's"


def test_weight_makes_the_network_less_sure_of_its_members():
    def loss(network):
        with torch.no_grad():
            return float(nn.functional.cross_entropy(network(records(1).x), records(1).y))

    recipe = replace(RECIPE, epochs=12, batch=32)
    assert loss(trained(20.0, recipe)) > loss(trained(0.0, recipe))


def run(store, target, **settings):
    defense = defended.apply(CATALOG, "adversarial-regularisation", {key: str(value) for key, value in settings.items()})
    plan = plans.make(CATALOG, CATALOG.target(target), None, ["yeom-2018-loss"], {}, defense)
    return Engine(CATALOG, Store(store)).run(plan, 10)


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"weight": -1}, "weight must be at least 0"), ({"attack_steps": 0}, "at least 1"), ({"attack_steps": 1.5}, "whole number")],
)
def test_bad_settings_are_one_sentence(tmp_path, settings, said):
    with pytest.raises(InputError, match=said):
        run(tmp_path, "tiny", **settings)


def test_it_is_for_networks_that_our_loop_trains(tmp_path):
    with pytest.raises(InputError, match="not differentiable"):
        run(tmp_path, "genomes-random-forest")
    with pytest.raises(AttackError, match="predicts a number"):
        min_max(replace(RECIPE, regression=True), records(1), records(2), weight=1.0, attack_steps=1)
