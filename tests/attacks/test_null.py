"""The null test: no attack tells members from others on a target that never saw its "members"."""

from __future__ import annotations

import numpy as np
import pytest

from taxonomy.loading import load

CATALOG = load()
SEEDS = range(5)
Z_999 = 3.2905
CASES = [a.id for a in sorted(CATALOG.attacks.values(), key=lambda a: a.id) if a.run and a.goal == "membership"]


@pytest.mark.slow
@pytest.mark.parametrize("attack_id", CASES)
def test_null(attack_id, measured):
    """At chance on a target that never saw the candidates: AUC pooled over five seeds, 1/2 within the 99.9 % interval."""
    target = CATALOG.attacks[attack_id].targets.null
    results = [measured(target, seed)[attack_id] for seed in SEEDS]
    pooled = np.mean([r["auc"] for r in results])
    error = np.sqrt(np.sum([r["auc_se"] ** 2 for r in results])) / len(results)
    assert abs(pooled - 0.5) <= Z_999 * error, (
        f"{attack_id} has AUC {pooled:.3f} (standard error {error:.3f}) on {target}, which never saw its candidates: "
        "the attack sees membership, or its score is biased by the order or the shadow models"
    )
