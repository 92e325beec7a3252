"""RaMIA: the highest scores of a range count; targets whose candidates are ranges."""

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
    RecordRange,
    Records,
    ReferenceModels,
    ScoreOracle,
    ShadowData,
    ShadowModels,
)
from attacks.models.training import Model
from attacks.seeds import record_ids
from attacks.targets import classifier, turned
from taxonomy.findings import InputError

NAMES = ["records", "scores", "reference_models", "population_statistics", "record_range"]
SMALL = {"members": 12, "non_members": 8, "hidden": [4], "epochs": 1, "batch": 16, "learning_rate": 0.001}


def test_a_range_of_one_record_ranks_as_rmia():
    """RMIA is a ratio of confidences, and this the share of a population that it reaches."""
    given = fixture.handles(NAMES)
    found = ranges.trimmed_mean(**given, samples=1)
    order = calibrated.rmia_offline(given["records"], given["scores"], given["reference_models"]).argsort(stable=True)
    assert (found[order].diff() >= 0).all() and found.unique().numel() > 3 and found.min() >= 0 and found.max() <= 1


def test_the_highest_scores_are_kept():
    given = fixture.handles(NAMES)
    first = ranges.trimmed_mean(**given, samples=1)
    both, highest = (ranges.trimmed_mean(**given, samples=2, kept=kept) for kept in (1.0, 0.5))
    assert torch.allclose(torch.maximum(first, 2 * both - first), highest) and (highest > both).any()


class Upright(Model):
    """A model that is sure of a picture only where its first pixel is the brightest."""

    def __init__(self, sure: float):
        super().__init__(fixture.RECIPE, fixture.RECIPE.build(), f"upright {sure}")
        self.sure = sure

    def log_probs(self, x):
        upright = (x[:, 0, 0] >= x.flatten(1).max(dim=1).values).double()
        return torch.log_softmax(torch.stack([upright * self.sure, torch.zeros_like(upright)], dim=-1), dim=-1)

    kept_log_probs = log_probs


def test_the_right_picture_is_found_however_it_was_turned():
    """Eight candidates are one picture in eight ways: their range is the same, and so are their scores."""
    picture = torch.tensor([[[1.0, 0.5], [0.0, 0.0]]])
    x = torch.cat([turned.turned(picture, k) for k in range(turned.WAYS)])
    none, ledger = torch.zeros(len(x), dtype=torch.int64), Ledger()
    own = ShadowData(torch.arange(3.0)[:, None, None].expand(3, 2, 2), none[:3], np.arange(3, dtype=np.uint64))
    references = ReferenceModels(ShadowModels([Upright(0.0)], own, torch.zeros(1, 3, dtype=torch.bool)))
    scores = ScoreOracle("scores", Upright(5.0).log_probs, ledger)
    known = PopulationStatistics(own, Upright(1.0).log_probs(own.x))
    given = Records(x, none, record_ids(x.numpy()), ledger), scores, references, known
    of_range = RecordRange("record_range", turned.WAYS, turned.turned, ledger)
    assert ranges.trimmed_mean(*given, of_range).tolist() == [1.0] * len(x)
    assert (ranges.trimmed_mean(*given, of_range, kept=1.0) < 0.5).all()
    assert ledger.queries == 2 * turned.WAYS * len(x)


def test_what_is_no_range_is_refused():
    given = fixture.handles(NAMES)
    with pytest.raises(AttackError, match=r"found 8 and 0"):
        ranges.trimmed_mean(**given, kept=0)
    with pytest.raises(AttackError, match=r"from 0 to 1 \(found 2\)"):
        given["record_range"](given["records"].x, 2)
    with pytest.raises(InputError, match="no square pictures"):
        turned.build(data="digits", **SMALL)


def test_a_target_shows_each_candidate_in_some_way_and_trains_on_it_upright():
    target, upright = (of.build(data="mnist", **SMALL, seed=10) for of in (turned, classifier))
    assert torch.equal(target.member, upright.member) and torch.equal(target.label, upright.label)
    handle = target.makers["record.range"](Ledger())
    ranges_of = torch.stack([handle(target.x, k) for k in range(handle.size)], dim=1)
    ways = [
        [k for k, one in enumerate(every) if torch.equal(one, as_it_is)]
        for every, as_it_is in zip(ranges_of, upright.x, strict=True)
    ]
    assert all(len(found) == 1 for found in ways) and len({found[0] for found in ways}) > 4
    assert np.array_equal(target.ids, record_ids(target.x.numpy()))
    assert torch.equal(*(t.makers["Q.scores"](Ledger())(upright.x) for t in (target, upright)))
