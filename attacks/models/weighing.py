"""Many weak signals as one: a linear model learns on one half of each side how to weigh them, the other half is tested.

A test on records that were not learned from stays valid however well the model fits (Maini et al. 2021 and 2024).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.metrics import permutation
from attacks.seeds import derive_seed, hash_records

# Steps of Newton's method: the penalty makes the loss convex, and it is at its least after a few.
STEPS = 25


def p_values(signals: Tensor, ids: NDArray[np.uint64], sets: int, *, draws: int, penalty: float, seed: int) -> Tensor:
    """Return the p-value of each set, float64 (sets,), from signals (2 * sets * size, d) as `SuspectSets.joined` orders records.

    Half of a set and half of what was kept back with it, which their `ids` and the seed decide, teach logistic regression to
    tell them apart; the scores of the other halves are compared by permutation (attacks/metrics/permutation.py). A set's value
    depends on nothing but its own records and those kept back with it, in whatever order.
    """
    values = signals.numpy().reshape(2, sets, -1, signals.shape[1])
    known = ids.reshape(2, sets, -1)
    found = []
    for k in range(sets):
        halves = [_halves(values[side, k], known[side, k], seed) for side in (0, 1)]
        weigh = fitted(halves[0][0], halves[1][0], penalty)
        own = derive_seed(seed, "permutation", str(np.bitwise_xor.reduce(known[0, k])))
        found.append(permutation.p_value(weigh(halves[0][1]), weigh(halves[1][1]), draws=draws, seed=own))
    return torch.tensor(found, dtype=torch.float64)


def _halves(values: NDArray[np.float64], ids: NDArray[np.uint64], seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the signals (n, d) to learn from and those to test, in an order that the ids decide."""
    order = np.argsort(hash_records(seed, 0, ids), kind="stable")
    return values[order[: len(order) // 2]], values[order[len(order) // 2 :]]


class Weighed:
    """A linear model of signals: the log-odds that a record is a suspect."""

    def __init__(self, mean: NDArray[np.float64], spread: NDArray[np.float64], weight: NDArray[np.float64]):
        self.mean, self.spread, self.weight = mean, spread, weight

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log-odds (n,) of signals (n, d)."""
        found: NDArray[np.float64] = _with_one((values - self.mean) / self.spread) @ self.weight
        return found


def fitted(suspect: NDArray[np.float64], others: NDArray[np.float64], penalty: float) -> Weighed:
    """Return logistic regression on signals (m, d) and (n, d), standardised, with half of `penalty` times the squared weights."""
    values = np.concatenate([suspect, others])
    spread = values.std(axis=0)
    model = Weighed(values.mean(axis=0), np.where(spread > 0, spread, 1.0), np.zeros(values.shape[1] + 1))
    x = _with_one((values - model.mean) / model.spread)
    truth = np.arange(len(values)) < len(suspect)
    ridge = np.full(x.shape[1], penalty)
    ridge[-1] = 1e-6  # the intercept is free
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(x @ model.weight, -30, 30)))
        slope = x.T @ (chance - truth) + ridge * model.weight
        curve = (x * (chance * (1 - chance))[:, None]).T @ x + np.diag(ridge)
        model.weight = model.weight - np.linalg.solve(curve, slope)
    return model


def _with_one(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([x, np.ones((len(x), 1))], axis=1)
