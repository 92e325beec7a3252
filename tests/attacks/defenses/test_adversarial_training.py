"""Training on adversarial examples: the search finds the worst record near one, and what is trained on them withstands more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from attacks.defenses.adversarial_training import robust, worst
from attacks.errors import AttackError
from attacks.models import training
from attacks.models.training import Recipe, TrainingSet
from taxonomy import defended
from taxonomy.findings import InputError
from taxonomy.loading import load

CATALOG = load([Path(__file__).parents[2] / "data" / "tiny"])
RECIPE = Recipe("mlp", (4,), 2, hidden=(16,), epochs=40, batch=16, learning_rate=0.01)


def records(seed, count=64):
    x = torch.randn(count, 4, generator=torch.Generator().manual_seed(seed))
    return TrainingSet(x, (x[:, 0] + 0.1 * x[:, 1] > 0).long(), seed)


def test_of_a_linear_network_it_finds_the_worst_record_itself():
    """There the loss rises fastest against the sign of the weights' difference, up to the bound."""
    network = nn.Linear(4, 2)
    data = records(0)
    found = worst(network, data.x, data.y, 0.3, 10)
    towards = (network.weight[1] - network.weight[0]).sign() * torch.where(data.y == 1, -1.0, 1.0)[:, None]
    assert torch.allclose(found, data.x + 0.3 * towards, atol=1e-5)
    assert all(one.grad is None for one in network.parameters()), "the search is no step of training"


def test_the_search_stays_in_its_range_and_raises_the_loss():
    network, data = training.fit(RECIPE, records(1)), records(2)
    found = worst(network, data.x, data.y, 0.2, 5)
    assert float((found - data.x).abs().max()) <= 0.2 + 1e-6
    with torch.no_grad():
        assert nn.functional.cross_entropy(network(found), data.y) > nn.functional.cross_entropy(network(data.x), data.y)


def test_what_is_trained_so_withstands_more():
    def withstood(network):
        data = records(3, 200)
        found = worst(network, data.x, data.y, 0.4, 20)
        with torch.no_grad():
            return float(nn.functional.cross_entropy(network(found), data.y))

    torch.manual_seed(1)
    defended_one = robust(RECIPE, records(1), bound=0.4, steps=5)
    assert withstood(defended_one) < withstood(training.fit(RECIPE, records(1)))


def test_a_bound_of_nothing_changes_no_bit():
    data = records(1)
    with torch.random.fork_rng():
        torch.manual_seed(data.seed)
        found = robust(RECIPE, data, bound=0.0, steps=3).state_dict()
    assert all(value.equal(found[name]) for name, value in training.fit(RECIPE, data).state_dict().items())


@pytest.mark.parametrize(("name", "value"), [("bound", -0.1), ("steps", 0), ("steps", 2.5)])
def test_bad_settings_are_one_sentence(name, value):
    with pytest.raises(InputError, match=rf"adversarial-training\.{name} must be"):
        defended.apply(CATALOG, "adversarial-training", {name: str(value)})


def test_it_is_for_networks_that_tell_classes_apart():
    with pytest.raises(AttackError, match="predicts a number"):
        robust(replace(RECIPE, regression=True), records(1), bound=0.1, steps=1)
