"""RaMIA: a range is scored whole, and its highest scores count; targets whose candidates are ranges."""

from __future__ import annotations

import fixture
import numpy as np
import pytest
import torch

from attacks.discriminative import calibrated, ranges
from attacks.handles import (
    AttackError,
    Ledger,
    PopulationStatistics,
    Records,
    ReferenceModels,
    ScoreOracle,
    ShadowData,
    ShadowModels,
)
from attacks.models import symmetries
from attacks.models.training import Model
from attacks.seeds import record_ids
from attacks.targets import turned

NAMES = ["records", "scores", "reference_models", "population_statistics"]
SMALL = {"data": "mnist", "members": 12, "non_members": 8, "hidden": [4], "epochs": 1, "batch": 16, "learning_rate": 0.001}


def test_pictures_have_eight_symmetries_and_each_leads_back():
    x = torch.arange(18, dtype=torch.float32).reshape(2, 3, 3)
    every = torch.stack([symmetries.turned(x, k) for k in range(symmetries.COUNT)])
    assert len(every[:, 0].flatten(1).unique(dim=0)) == symmetries.COUNT and torch.equal(every[0], x)
    for one in every:
        assert any(torch.equal(symmetries.turned(one, k), x) for k in range(symmetries.COUNT))
    assert symmetries.is_square(x) and not symmetries.is_square(x[:, :2]) and not symmetries.is_square(x.flatten(1))


def test_where_all_pictures_of_a_range_are_alike_it_ranks_as_rmia():
    """The fixture's pictures are of one grey each; RMIA is a ratio, and this the share of a population that it reaches."""
    given = fixture.handles(NAMES, of_pictures=True)
    found = ranges.turned(**given)
    ratio = calibrated.rmia_offline(given["records"], given["scores"], given["reference_models"])
    order = ratio.argsort(stable=True)
    assert (found[order].diff() >= 0).all() and found.unique().numel() > 3 and found.min() >= 0 and found.max() <= 1


class Upright(Model):
    """A model that is sure of a picture only where its first pixel is the brightest."""

    def __init__(self, sure: float):
        super().__init__(fixture.RECIPE, fixture.RECIPE.build(), f"upright {sure}")
        self.sure = sure

    def log_probs(self, x):
        upright = (x[:, 0, 0] >= x.flatten(1).max(dim=1).values).double()
        return torch.log_softmax(torch.stack([upright * self.sure, torch.zeros(len(x))], dim=-1).double(), dim=-1)

    kept_log_probs = log_probs


def test_the_right_picture_is_found_however_it_was_turned():
    """Eight candidates are one picture in eight ways: their range is the same, and so are their scores."""
    picture = torch.zeros(1, 2, 2)
    picture[0, 0, 0], picture[0, 0, 1] = 1.0, 0.5
    x = torch.cat([symmetries.turned(picture, k) for k in range(symmetries.COUNT)])
    label, ids = torch.zeros(len(x), dtype=torch.int64), record_ids(x.numpy())
    own = ShadowData(
        torch.zeros(3, 2, 2) + torch.arange(3.0)[:, None, None], torch.zeros(3, dtype=torch.int64), np.arange(3).astype(np.uint64)
    )
    references = ReferenceModels(ShadowModels([Upright(0.0)], own, torch.zeros(1, 3, dtype=torch.bool)))
    target, ledger = Upright(5.0), Ledger()
    known = PopulationStatistics(own, Upright(1.0).log_probs(own.x))
    given = Records(x, label, ids, ledger), ScoreOracle("scores", target.log_probs, ledger), references, known
    assert ranges.turned(*given, kept=0.125).tolist() == [1.0] * len(x)
    assert (ranges.turned(*given, kept=1.0) < 0.5).all()
    assert ledger.queries == 2 * symmetries.COUNT * len(x)


def test_what_is_no_range_is_refused():
    with pytest.raises(AttackError, match="no square pictures"):
        ranges.turned(**fixture.handles(NAMES))
    with pytest.raises(AttackError, match=r"above 0 and at most 1 \(found 0\)"):
        ranges.turned(**fixture.handles(NAMES, of_pictures=True), kept=0)


def test_a_target_shows_each_candidate_in_some_way_and_trains_on_it_upright():
    target, upright = turned.build(**SMALL, seed=10), turned.classifier.build(**SMALL, seed=10)
    assert torch.equal(target.member, upright.member) and torch.equal(target.label, upright.label)
    ways = [
        [k for k in range(symmetries.COUNT) if torch.equal(symmetries.turned(shown, k), as_it_is)]
        for shown, as_it_is in zip(target.x, upright.x, strict=True)
    ]
    assert all(len(found) == 1 for found in ways) and len({found[0] for found in ways}) > 4
    assert np.array_equal(target.ids, record_ids(target.x.numpy()))
    scores = [t.makers["Q.scores"](Ledger())(upright.x) for t in (target, upright)]
    assert torch.equal(*scores)
