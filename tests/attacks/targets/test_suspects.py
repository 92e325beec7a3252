"""Targets in sets: who is in which set, what was kept back, and how what is found of them is judged."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attacks.handles import AttackError, Ledger
from attacks.targets import suspects
from taxonomy.findings import InputError

SMALL = {"data": "digits", "hidden": [8], "members": 60, "non_members": 60, "known_members": 0}
SMALL |= {"epochs": 1, "batch": 30, "learning_rate": 0.01, "level": 0.1}


@pytest.fixture(scope="module")
def target():
    return suspects.of_classifier(**SMALL, size=10, shares=[0.0, 0.5, 1.0], sets_of_each=4, seed=10)


def test_no_record_is_in_two_sets_and_shares_are_as_asked(target):
    sets, population = target.makers["record.sets"](Ledger()), target.makers["D1.samples"](Ledger())
    rows, kept = sets.rows, sets.held_out
    assert rows.shape == kept.shape == (12, 10) and len(sets) == 12
    assert len(rows.unique()) == rows.numel() and len(kept.unique()) == kept.numel()
    assert int(kept.max()) < len(population)
    shares = target.member[rows].double().mean(dim=1)
    assert sorted(shares.tolist()) == [0.0] * 4 + [0.5] * 4 + [1.0] * 4 and shares.tolist() != sorted(shares.tolist())
    joined = sets.joined(target.records(Ledger(), with_label=True), population, labelled=True)
    assert torch.equal(joined.x[:120], target.x[rows.flatten()]) and torch.equal(joined.x[120:], population.x[kept.flatten()])
    assert torch.equal(joined.label[:120], target.label[rows.flatten()])
    assert not set(joined.ids[120:].tolist()) & set(target.ids.tolist())


def test_the_seed_draws_the_sets(target):
    again = [suspects.of_classifier(**SMALL, size=10, shares=[0.0, 1.0], sets_of_each=6, seed=seed) for seed in (10, 10, 11)]
    first, same, other = (one.makers["record.sets"](Ledger()).rows for one in again)
    assert torch.equal(first, same) and not torch.equal(first, other)


def test_judges_know_the_truth(target):
    used = target.member[target.makers["record.sets"](Ledger()).rows].double().mean(dim=1)
    found = target.judges["dataset"](1 - used)
    assert found.value == 0.5 and found.details["accused"] == 0.0 and found.chance == 0.1, "half of a set is used too"
    assert target.judges["usage"](used).value == 1.0
    for wrong in (used[:-1], used.float(), -used - 1, torch.full_like(used, np.nan)):
        for judge in target.judges["dataset"], target.judges["usage"]:
            with pytest.raises(AttackError, match="an attack on sets finds"):
                judge(wrong)


def test_too_few_records_are_refused_with_the_numbers():
    with pytest.raises(InputError, match="14 sets of 10 take 70 members; there are 60"):
        suspects.of_classifier(**SMALL, size=10, shares=[0.0, 1.0], sets_of_each=7, seed=10)


def test_sets_that_all_were_used_cannot_say_who_is_accused_wrongly():
    only = suspects.of_classifier(**SMALL, size=10, shares=[1.0], sets_of_each=6, seed=10)
    assert "dataset" not in only.judges and "usage" in only.judges
