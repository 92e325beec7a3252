"""Merlin and Morgan: the share of noisy copies with a higher loss, its cut, and the band of losses."""

from __future__ import annotations

import fixture
import pytest
import torch

from attacks.discriminative import neighbouring_loss
from attacks.handles import AttackError, Ledger, ScoreOracle

GIVEN = ["records", "scores", "shadow_models"]
# Of which noise an answer knows: the loss of even records rises with every step, that of odd ones falls with half of them.
STEEP = torch.arange(fixture.RECORDS) % 2 == 0


def bowls(x: torch.Tensor) -> torch.Tensor:
    """Log-odds of class 0 around each record: a hill at the even ones, a slope at the odd ones."""
    place = x[:, 0].double()
    record = place.round().clamp(0, fixture.RECORDS - 1).long()
    away = place - record
    odds = torch.where(STEEP[record], 2 - away.abs(), 2 + away)
    right = torch.nn.functional.one_hot(fixture.label()[record], fixture.CLASSES)
    return torch.log_softmax(odds[:, None] * right, -1)


def given() -> dict:
    return fixture.handles(GIVEN) | {"scores": ScoreOracle("scores", bowls, Ledger())}


def test_where_every_step_leads_uphill_the_share_is_one():
    found = neighbouring_loss.merlin(**given(), magnitude=0.01)
    assert found.score[STEEP].tolist() == [1.0] * int(STEEP.sum())
    assert found.score[~STEEP].mean() == pytest.approx(0.5, abs=0.05)


def test_outside_the_band_of_losses_no_record_is_accused():
    handles = given()
    shadow = handles["shadow_models"]
    loss = -shadow.log_probs(0)[torch.arange(fixture.RECORDS), fixture.label()]
    others = loss[~shadow.trained_on[0]].sort().values
    found = neighbouring_loss.morgan(**handles, magnitude=0.01, alpha_low=0.5, alpha_high=0.5)
    mine = -bowls(handles["records"].x)[torch.arange(fixture.RECORDS), fixture.label()]
    within = (mine >= others[0]) & (mine <= others[-1])
    assert (found.score[~within] == neighbouring_loss.OUTSIDE).all()
    wide = neighbouring_loss.morgan(**handles, magnitude=0.01, alpha_low=0.0, alpha_high=1.0)
    assert wide.score[within].tolist() == neighbouring_loss.merlin(**handles, magnitude=0.01).score[within].tolist()


def test_the_cut_accuses_at_most_the_share_of_non_members_that_is_allowed():
    others = torch.tensor([0.1, 0.2, 0.2, 0.9], dtype=torch.float64)
    for alpha, least in ((0.0, 0.9), (0.25, 0.9), (0.5, 0.9), (0.75, 0.2), (1.0, 0.1)):
        cut = neighbouring_loss._cut(others, alpha)
        assert float((others >= cut).double().mean()) <= alpha
        assert cut > 0.9 if alpha == 0 else cut == pytest.approx(least)


def test_a_share_takes_two_queries():
    with pytest.raises(AttackError, match="two are the least"):
        neighbouring_loss.merlin(**given(), queries=1)
