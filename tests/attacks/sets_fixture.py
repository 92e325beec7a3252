"""Small made-up models whose candidates come in eight sets of eight: four that they were trained on, four that they were not."""

from __future__ import annotations

import numpy as np
import torch

from attacks.handles import Ledger, Population, Records, SuspectSets

SETS, SIZE = 8, 8
COUNT = SETS * SIZE


def rows() -> torch.Tensor:
    """Which candidates are in which set: a permutation, so that no order gives them away."""
    return torch.from_numpy(np.random.default_rng(800).permutation(COUNT)).reshape(SETS, SIZE)


def used() -> np.ndarray:
    """Which sets were trained on."""
    return np.arange(SETS) % 2 == 0


def member() -> np.ndarray:
    found = np.zeros(COUNT, dtype=bool)
    found[rows()[torch.from_numpy(used())].flatten().numpy()] = True
    return found


def handles(x: torch.Tensor, kept_back: torch.Tensor, label=None, their_label=None) -> dict:
    """The candidates x and as many records of the population, with which set k was kept back in rows k * 8 to k * 8 + 7."""
    ledger, ids = Ledger(), np.arange(1, COUNT + 1, dtype=np.uint64)
    held_out = torch.arange(COUNT).reshape(SETS, SIZE)
    return {
        "records": Records(x, label, ids, ledger),
        "population": Population("population", kept_back, their_label, ids + np.uint64(COUNT), ledger),
        "suspect_sets": SuspectSets("suspect_sets", rows(), held_out, ledger),
    }


def of_order(given: dict, order: np.ndarray) -> dict:
    """The same with the records of every set in another order (8,), both of them and of what was kept back."""
    sets = given["suspect_sets"]
    return {**given, "suspect_sets": SuspectSets("suspect_sets", sets._rows[:, order], sets._held_out[:, order], sets.ledger)}
