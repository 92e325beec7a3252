"""Augmentations are counted, apply to pictures only, and what LiRA and RMIA make of them is what the papers say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from attacks.discriminative import calibrated, picture_changes
from attacks.handles import AttackError, Ledger, Records, ReferenceModels, ScoreOracle, ShadowData, ShadowModels
from attacks.models import signals
from attacks.steps.training_sets import halves

COUNT, MODELS, VIEWS = 30, 12, 3
IDS = np.arange(1, COUNT + 1, dtype=np.uint64)
LABEL = torch.arange(COUNT) % 3
PICTURES = torch.randn(COUNT, 4, 5, generator=torch.Generator().manual_seed(0))


class _Linear:
    """A model that looks at every pixel, so that each augmentation has an answer of its own."""

    def __init__(self, seed):
        self.weights = torch.randn(20, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        self.fingerprint = str(seed)

    def log_probs(self, x):
        return torch.log_softmax(x.flatten(1).double() @ self.weights / 4, -1)

    kept_log_probs = log_probs


def adversary():
    ledger, inside = Ledger(), halves(IDS, MODELS, 5)
    shadow = ShadowModels([_Linear(k) for k in range(MODELS)], ShadowData(PICTURES, LABEL, IDS), torch.from_numpy(inside))
    return Records(PICTURES, LABEL, IDS, ledger), ScoreOracle("scores", _Linear(99).log_probs, ledger), shadow, ledger


def margins(models, change=None):
    return np.stack(
        [signals.margin(m.log_probs(PICTURES if change is None else change(PICTURES)), LABEL).numpy() for m in models]
    )


def test_changes_are_distinct_and_begin_with_none():
    changed = [change(PICTURES) for change in picture_changes.changes(PICTURES, picture_changes.MOST)]
    assert torch.equal(changed[0], PICTURES) and torch.equal(changed[1], PICTURES.flip(-1))
    assert torch.equal(changed[2][:, :, 1:], PICTURES[:, :, :-1]), "one pixel to the right"
    assert len({c.numpy().tobytes() for c in changed}) == 18
    assert all(c.shape == PICTURES.shape for c in changed)


def test_only_pictures_and_only_so_many():
    with pytest.raises(AttackError, match="only pictures"):
        picture_changes.changes(PICTURES.flatten(1), 2)
    for count in (0, 19):
        with pytest.raises(AttackError, match="from 1 to 18"):
            picture_changes.changes(PICTURES, count)
    assert len(picture_changes.changes(PICTURES.flatten(1), 1)) == 1


def test_lira_has_a_multivariate_normal_of_the_augmented_margins():
    records, scores, shadow, ledger = adversary()
    every = picture_changes.changes(PICTURES, VIEWS)
    values = np.stack([margins(shadow.models, c) for c in every], -1)
    target = np.stack([margins([_Linear(99)], c)[0] for c in every], -1)
    inside, log = shadow.trained_on.numpy(), {}
    for side, mask in (("in", inside), ("out", ~inside)):
        means = np.stack([values[mask[:, i], i].mean(0) for i in range(COUNT)])
        rest = np.concatenate([values[mask[:, i], i] - means[i] for i in range(COUNT)])
        covariance = rest.T @ rest / (len(rest) - COUNT)
        log[side] = [stats.multivariate_normal.logpdf(target[i], means[i], covariance) for i in range(COUNT)]
    found = calibrated.lira(records, scores, shadow, augmentations=VIEWS)
    assert found.tolist() == pytest.approx((np.array(log["in"]) - np.array(log["out"])).tolist(), rel=1e-3, abs=1e-3)
    assert ledger.queries == VIEWS * COUNT
    own = calibrated.lira(records, scores, shadow, augmentations=VIEWS, per_record_variance_from=2)
    assert own.isfinite().all() and own.tolist() != found.tolist()


def test_lira_offline_tests_the_mean_margin():
    records, scores, shadow, _ = adversary()
    every = picture_changes.changes(PICTURES, VIEWS)
    values = np.mean([margins(shadow.models, c) for c in every], 0)
    target = np.mean([margins([_Linear(99)], c)[0] for c in every], 0)
    means = values.mean(axis=0)
    expected = (target - means) / np.sqrt(((values - means) ** 2).sum() / (values.size - COUNT))
    found = calibrated.lira_offline(records, scores, ReferenceModels(shadow), augmentations=VIEWS)
    assert found.tolist() == pytest.approx(expected.tolist())


@pytest.mark.parametrize("count", [3, 4])
def test_rmia_takes_the_majority_vote(count):
    records, scores, shadow, _ = adversary()
    ratios = []
    for change in picture_changes.changes(PICTURES, count):
        one = Records(change(PICTURES), LABEL, IDS, Ledger())
        moved = ShadowModels(shadow.models, ShadowData(change(PICTURES), LABEL, IDS), shadow.trained_on)
        ratios.append(calibrated.rmia(one, scores, moved))
    found = calibrated.rmia(records, scores, shadow, augmentations=count)
    votes = torch.stack(ratios)
    for threshold in votes.flatten()[:20]:
        majority = (votes >= threshold).sum(dim=0) > count / 2
        assert (found >= threshold).tolist() == majority.tolist()
    offline = calibrated.rmia_offline(records, scores, ReferenceModels(shadow), augmentations=count)
    assert offline.isfinite().all()
