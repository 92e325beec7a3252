"""Distance to the boundary where it is known, and the promises of the label-only attacks about queries and noise."""

from __future__ import annotations

import pytest
import torch

from attacks.discriminative import hop_skip_jump
from attacks.discriminative.label_only import _best_cut, _Noise

WIDTH = 20


def records(count=30, seed=3):
    return torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(seed))


def distances(predict, x, label, queries=3000):
    generator = torch.Generator().manual_seed(0)
    return hop_skip_jump.distances(predict, x, label, queries=queries, batch=50, generator=generator)


def halfspace(x):
    return (x.flatten(1) @ torch.linspace(-1, 1, WIDTH) > 0.5).long()


def test_distance_to_a_plane():
    x, normal = records(), torch.linspace(-1, 1, WIDTH)
    label = halfspace(x)
    label[:3] = 1 - label[:3]
    found = distances(halfspace, x, label)
    exact = ((x @ normal - 0.5).abs() / normal.norm()).double()
    assert (found[:3] == 0).all(), "a mislabelled record lies on the boundary"
    assert found[3:].tolist() == pytest.approx(exact[3:].tolist(), rel=0.03, abs=0.003)
    assert (found[3:] >= exact[3:] - 1e-4).all(), "what is found is flipped, so nothing nearer than the plane"


def test_shape_of_the_records_is_kept():
    x = records()
    seen = set()

    def predict(points):
        seen.add(points.shape[1:])
        return halfspace(points)

    flat = distances(halfspace, x, halfspace(x), 300)
    assert torch.equal(distances(predict, x.reshape(-1, 4, 5), halfspace(x), 300), flat)
    assert seen == {(4, 5)}


@pytest.mark.parametrize("queries", [1, 2, 9, 60, 200, 1000])
def test_no_record_costs_more_than_its_budget(queries):
    asked = 0

    def predict(points):
        nonlocal asked
        asked += len(points)
        return halfspace(points)

    x = records()
    found = distances(predict, x, halfspace(x), queries)
    assert asked <= queries * len(x)
    assert found.isfinite().all()
    asked = 0
    distances(predict, x[:1], halfspace(x[:1]), queries)
    assert asked <= queries


def test_one_class_only_is_as_far_as_can_be():
    x = records()
    found = distances(lambda points: torch.zeros(len(points), dtype=torch.long), x, torch.zeros(len(x), dtype=torch.long), 200)
    assert (found == found[0]).all() and found[0] > 0


def test_binary_features_are_flipped():
    x = (records() > 0).float()
    noise = _Noise(x, 400, torch.Generator().manual_seed(0))
    assert noise.binary and not _Noise(records(), 5, torch.Generator()).binary
    seen = []

    def predict(points):
        seen.append(points)
        return torch.zeros(len(points), dtype=torch.long)

    assert noise.labels(predict, x, 0.1).shape == (len(x), 400)
    copies = torch.cat(seen).reshape(len(x), 400, WIDTH)
    assert set(copies.unique().tolist()) == {0.0, 1.0}
    assert float((copies != x[:, None]).double().mean()) == pytest.approx(0.1, abs=0.005)


def test_best_cut():
    score = torch.tensor([0.1, 0.4, 0.4, 0.8, 0.9])
    member = torch.tensor([False, False, True, True, True])
    cut, accuracy = _best_cut(score, member)
    assert cut == pytest.approx(0.8) and accuracy == pytest.approx((2 / 3 + 1) / 2)
