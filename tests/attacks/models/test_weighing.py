"""Many signals as one, learned on one half: p-values that stay valid however well the model fits, and find what is there."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import special
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from attacks.models import weighing

SIZE, SIGNALS = 12, 6


def signals(sets: int, shift: float, seed: int) -> tuple[Tensor, np.ndarray]:
    """Signals with heavy tails, of which two tell the sets from what was kept back, and ids of the records."""
    source = np.random.default_rng(seed)
    values = source.standard_t(3, size=(2, sets, SIZE, SIGNALS))
    values[0, :, :, :2] += shift
    return torch.from_numpy(values.reshape(-1, SIGNALS)), source.integers(2**63, size=2 * sets * SIZE).astype(np.uint64)


def p_values(values: Tensor, ids: np.ndarray, sets: int) -> np.ndarray:
    return weighing.p_values(values, ids, sets, draws=199, penalty=1.0, seed=4).numpy()


@pytest.mark.slow
def test_p_values_are_never_too_small_where_there_is_nothing_to_find():
    count = 800
    found = p_values(*signals(count, 0.0, 0), count)
    for level in (0.01, 0.05, 0.1, 0.5):
        assert (found <= level).mean() <= level + 3 * np.sqrt(level * (1 - level) / count)
    assert (found <= 0.05).mean() > 0.02, "a test that never accuses would find nothing"


def test_what_is_there_is_found():
    assert (p_values(*signals(40, 2.0, 1), 40) <= 0.05).mean() > 0.5


def test_a_p_value_belongs_to_its_set():
    """Neither the order of the records or the sets nor the other sets change it."""
    values, ids = signals(5, 1.0, 2)
    every = p_values(values, ids, 5)
    order = np.random.default_rng(3).permuted(np.tile(np.arange(SIZE), (10, 1)), axis=1)
    rows = (np.arange(10)[:, None] * SIZE + order).reshape(2, 5, SIZE)[:, [3, 0, 4, 1, 2]].reshape(-1)
    assert p_values(values[rows], ids[rows], 5).tolist() == every[[3, 0, 4, 1, 2]].tolist()
    alone = np.arange(10 * SIZE).reshape(2, 5, SIZE)[:, [2]].reshape(-1)
    assert p_values(values[alone], ids[alone], 1).tolist() == every[[2]].tolist()


def test_the_model_is_logistic_regression():
    source = np.random.default_rng(5)
    first, second = source.normal(size=(30, 4)) + 0.5, source.normal(size=(25, 4)) * [1, 2, 3, 4]
    second[:, 3] = first[:25, 3] = 1.0  # says nothing
    first[:, 3] = 1.0
    values, truth = np.concatenate([first, second]), np.arange(55) < 30
    scaled = (values - values.mean(0)) / np.where(values.std(0) > 0, values.std(0), 1)
    theirs = LogisticRegression(C=1 / 2.0, tol=1e-10, max_iter=1000).fit(scaled, truth)
    ours = weighing.fitted(first, second, 2.0)(values)
    assert np.allclose(special.expit(ours), theirs.predict_proba(scaled)[:, 1], atol=1e-5)
