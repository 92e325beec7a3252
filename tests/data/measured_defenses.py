"""Evidence of defenses that was never measured, for tests of what is made of it."""

from __future__ import annotations

import json
from pathlib import Path

ENTRY = """\
schema: 1
id: {id}
title: {id}
summary: For tests.
category: generalization
standing: later
mechanism: What it does.
changes: training
utility_cost: Not known.
run: attacks.defenses.regularised:dropout
params: {{inputs: 0.5, hidden: 0.5}}
"""


def mean(value: float) -> dict[str, object]:
    return {"mean": value, "ci": [value - 0.05, value + 0.05]}


def leak(auc: float, change: float | None = None) -> dict[str, object]:
    found = {"auc": mean(auc), "tpr_at_fpr": {"0.01": mean(0.1), "0.001": None}}
    return found if change is None else {**found, "auc_change": mean(change), "tpr_change": {"0.01": mean(0.0), "0.001": None}}


def cell(attack: str, undefended: float, adaptive: float | None, *, inside: bool = False) -> dict[str, object]:
    found = {"attack": attack, "inside": inside, "fingerprint": "f", "undefended": leak(undefended)}
    found["seeds"] = [{"seed": 0, "undefended": undefended}]
    if adaptive is not None:
        both = {name: leak(adaptive, adaptive - undefended) for name in ("naive", "adaptive")}
        found |= {**both, "knowing": mean(0.0)}
    return found


def put(folder: Path, defense: str, accuracy: float, cells: list[dict[str, object]]) -> None:
    """Write a defense, and what would have been measured of it on the tiny target."""
    (folder / "defenses").mkdir(parents=True, exist_ok=True)
    (folder / "defenses" / f"{defense}.yaml").write_text(ENTRY.format(id=defense))
    share = {"undefended": mean(0.9), "defended": mean(accuracy), "change": mean(accuracy - 0.9)}
    one = {"target": "tiny", "test_accuracy": share, "facts": {"epsilon": [2.5]}, "attacks": cells}
    one["training_seconds"] = {"undefended": 1.5, "defended": 3.25}
    found = {"schema": 1, "defense": defense, "params": {}, "versions": {}, "commit": None, "targets": [one]}
    (folder / "evidence" / "defenses").mkdir(parents=True, exist_ok=True)
    (folder / "evidence" / "defenses" / f"{defense}.json").write_text(json.dumps(found))
