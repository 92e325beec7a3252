"""Distance to the boundary where it is known, and the promises of the label-only attacks about queries and noise."""

from __future__ import annotations

import pytest
import torch

from attacks.discriminative import hop_skip_jump
from attacks.discriminative.label_only import _best_cut, _Noise, _surrogate, boundary_distance
from attacks.discriminative.threshold import _best_threshold
from attacks.handles import AttackError, LabelOracle, Ledger, Records
from attacks.seeds import record_ids

WIDTH = 20


def records(count=30, seed=3):
    return torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(seed))


def distances(predict, x, label, queries=3000):
    return hop_skip_jump.distances(predict, x, label, ids(x), queries=queries, batch=50, seed=0)


def ids(x):
    return record_ids(x.numpy())


def halfspace(x):
    # In float64, so that a point on the plane is on the same side in a batch of any size.
    return (x.flatten(1).double() @ torch.linspace(-1, 1, WIDTH).double() > 0.5).long()


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
    x[0] = 0
    asked = []

    def predict(points):
        asked.append(points)
        return torch.zeros(len(points), dtype=torch.long)

    found = distances(predict, x, torch.zeros(len(x), dtype=torch.long), 200)
    points = torch.cat(asked).reshape(-1, len(x), WIDTH)  # no record is ever done, so each question is about all of them
    assert found.tolist() == pytest.approx((points - x).norm(dim=-1).amax(0).tolist(), rel=1e-5)
    assert (found > 1000 * x.norm(dim=1)).all() and found[0] > 1000


def test_a_start_is_never_farther_than_the_nearest_of_three():
    """Without queries for an estimate, what is found lies on the way to random noise around the record; the nearest of three."""
    x = records()
    # 1 for the label, and for each start at least one attempt and the 7 halvings that 20 features take.
    one, every = (distances(halfspace, x, halfspace(x), queries) for queries in (9, 40))
    assert (every <= one).all() and (every < one).any()


def test_a_search_knows_nothing_of_the_others():
    """Alone, in any order, and beside records whose search never starts or never finds anything."""
    x, label = records(), halfspace(records())
    every = distances(halfspace, x, label)
    assert distances(halfspace, x.flip(0), label.flip(0)).flip(0).tolist() == pytest.approx(every.tolist(), rel=1e-9)
    assert distances(halfspace, x[4:5], label[4:5]).tolist() == pytest.approx(every[4:5].tolist(), rel=1e-9)
    label[0], label[1] = 1 - label[0], 2

    def predict(points):
        near_second = (points - x[1]).norm(dim=1) < 0.02 * x[1].norm()
        return torch.where(near_second, 2, halfspace(points))

    assert distances(predict, x, label)[2:].tolist() == pytest.approx(every[2:].tolist(), rel=1e-9)


def test_binary_features_are_flipped():
    x = (records() > 0).float()
    held = (records(50, seed=4) > 0).float()
    held[:, -1] = 0
    noise = _Noise(held, 400, 0)
    assert noise.binary and not _Noise(records(), 5, 0).binary and not _Noise(torch.zeros(5, WIDTH), 5, 0).binary
    seen = []

    def predict(points):
        seen.append(points)
        return torch.zeros(len(points), dtype=torch.long)

    assert noise.labels(predict, x, ids(x), [0.1]).shape == (1, len(x), 400)
    copies = torch.cat(seen).reshape(len(x), 400, WIDTH)
    assert set(copies.unique().tolist()) == {0.0, 1.0}
    assert float((copies != x[:, None])[..., :-1].double().mean()) == pytest.approx(0.1, abs=0.005)
    assert (copies == x[:, None])[..., -1].all(), "the other value of a feature that never varies is not known"
    with pytest.raises(AttackError, match="do not tell what flips"):
        noise.labels(predict, x[:, :3], ids(x), [0.1])


def test_the_scale_of_noise_is_that_of_the_records_held():
    held, x = 3 * records(200), records(4, seed=5)
    seen = []

    def predict(points):
        seen.append(points)
        return torch.zeros(len(points), dtype=torch.long)

    _Noise(held, 2000, 0).labels(predict, x[:1], ids(x[:1]), [0.5, 2.0])
    some, more = (copies.double() - x[0] for copies in seen)
    assert float(some.std()) == pytest.approx(0.5 * 3, rel=0.03)
    assert more.numpy() == pytest.approx(4 * some.numpy(), abs=1e-4), "what is drawn is the same for all amounts"


def test_a_surrogate_posterior_counts_answers():
    answers = torch.tensor([[0, 0, 0, 1], [0, 0, 2, 2], [5, 5, 5, 5], [2, 2, 2, 2]])
    label = torch.tensor([0, 1, 5, 2])
    counts = torch.tensor([[3, 1, 0], [0, 2, 2], [4, 0, 0], [4, 0, 0]])
    expected = torch.log((counts + 1) / torch.tensor(4 + 3).double())
    assert _surrogate(answers, label, 3).numpy() == pytest.approx(expected.numpy())
    # A class that no shadow model knows is one class more; it changes nothing of other records.
    assert torch.equal(_surrogate(answers[:1], label[:1], 3), _surrogate(answers, label, 3)[:1])


def test_best_cut():
    score = torch.tensor([0.1, 0.4, 0.4, 0.8, 0.9])
    member = torch.tensor([False, False, True, True, True])
    cut, accuracy = _best_cut(score, member)
    assert cut == pytest.approx(0.8) and accuracy == pytest.approx((2 / 3 + 1) / 2)


def test_cuts_are_the_best_in_float64():
    """The value 1 is better than 0 by 1/9999 - 1/10000, which float32 does not see beside a half."""
    member = torch.cat([torch.zeros(5000), torch.ones(1), torch.full((4998,), 2.0)]).double()
    others = torch.cat([torch.ones(1), torch.full((9999,), 2.0)]).double()
    inside = torch.arange(len(member) + len(others)) < len(member)
    value = torch.cat([member, others])
    assert _best_threshold(value, inside) == 1
    cut, accuracy = _best_cut(-value, inside)
    assert cut == -1 and accuracy == pytest.approx((5001 / 9999 + 9999 / 10000) / 2, abs=1e-12)


def test_what_answers_about_candidates_alone_is_found_out_before_any_search(monkeypatch):
    """Each of a million recorded answers was given a stream of random numbers first: a third of the time of its whole audit."""
    x, searched = records(), []
    monkeypatch.setattr(hop_skip_jump, "streams", lambda seed, found: searched.append(len(found)))

    def recorded(points):
        if not torch.equal(points, x):
            raise LookupError("no candidates")
        return halfspace(points)

    with pytest.raises(LookupError):
        boundary_distance(Records(x, halfspace(x), ids(x), Ledger()), LabelOracle("labels", recorded, Ledger()))
    assert not searched
