"""BlindMI: the discrepancy of two sets, and what moves."""

from __future__ import annotations

import fixture
import numpy as np
import pytest
import torch

from attacks.discriminative import differential
from attacks.handles import UnsuitableError


def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    apart = ((a[:, None] - b[None]) ** 2).sum(-1)
    return sum(np.exp(-apart / (2 * width)) for width in differential.WIDTHS)


def discrepancy(a: np.ndarray, b: np.ndarray) -> float:
    return max(kernel(a, a).mean() + kernel(b, b).mean() - 2 * kernel(a, b).mean(), differential.LEAST)


def test_what_is_unlike_the_others_moves_and_they_stay():
    sure = torch.tensor([[0.99, 0.99, 0.01], [0.98, 0.98, 0.02], [0.97, 0.97, 0.02]], dtype=torch.float64)
    unsure = torch.tensor([[0.3, 0.4, 0.35]], dtype=torch.float64)
    outside = torch.tensor([[0.31, 0.4, 0.34], [0.3, 0.42, 0.3]], dtype=torch.float64)
    score = differential._moved(torch.cat([sure, unsure]), outside)
    assert (score[:3] >= 0).all() and score[3] < 0
    before = discrepancy(outside.numpy(), torch.cat([sure, unsure]).numpy())
    after = discrepancy(torch.cat([outside, unsure]).numpy(), sure.numpy())
    assert float(score[3]) == pytest.approx(before - after)


def test_sobel_finds_edges_and_nothing_on_plain_ground():
    plain, edge = torch.ones(6, 6), torch.zeros(6, 6)
    edge[:, 3:] = 1.0
    found = differential._sobel(torch.stack([plain, edge]))
    assert found[0].abs().max() == 0
    assert found[1, 2].tolist() == [0, 0, 2, 2, 0, 0]


def test_made_up_records_have_the_features_of_candidates_and_are_none():
    x = torch.arange(30.0).reshape(10, 3)
    made_up = differential._mixed(x, fixture.IDS[:10], 20, 1)
    assert made_up.shape == (20, 3)
    assert all(set(made_up[:, k].tolist()) <= set(x[:, k].tolist()) for k in range(3))
    assert not any((row == x).all(dim=1).any() for row in made_up)


def test_records_of_one_feature_make_nothing_up():
    given = fixture.handles(["records", "scores"], label_granted=True)
    assert given["records"].x[0].numel() == 1
    with pytest.raises(UnsuitableError, match="one feature"):
        differential.by_moves(**given)
