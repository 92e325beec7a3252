"""A small fixed adversary: handles over made-up answers, the same on every machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attacks.handles import (
    AttackData,
    LabelOracle,
    Ledger,
    Number,
    Population,
    PopulationStatistics,
    Records,
    ReferenceModels,
    ScoreOracle,
    ShadowData,
    ShadowModels,
    Surrogate,
    TopScoreOracle,
)
from attacks.steps.shadow_models import halves

RECORDS, CLASSES, MODELS = 24, 3, 8
IDS = np.arange(1, RECORDS + 1, dtype=np.uint64)


def answers(inside: np.ndarray, seed: int) -> Tensor:
    """Log-probabilities (records, classes): members are answered with more confidence; two records tie."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(RECORDS, CLASSES)) * 2
    logits[np.arange(RECORDS), label().numpy()] += 1 + 3 * inside
    logits[1] = logits[0]
    return torch.log_softmax(torch.from_numpy(logits), -1)


def label() -> Tensor:
    return torch.arange(RECORDS) % CLASSES


def member() -> np.ndarray:
    return np.arange(RECORDS) % 2 == 0


class Answers:
    """A model that knows one answer for each record, found by the record's only feature.

    Between two records, the nearer one's answer holds, and its highest score falls with the distance: the more confident the
    answer, the farther the label holds.
    """

    def __init__(self, table: Tensor, fingerprint: str = "fixed"):
        self.table, self.fingerprint = table, fingerprint

    def log_probs(self, x: Tensor) -> Tensor:
        place = x[:, 0].double().clamp(0, RECORDS - 1)
        record = place.round()
        answer = self.table[record.long()].clone()
        top = answer.argmax(-1, keepdim=True)
        away = (place - record).abs()[:, None]
        return torch.where(away > 0, torch.log_softmax(answer.scatter_add(-1, top, -16 * away), -1), answer)

    kept_log_probs = log_probs


def handles(names: list[str], *, label_granted: bool = True) -> dict[str, Any]:
    """Return the handles of these names over the fixture; those of a model that labels every pixel are in dense_fixture.py."""
    if "masks" in names:
        import dense_fixture

        return dense_fixture.handles(names, label_granted=label_granted)
    ledger = Ledger()
    x = torch.arange(RECORDS, dtype=torch.float32)[:, None]
    target = Answers(answers(member(), 100))
    inside, never = halves(IDS, MODELS, 5), np.zeros(RECORDS, dtype=bool)
    shadow = ShadowModels(
        [Answers(answers(row, k)) for k, row in enumerate(inside)], ShadowData(x, label(), IDS), torch.from_numpy(inside)
    )
    scores = ScoreOracle("scores", target.log_probs, ledger)
    makers: dict[str, Callable[[], Any]] = {
        "records": lambda: Records(x, label() if label_granted else None, IDS, ledger),
        "scores": lambda: scores,
        "top_k": lambda: TopScoreOracle("top_k", scores),
        "labels": lambda: LabelOracle("labels", lambda q: target.log_probs(q).argmax(-1), ledger),
        "mean_loss": lambda: Number("mean_loss", 0.1, ledger),
        "shadow_models": lambda: shadow,
        "reference_models": lambda: ReferenceModels(shadow),
        "attack_data": lambda: AttackData(answers(inside[0], 0), label(), torch.from_numpy(inside[0])),
        "surrogate": lambda: Surrogate(Answers(answers(member(), 300))),
        "population": lambda: Population("population", x, label(), IDS, ledger),
        "population_statistics": lambda: PopulationStatistics(ShadowData(x, label(), IDS), answers(never, 200)),
    }
    missing = [name for name in names if name not in makers]
    assert not missing, f"tests/attacks/fixture.py makes no handle {missing}; add one"
    return {name: makers[name]() for name in names}
