"""Dataset inference on classifiers: distances to the boundaries of a linear model, golden values, and what they hang on."""

from __future__ import annotations

import numpy as np
import pytest
import sets_fixture
import torch

from attacks.discriminative import dataset_inference
from attacks.handles import Architecture, LabelOracle, Ledger, Parameters
from attacks.models.training import Recipe

# Two features that a linear network compares: the label is the larger one, and the boundary their diagonal.
RECIPE = Recipe("mlp", (2,), 2)


def given() -> dict:
    """Members lie 1 to 3 from the boundary, on their label's side; others 0 to 2, some on the wrong side."""
    source, label = np.random.default_rng(801), torch.arange(sets_fixture.COUNT) % 2
    far = source.uniform(0, 2, size=(2, sets_fixture.COUNT)) + np.stack([sets_fixture.member() * 1.5, np.zeros(64)])
    along = source.normal(size=(2, sets_fixture.COUNT))
    side = np.where(label.numpy() == 1, 1, -1)
    x = torch.from_numpy(np.stack([along - far * side / 2, along + far * side / 2], axis=-1)).float()
    module = RECIPE.build()
    weights = dict(module.state_dict())
    weights = {name: torch.eye(2) if value.ndim == 2 else torch.zeros(2) for name, value in weights.items()}
    ledger = Ledger()
    return {
        **sets_fixture.handles(x[0], x[1], label, label),
        "labels": LabelOracle("labels", lambda q: q.argmax(dim=1), ledger),
        "parameters": Parameters("parameters", weights, ledger),
        "architecture": Architecture("architecture", RECIPE, ledger),
    }


def run(attack, handles: dict, **params) -> list[float]:
    names = {
        "blind_walk": ("records", "labels", "population", "suspect_sets"),
        "to_other_classes": ("records", "parameters", "architecture", "population", "suspect_sets"),
    }[attack]
    return getattr(dataset_inference, attack)(*(handles[name] for name in names), **params).tolist()


# In 70ths: of 8 values that are tested, 4 of either side, there are so many choices.
GOLDEN = {
    "blind_walk": [1, 53, 2, 23, 28, 52, 14, 70],
    "to_other_classes": [1, 52, 3, 50, 1, 55, 2, 63],
}


@pytest.mark.parametrize("attack", GOLDEN)
def test_golden(attack):
    """Every p-value is one of 70; the sets with even numbers were trained on."""
    assert [p * 70 for p in run(attack, given())] == pytest.approx(GOLDEN[attack])


@pytest.mark.parametrize("attack", ["blind_walk", "to_other_classes"])
def test_the_order_of_records_changes_no_p_value(attack):
    order = np.random.default_rng(9).permutation(sets_fixture.SIZE)
    assert run(attack, sets_fixture.of_order(given(), order), steps=20) == run(attack, given(), steps=20)


def test_distances_are_those_to_the_plane():
    """From (a, b) with a > b the nearest point where b is larger lies (a - b) / sqrt(2) away, and a - b in the sum of both."""
    x = torch.tensor([[3.0, 1.0], [0.5, 0.0], [0.0, 1.0]]).double()
    network = RECIPE.build().double()
    with torch.no_grad():
        for value in network.parameters():
            value.copy_(torch.eye(2) if value.ndim == 2 else torch.zeros(2))
    l1, l2, linf = dataset_inference._distances(network, x, torch.ones(3, dtype=torch.long), 250, 0.01).T
    gap = torch.tensor([2.0, 0.5, 0.0]).double()
    assert l2.tolist() == pytest.approx((gap / 2**0.5).tolist(), abs=0.02)
    assert linf.tolist() == pytest.approx((gap / 2).tolist(), abs=0.02)
    assert l1.tolist() == pytest.approx(gap.tolist(), abs=0.02)
