"""HAMP: soft labels of the entropy that was asked for, and answers that keep the order of classes and nothing else."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from attacks.defenses.hamp import Reordered, hamp, shuffled, soft_labels
from attacks.defenses.owner import Trained
from attacks.engine.code import Code
from attacks.errors import AttackError
from attacks.models.training import Recipe, TrainingSet
from taxonomy import defended
from taxonomy.findings import InputError
from taxonomy.loading import load

CATALOG = load([Path(__file__).parents[2] / "data" / "tiny"])
RECIPE = Recipe("mlp", (6,), 4, hidden=(16,), epochs=150, batch=16, learning_rate=0.01)
GENERATOR = torch.Generator().manual_seed(0)
DATA = TrainingSet(torch.randn(16, 6, generator=GENERATOR), torch.arange(4).repeat(4), 1)


@pytest.mark.parametrize("classes", [2, 10, 100])
@pytest.mark.parametrize("entropy", [0.1, 0.5, 0.95])
def test_a_soft_label_has_the_entropy_that_was_asked_for_and_its_own_class_on_top(classes, entropy):
    soft = soft_labels(classes, entropy).double()
    assert soft.sum(1).tolist() == pytest.approx([1.0] * classes)
    assert (-(soft * soft.log()).sum(1) / math.log(classes)).tolist() == pytest.approx([entropy] * classes, abs=1e-4)
    assert soft.argmax(1).tolist() == list(range(classes))


def test_a_network_learns_the_soft_label():
    """Without a reward the loss is least where the answer is the soft label itself."""
    torch.manual_seed(1)
    network = hamp(RECIPE, DATA, entropy=0.8, reward=0.0).network
    with torch.no_grad():
        learned = network(DATA.x).softmax(1)
    assert torch.allclose(learned, soft_labels(4, 0.8)[DATA.y], atol=0.1)


def test_a_reward_makes_answers_less_sure():
    def entropy(reward):
        torch.manual_seed(1)
        network = hamp(replace(RECIPE, epochs=60), DATA, entropy=0.5, reward=reward).network
        with torch.no_grad():
            log_probs = network(DATA.x).log_softmax(1)
        return float(-(log_probs.exp() * log_probs).sum(1).mean())

    assert entropy(1.0) > entropy(0.0)


def test_answers_keep_the_order_and_take_the_scores_of_another_input():
    torch.manual_seed(0)
    network = RECIPE.build()
    masked = Reordered(network)
    with torch.no_grad():
        own, shown, others = network(DATA.x), masked(DATA.x), network(shuffled(DATA.x))
        assert shown.argsort(dim=1).equal(own.argsort(dim=1))
        assert shown.sort(dim=1).values.equal(others.sort(dim=1).values)
        assert torch.allclose(masked(DATA.x[:3]), shown[:3], atol=1e-5), "alone and in company"


def test_a_random_input_has_the_values_of_the_record_and_follows_from_it():
    x = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))
    found = shuffled(x)
    assert found.shape == x.shape and not found.equal(x)
    assert found.flatten(1).sort(dim=1).values.equal(x.flatten(1).sort(dim=1).values)
    assert shuffled(x).equal(found) and shuffled(x.flip(0)).equal(found.flip(0))
    assert shuffled(x[:0]).shape == (0, 4, 5)


def test_who_holds_the_weights_asks_past_the_mask():
    Code()
    by = Trained("training", "attacks.defenses.hamp:hamp", {"entropy": 0.8, "reward": 0.01})
    recipe = replace(RECIPE, epochs=2)
    network = by.fit(recipe, DATA)
    assert isinstance(network, Reordered)
    bare = recipe.restored(network.state_dict())
    assert not isinstance(bare, Reordered)
    with torch.no_grad():
        assert bare(DATA.x).argmax(1).equal(network(DATA.x).argmax(1)) and not bare(DATA.x).equal(network(DATA.x))


@pytest.mark.parametrize(("name", "value"), [("entropy", -0.1), ("entropy", 1.1), ("reward", -1), ("entropy", "nan")])
def test_bad_settings_are_one_sentence(name, value):
    with pytest.raises(InputError, match=rf"hamp\.{name} must be"):
        defended.apply(CATALOG, "hamp", {name: str(value)})


def test_it_is_for_networks_that_tell_classes_apart():
    with pytest.raises(AttackError, match="predicts a number"):
        hamp(replace(RECIPE, regression=True), DATA, entropy=0.8, reward=0.0)
    with pytest.raises(AttackError, match="made by random-forest"):
        hamp(replace(RECIPE, architecture="random-forest"), DATA, entropy=0.8, reward=0.0)
