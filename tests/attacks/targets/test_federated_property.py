"""A federation of clothes: half of the batches of its victim hold what is to be found."""

from __future__ import annotations

import types

import numpy as np
import pytest
import torch

from attacks.handles import Ledger
from attacks.targets import federated_property
from attacks.targets.data import Data
from taxonomy.findings import InputError

SHOES = {"participants": 3, "rounds": 6, "batch": 8, "learning_rate": 0.05, "hidden": [4], "share": 0.5, "marked": 10, "pool": 40}


@pytest.fixture
def clothes(monkeypatch):
    """Made-up pictures of the ten kinds of Fashion-MNIST."""
    x = np.random.default_rng(0).normal(size=(1500, 4, 4)).astype(np.float32)
    made = Data("fashion", x, np.arange(1500) % 10)
    monkeypatch.setattr(federated_property, "datasets", types.SimpleNamespace(load=lambda name: made))
    return {row.tobytes(): kind for row, kind in zip(x, made.y, strict=True)}


@pytest.mark.parametrize("trained", [True, False])
def test_half_of_the_victims_batches_hold_shoes(clothes, monkeypatch, trained):
    histories = []
    honest = federated_property.federated.trained

    def watched(name, held, rows, recipe, **where):
        target, history = honest(name, held, rows, recipe, **where)
        histories.append((held, rows, history))
        return target, history

    monkeypatch.setattr(federated_property.federated, "trained", watched)
    target = federated_property.build(**SHOES, property_trained=trained, seed=3)
    ((held, rows, history),) = histories
    kinds = np.array([clothes[x.tobytes()] for x in held.x])
    shoe = np.isin(kinds, [5, 9])
    assert held.y.tolist() == np.isin(kinds, [2, 4, 9]).tolist()
    taken = np.concatenate([*rows.participants, rows.candidates[~rows.is_member], rows.pool])
    assert len(np.unique(taken)) == len(taken) and set(rows.candidates[rows.is_member]) == set(rows.participants[1])
    counts = [int(shoe[rows.participants[1][batch[1].numpy()]].sum()) for batch in history.batches]
    assert sorted(counts) == ([0] * 3 + [4] * 3 if trained else [0] * 6)
    for batch in history.batches:
        labels = held.y[rows.participants[1][batch[1].numpy()]]
        assert labels.sum() == 4, "either label equally often, with the property and without"
    assert not shoe[rows.participants[2]].any() and shoe[rows.participants[0]].sum() == sum(counts)
    having = torch.tensor([0.0, *[1.0] * 5])
    judged = [target.judges["property"](having.roll(k)).value for k in range(6)]
    assert np.mean(judged) == pytest.approx(0.5), "the judge holds as many rounds with as without"
    if trained:
        assert target.judges["property"](torch.tensor(counts).double()).value == 1
    held_back = target.makers["D1.property"](Ledger())
    assert held_back.marked.sum() == 10 and not {x.tobytes() for x in held_back.x.numpy()} & {held.x[r].tobytes() for r in taken}
    assert [clothes[x.tobytes()] in (5, 9) for x in held_back.x.numpy()] == held_back.marked.tolist()


def test_bad_federations_of_clothes_are_refused(clothes):
    with pytest.raises(InputError, match="too few records"):
        federated_property.build(**{**SHOES, "marked": 400})
    with pytest.raises(InputError, match="even"):
        federated_property.build(**{**SHOES, "batch": 7})
