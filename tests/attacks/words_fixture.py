"""A small fixed federation that learns from words: made-up gradients of an embedding layer, by numpy alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fixture
import numpy as np
import torch

from attacks.handles import Architecture, FederatedTrainer, Ledger, OthersUpdates, Records
from attacks.models.federation import Federation
from attacks.models.training import Recipe

WORDS, UNITS, BATCH = 16, 3, 3
RECIPE = Recipe("mlp", (WORDS,), fixture.CLASSES, (UNITS,))


def words() -> np.ndarray:
    """Which words each record has, bool (24, 16): two to six of them."""
    generator = np.random.default_rng(600)
    found = np.zeros((fixture.RECORDS, WORDS), dtype=bool)
    for row in found:
        row[generator.choice(WORDS, generator.integers(2, 7), replace=False)] = True
    return found


def steps() -> list[dict[str, torch.Tensor]]:
    """What the others' batches of three members each, twice through all of them, moved the first layer by."""
    generator, members = np.random.default_rng(601), np.nonzero(fixture.member())[0]
    moved = []
    for _ in range(2):
        for rows in generator.permutation(members).reshape(-1, BATCH):
            error = generator.normal(size=(BATCH, UNITS)) / BATCH
            weight = -0.1 * error.T @ words()[rows]
            moved.append({"1.weight": torch.from_numpy(weight).float(), "1.bias": torch.from_numpy(-0.1 * error.sum(0)).float()})
    return moved


def makers(batch: int = BATCH) -> dict[str, Callable[[], Any]]:
    """Makers of every handle, by name."""
    ledger = Ledger()
    federation = Federation("fedsgd", RECIPE, len(steps()), batch, 0.1)
    x = torch.from_numpy(words()).float()
    return {
        "records": lambda: Records(x, fixture.label(), fixture.IDS, ledger),
        "others_updates": lambda: OthersUpdates("others_updates", steps(), 0.5, ledger),
        "trainer": lambda: FederatedTrainer("trainer", RECIPE, fixture.RECORDS, federation, ledger),
        "architecture": lambda: Architecture("architecture", RECIPE, ledger),
    }


def handles(names: list[str]) -> dict[str, Any]:
    """Return the handles of these names."""
    made = makers()
    missing = [name for name in names if name not in made]
    assert not missing, f"tests/attacks/words_fixture.py makes no handle {missing}; add one"
    return {name: made[name]() for name in names}
