"""The fixed adversary of models that label every pixel: handles over made-up answers, the same on every machine."""

from __future__ import annotations

from typing import Any

import fixture
import numpy as np
import torch
from torch import Tensor

from attacks.handles import Ledger, MaskOracle, Records, ShadowData, ShadowModels

SIDE, CLASSES = 8, 3


def label() -> Tensor:
    """A map for every record, whose left and right half are of two classes."""
    maps = fixture.label()[:, None, None].repeat(1, SIDE, SIDE)
    maps[:, :, SIDE // 2 :] = (maps[:, :, SIDE // 2 :] + 1) % CLASSES
    return maps


def answers(inside: np.ndarray, seed: int) -> Tensor:
    """Log-probabilities (records, height, width, classes): members are answered with more confidence."""
    logits = np.random.default_rng(seed).normal(size=(fixture.RECORDS, SIDE, SIDE, CLASSES)) * 2
    np.put_along_axis(logits, label().numpy()[..., None], 1 + 2.0 * inside[:, None, None, None], axis=-1)
    return torch.log_softmax(torch.from_numpy(logits), -1)


class Answers:
    """A model that knows one answer for each picture, found by the picture's first pixel."""

    def __init__(self, table: Tensor):
        self.table, self.fingerprint = table, "fixed"

    def log_probs(self, x: Tensor) -> Tensor:
        return self.table[x[:, 0, 0].long()].clone()

    kept_log_probs = log_probs


def handles(names: list[str], *, label_granted: bool = True) -> dict[str, Any]:
    """Return the handles of these names over the fixture."""
    ledger = Ledger()
    x = torch.arange(fixture.RECORDS, dtype=torch.float32)[:, None, None].repeat(1, SIDE, SIDE)
    target = Answers(answers(fixture.member(), 100))
    inside = fixture.halves(fixture.IDS, 2, 5)
    made = {
        "records": Records(x, label() if label_granted else None, fixture.IDS, ledger),
        "masks": MaskOracle("masks", target.log_probs, ledger),
        "shadow_models": ShadowModels(
            [Answers(answers(row, k)) for k, row in enumerate(inside)],
            ShadowData(x, label(), fixture.IDS),
            torch.from_numpy(inside),
        ),
    }
    return {name: made[name] for name in names}
