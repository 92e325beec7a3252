"""Simulated radio signals, and the attack of one who can only listen."""

from __future__ import annotations

import fixture
import numpy as np
import pytest
import torch

from attacks.discriminative import over_the_air
from attacks.handles import AttackError, Ledger, Overheard, Records
from attacks.steps.surrogate_by_observation import from_decisions
from attacks.targets import modulation

SMALL = {
    "members": 12,
    "non_members": 12,
    "population": 10,
    "signals_each": 2,
    "overheard_each": 3,
    "symbols": 64,
    "service_snr": 15.0,
    "adversary_snr": 10.0,
    "hidden": [16],
    "epochs": 60,
    "batch": 8,
    "learning_rate": 0.01,
}


def test_symbols_have_mean_power_one():
    for name, points in modulation.MODULATIONS.items():
        assert (np.abs(points) ** 2).mean() == pytest.approx(1), name
        assert len(set(np.round(points, 9))) == len(points)
    assert [len(points) for points in modulation.MODULATIONS.values()] == [2, 4, 8, 16, 4, 8, 16, 64]


def test_a_receiver_counts_samples_where_they_fall():
    sent = np.ones((1, 1, 100), complex)
    heard = modulation._received(sent, np.array([1j]), snr=60.0, seed=1)
    assert heard.shape == (1, 1, 16, 16) and heard.dtype == np.float32 and heard.sum() == pytest.approx(10)
    row, column = np.argwhere(heard[0, 0] > 0).T
    assert set(row) <= {7, 8} and set(column) == {11}, "one sample at i, which lies 3.5 / 5 of the way up the second axis"


def test_the_adversary_hears_other_signals_than_it_is_asked_about():
    target = modulation.build(**SMALL)
    assert target.x.shape == (24, 16, 16) and int(target.member.sum()) == 12
    assert target.facts["training_accuracy"] > 0.9
    heard = target.makers["Q.overheard"](Ledger())
    own = target.makers["D1.shifted"](Ledger())
    assert isinstance(heard, Overheard) and len(heard) == 72 and len(own) == 20
    assert heard.decision.dtype == torch.int64 and heard.decision.shape == (72,)
    every = torch.cat([target.x, heard.x, own.x]).flatten(1).numpy()
    assert len(np.unique(every, axis=0)) == len(every)
    again = modulation.build(**SMALL)
    assert again.fingerprint == target.fingerprint != modulation.build(**SMALL, seed=1).fingerprint


def test_the_control_shares_all_but_the_training():
    target, control = modulation.build(**SMALL), modulation.build(**SMALL, members_trained=False)
    assert control.facts["accuracy_on_later_signals_of_members"] < target.facts["accuracy_on_later_signals_of_members"]
    assert torch.equal(control.member, target.member)


def test_classes_are_treated_alike():
    log_probs = torch.log_softmax(torch.tensor([[3.0, 1.0, 2.0], [1.0, 2.0, 3.0]], dtype=torch.float64), -1)
    features = over_the_air._features(log_probs, torch.tensor([0, 2]), 3)
    assert features[0].tolist() == pytest.approx(features[1].tolist())
    assert features[0].tolist() == pytest.approx(log_probs[0, [0, 2, 1]].exp().tolist())
    assert over_the_air._features(log_probs, torch.tensor([0, 4]), 4)[1].tolist() == pytest.approx(
        [0, *log_probs[1, [2, 1, 0]].exp().tolist()]
    ), "a class that the answers do not know has the score 0"


def test_silence_is_one_sentence():
    records = fixture.handles(["records"])["records"]
    with pytest.raises(AttackError, match="nothing was overheard"):
        from_decisions(records, Overheard("overheard", torch.empty(0, 1), torch.empty(0, dtype=torch.long), Ledger()))


@pytest.mark.parametrize("heard", [1, 2, 3])
def test_a_surrogate_may_never_have_heard_of_a_class(heard):
    records = fixture.handles(["records"])["records"]
    decisions = Overheard("overheard", records.x, records.label % heard, Ledger())
    surrogate = from_decisions(records, decisions, hidden=4, epochs=1)
    models = fixture.handles(["shadow_models"])["shadow_models"]
    found = over_the_air.infer(records, surrogate, models).score
    assert found.isfinite().all()
    rows = slice(0, 1)  # of a class that was heard, whatever the other candidates are
    alone = Records(records.x[rows], records.label[rows], records.ids[rows], Ledger())
    assert over_the_air.infer(alone, surrogate, models).score.tolist() == pytest.approx(found[rows].tolist())
