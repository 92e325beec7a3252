"""CMIA: what a round settles, and what the models of the next one are trained on."""

from __future__ import annotations

import fixture
import numpy as np
import pytest
import torch

from attacks.discriminative import calibrated, cascading
from attacks.handles import AttackError

GIVEN = ["records", "scores", "shadow_models", "trainer", "population"]


def test_where_nothing_can_be_settled_it_is_lira():
    given = fixture.handles(GIVEN)
    found = cascading.cascading(**given, least_out=100, least_in=100)
    assert found.tolist() == pytest.approx(calibrated.lira(given["records"], given["scores"], given["shadow_models"]).tolist())


def test_a_round_settles_the_surest_and_spares_those_who_may_be_wrong():
    """Twelve models answer members with a margin of 4 and others with -4, but for record 0, of which none of them is sure."""
    generator = torch.Generator().manual_seed(0)
    inside = torch.stack([row for _ in range(6) for half in [torch.rand(40, generator=generator) < 0.5] for row in (half, ~half)])
    margin = torch.where(inside, 4.0, -4.0).double() + torch.randn(12, 40, generator=generator, dtype=torch.float64)
    margin[:, 0] = torch.randn(12, generator=generator, dtype=torch.float64)
    member = torch.arange(40) % 2 == 1
    target = torch.where(member, 4.0, -4.0).double()
    open_ = torch.ones(40, dtype=torch.bool)
    limits = cascading._Limits(wrong=0, most=0.25, least_out=5, least_in=5)
    settled = cascading._settled(target, margin, inside, open_, limits, 64)
    assert settled[1].sum() == 10 and not settled[0].any() and not (settled[1] & member).any() and not settled[1, 0]
    open_ &= ~settled[1]
    settled = cascading._settled(target, margin, inside, open_, cascading._Limits(0, 0.25, 100, 5), 64)
    assert settled[0].sum() > 10 and not settled[1].any() and not (settled[0] & ~member).any()


def test_models_of_a_round_hold_what_was_settled(monkeypatch):
    given, seen = fixture.handles(GIVEN), []
    trainer, train = given["trainer"], given["trainer"].fit_many
    monkeypatch.setattr(trainer, "fit_many", lambda sets: seen.extend(sets) or train(sets))
    settled = torch.zeros(2, fixture.RECORDS, dtype=torch.bool)
    settled[0, :3] = settled[1, 3:9] = True
    margin, inside = cascading._conditioned(given["records"], given["population"], trainer, settled, 4, 1)
    assert margin.shape == inside.shape == (4, fixture.RECORDS)
    assert inside[:, :3].all() and not inside[:, 3:9].any() and (inside[:, 9:].double().mean(dim=0) <= 0.5).all()
    for one, row in zip(seen, inside, strict=True):
        values = one.x.flatten().numpy()
        assert len(values) == trainer.training_size == fixture.RECORDS // 2
        # The fixture's population are the candidates again: beside those who are in, anybody may fill the set up.
        assert np.isin(np.flatnonzero(row.numpy()), values).all()


def test_too_few_models_are_refused():
    given = fixture.handles(GIVEN)
    with pytest.raises(AttackError, match="at least 4 are needed"):
        cascading.cascading(**given | {"shadow_models": given["shadow_models"].first(2)})
    with pytest.raises(AttackError, match=r"found 1 for 2"):
        cascading.cascading(**given, count=1)
