"""A small fixed adversary of published statistics: visits of made-up people, the same on every machine."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from attacks.handles import Aggregates, Beacon, Ledger, Marginals, Number, Population, Records
from attacks.steps import shadow_aggregates

RECORDS, TIMES, PLACES, REFERENCE, GROUPS = 24, 4, 5, 60, 20


def people(count: int, seed: int) -> Tensor:
    """Who was where when, float32 (count, times, places); the last place never saw anyone at the last time."""
    x = np.random.default_rng(seed).random((count, TIMES, PLACES)) < np.linspace(0.1, 0.6, PLACES)
    x[:, -1, -1] = False
    return torch.from_numpy(x.astype(np.float32))


def handles(names: list[str]) -> dict[str, Any]:
    """Return the handles of these names; every second candidate is in the group."""
    ledger = Ledger()
    x, reference = people(RECORDS, 7), people(REFERENCE, 8)
    ids = np.arange(1, RECORDS + 1, dtype=np.uint64)
    held_ids = np.arange(101, 101 + REFERENCE, dtype=np.uint64)
    records = Records(x, None, ids, ledger)
    population = Population("population", reference, torch.zeros(REFERENCE, dtype=torch.int64), held_ids, ledger)
    size = Number("training_size", RECORDS // 2, ledger)
    makers: dict[str, Any] = {
        "records": lambda: records,
        "aggregates": lambda: Aggregates("aggregates", x[::2].double().mean(0), ledger),
        "beacon": lambda: Beacon("beacon", (x[::2] > 0).any(0), ledger),
        "population": lambda: population,
        "marginals": lambda: Marginals("marginals", reference.sort(dim=0).values, ledger),
        "training_size": lambda: size,
        "shadow_aggregates": lambda: shadow_aggregates.simulated(records, population, size, count=GROUPS, seed=3),
    }
    return {name: makers[name]() for name in names}
