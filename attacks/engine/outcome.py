"""What a run found: results, failures and what was skipped, as plain data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from attacks.engine.defending import Defended
from attacks.engine.plan import Plan
from attacks.engine.versions import environment
from attacks.metrics.blind_baseline import BlindBaseline
from attacks.models.devices import CPU


@dataclass
class Outcome:
    """What a run found: a result or an error for each attack, and the per-record scores.

    `unsuited` are attacks that the target's records do not suit, each with what it takes; `warnings` are those of the target.
    `spare` are those of the trained models that nobody wanted, by which blocks were filled up.
    `exhibits` makes pictures of what the target generates, by title, for targets that have some to show.
    """

    plan: Plan
    seed: int
    target_facts: dict[str, Any]
    member: NDArray[np.bool_]
    results: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)
    unsuited: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    scores: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    trained: int = 0
    reused: int = 0
    spare: int = 0
    device: str = CPU
    blind_baseline: BlindBaseline | None = None
    exhibits: Callable[[], dict[str, Tensor]] | None = None
    defense: Defended | None = None

    def as_json(self, out: str | None = None) -> dict[str, Any]:
        """Return the run as plain data."""
        return {
            "target": self.plan.target.id,
            "defense": self.defense.as_json() if self.defense else None,
            "target_facts": self.target_facts,
            "blind_baseline": self.blind_baseline.as_json() if self.blind_baseline else None,
            "threat_model": self.plan.threat.as_json(),
            "granted": list(self.plan.granted),
            "seed": self.seed,
            "results": self.results,
            "failures": self.failures,
            "warnings": self.warnings,
            "skipped": [
                *(one.as_json() for one in self.plan.skipped),
                *({"id": name, "because": reason} for name, reason in self.unsuited),
            ],
            "trained": self.trained,
            "reused": self.reused,
            "spare": self.spare,
            "environment": environment(device=self.device),
            "out": out,
        }
