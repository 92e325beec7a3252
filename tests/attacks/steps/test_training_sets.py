"""Training sets of shadow and reference models: exactly as large as the target's, in equal shares, in no company's order."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attacks.handles import AttackError, Ledger, Number, Records, ShadowData, Trainer, UnsuitableError
from attacks.models.training import Recipe
from attacks.steps import reference_models, shadow_models
from attacks.steps.training_sets import drawn, halves, shares

IDS = np.random.default_rng(0).integers(0, 2**63, 500).astype(np.uint64)
LEDGER = Ledger()


class Noted(Trainer):
    """Trains nothing, and keeps the training sets."""

    def __init__(self):
        super().__init__("trainer", Recipe("mlp", (1,), 2), 0, LEDGER)
        self.sets = []

    def fit_many(self, sets):
        self.sets = list(sets)
        return [None] * len(sets)


def candidates(count, first=0):
    x = torch.arange(first, first + count, dtype=torch.float32)[:, None]
    return Records(x, torch.arange(count) % 2, np.arange(first, first + count, dtype=np.uint64) + np.uint64(1), LEDGER)


def pool(count):
    x = torch.arange(10_000, 10_000 + count, dtype=torch.float32)[:, None]
    return ShadowData(x, torch.arange(count) % 2, np.arange(10_000, 10_000 + count, dtype=np.uint64))


def size(value):
    return Number("training_size", value, LEDGER)


@pytest.mark.parametrize("count", [2, 16, 64])
def test_every_record_is_in_exactly_half_and_pools_extend(count):
    inside = halves(IDS, count, seed=3)
    assert (inside.sum(axis=0) == count // 2).all() and (inside.sum(axis=1) == 250).all()
    assert np.array_equal(halves(IDS, 1, seed=3), inside[:1])
    assert np.array_equal(halves(IDS, 64, seed=3)[:count], inside), "a larger pool begins with the smaller one"
    assert np.array_equal(halves(IDS[::-1].copy(), count, seed=3), inside[:, ::-1]), "a record's place does not matter"


@pytest.mark.parametrize(
    ("records", "most", "share"), [(500, 250, 2), (500, 400, 2), (500, 100, 5), (500, 120, 5), (499, 249, 2)]
)
def test_shares_are_equal_where_half_of_the_candidates_is_too_many(records, most, share):
    inside = shares(IDS[:records], 4 * share, most, seed=1)
    assert set(inside.sum(axis=1)) == {records // share} and records // share <= most
    left_out = 4 * (records % share)
    assert inside.sum() == 4 * records - left_out
    assert inside.sum(axis=0).max() == 4 and (inside.sum(axis=0) == 4).sum() >= records - left_out


@pytest.mark.parametrize(("members", "others", "held"), [(400, 400, 50), (100, 900, 50), (400, 100, 400), (300, 301, 50)])
@pytest.mark.parametrize("count", [1, 16])
def test_matched_shadow_models_have_the_targets_size_whatever_the_ratio_of_members(members, others, held, count):
    """Before, 100 members and 900 others gave sets of 469 to 531 records for a target of 100."""
    trainer = Noted()
    made = shadow_models.known_recipe(candidates(members + others), pool(held), trainer, size(members), count=count)
    assert {len(data.x) for data in trainer.sets} == {members}
    for data, inside in zip(trainer.sets, made.trained_on, strict=True):
        assert len(np.unique(data.x)) == members, "no record is in a set twice"
        assert set(data.x[data.x < 10_000].long().tolist()) == set(inside.nonzero().flatten().tolist())


def test_training_sets_follow_from_the_records_and_not_from_their_order():
    given, trainer = candidates(60), Noted()
    shadow_models.known_recipe(given, pool(30), trainer, size(40), count=4)
    before = [data.x.flatten().tolist() for data in trainer.sets]
    order = torch.randperm(60, generator=torch.Generator().manual_seed(2))
    turned = Records(given.x[order], given.label[order], given.ids[order.numpy()], LEDGER)
    shadow_models.known_recipe(turned, pool(30), trainer, size(40), count=4)
    assert [data.x.flatten().tolist() for data in trainer.sets] == before


def test_a_pool_that_is_too_small_does_not_suit_the_attack():
    """So it is listed with the numbers among what was not run, and is no failure of the attack."""
    with pytest.raises(UnsuitableError, match="on 30 candidates and 70 records of the adversary, which holds only 20"):
        shadow_models.known_recipe(candidates(60), pool(20), Noted(), size(100))
    with pytest.raises(UnsuitableError, match="100 records each, as the target was, and the adversary holds only 20"):
        reference_models.known_recipe(candidates(60), pool(20), Noted(), size(100))
    with pytest.raises(UnsuitableError, match="all 16 sets would be the same"):
        reference_models.known_recipe(candidates(60), pool(100), Noted(), size(100))
    with pytest.raises(AttackError, match="have no half"):
        halves(IDS[:1], 2, 0)


def test_reference_models_know_no_candidate():
    trainer = Noted()
    made = reference_models.known_recipe(candidates(60), pool(150), trainer, size(100), count=4)
    assert [len(data.x) for data in trainer.sets] == [100] * 4 and made.training_size == 100
    assert all((data.x >= 10_000).all() for data in trainer.sets)
    assert len({tuple(sorted(data.x.flatten().tolist())) for data in trainer.sets}) == 4
    known = candidates(10, first=50)
    with pytest.raises(AttackError, match="trained on no candidate, and 10 of the adversary's records are candidates"):
        reference_models.known_recipe(candidates(60), ShadowData(known.x, known.label, known.ids), trainer, size(5))


def test_the_first_reference_models_are_the_same_whatever_the_count():
    assert drawn(IDS, 3, 100, 7).tolist() == drawn(IDS, 3, 100, 7).tolist()
    few, many = Noted(), Noted()
    reference_models.known_recipe(candidates(60), pool(150), few, size(100), count=2)
    reference_models.known_recipe(candidates(60), pool(150), many, size(100), count=8)
    assert [data.x.tolist() for data in few.sets] == [data.x.tolist() for data in many.sets[:2]]
