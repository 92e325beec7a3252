"""The blind baseline: at chance where candidates are exchangeable, and above it where they are not."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.engine.runner import check_exchangeable
from attacks.handles import UnsuitableError
from attacks.metrics.blind_baseline import features_of, measure


def people(seed, count=300, classes=5):
    """Records with labels, and members drawn at random."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(count, 12)).astype(np.float32)
    return x, generator.integers(0, classes, count), generator.permutation(count) < count // 2


def test_members_drawn_at_random_are_exchangeable():
    x, label, member = people(3)
    found = measure(features_of(x, label), member)
    assert found.exchangeable and found.auc_ci[0] < found.auc < found.auc_ci[1]
    check_exchangeable("a", found)
    assert found == measure(features_of(x, label), member), "the same records have the same baseline"


@pytest.mark.parametrize("differs", ["class", "time", "source"])
def test_a_split_that_can_be_told_is_refused(differs):
    """digits-federated-classes-null had an AUC of .66: one class was all non-members."""
    x, label, member = people(4, count=600, classes=4)
    if differs == "class":
        member = member & (label != 0)
    if differs == "time":
        x[:, 3] += 1.2 * member
    if differs == "source":
        x[member] *= 1.4  # measured in another unit, which no mean shows
    found = measure(features_of(x, label), member)
    assert not found.exchangeable and found.auc > 0.6
    with pytest.raises(UnsuitableError, match="the candidates of a are not exchangeable"):
        check_exchangeable("a", found)


def test_a_perfect_separation_has_an_interval_too():
    x, label, member = people(4, count=60)
    x[:, 3] = 100 * member
    found = measure(features_of(x, label), member)
    low, high = found.auc_ci
    assert found.auc > 0.99 and low < found.auc and low < high <= 1 and not found.exchangeable


def test_too_few_records_tell_nothing():
    x, label, member = people(5, count=12)
    assert measure(features_of(x, label), member) is None
    assert measure(features_of(x, label), np.zeros(12, dtype=bool)) is None
    check_exchangeable("a", None)


def test_what_a_blind_classifier_reads():
    x, label, _ = people(6, count=40, classes=3)
    assert features_of(x, label).shape == (40, 15)
    assert features_of(x, np.zeros(40, dtype=np.int64)).shape == (40, 12), "records without labels"
    assert features_of(x, np.linspace(0, 1, 40)).shape == (40, 13), "a regression"
    masks = np.random.default_rng(0).integers(0, 4, (40, 6, 6))
    assert np.allclose(features_of(x, masks)[:, 12:].sum(axis=1), 1), "shares of the classes in a picture"


@pytest.mark.slow
def test_the_interval_covers_chance():
    """Over 100 random splits, 95 % intervals hold one half in 93 to 98 % (three standard errors wide of that at most)."""
    held, refused = 0, 0
    for seed in range(100):
        x, label, member = people(seed, count=160)
        found = measure(features_of(x, label), member)
        held += found.auc_ci[0] <= 0.5 <= found.auc_ci[1]
        refused += not found.exchangeable
    assert held / 100 >= 0.89 and refused <= 1
