"""Shadow models trained in blocks serve attacks as those of the loop do: over ten seeds, AUCs differ by chance only."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from attacks.engine import plan as plans
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.models import paths
from taxonomy import factors
from taxonomy.loading import load

# Both use 16 shadow models, and are the most sensitive to how these come out.
ATTACKS = ["carlini-2022-lira", "zarifzadeh-2024-rmia"]
SEEDS = range(10, 20)


@pytest.mark.slow
def test_both_paths_attack_alike(tmp_path, monkeypatch):
    catalog = load()
    whole = catalog.target("digits-mlp")
    # A third of its epochs takes a third of the time, and both paths have taken thousands of steps by then.
    brief = factors.derived(whole, "brief", params={**whole.params, "epochs": 20})
    catalog.targets[brief.id] = brief
    plan = plans.make(catalog, brief, None, ATTACKS)

    def aucs(path: str) -> np.ndarray:
        engine = Engine(catalog, Store(tmp_path / path))
        outcomes = [engine.run(plan, seed) for seed in SEEDS]
        kinds = {node.kind for node in engine.store.nodes() if node.name == "shadow models"}
        assert kinds == {"block" if path == paths.BLOCKS else "model"}
        return np.array([[result["auc"] for result in outcome.results] for outcome in outcomes])

    blocks = aucs(paths.BLOCKS)
    monkeypatch.setattr(paths, "SIZES", {})
    loop = aucs(paths.LOOP)
    for name, ours, theirs in zip(ATTACKS, blocks.T, loop.T, strict=True):
        differences = ours - theirs
        mean, deviation = differences.mean(), differences.std(ddof=1)
        # Tests on numbers that are the same each time on one processor, and others on another.
        half = stats.t.ppf(0.9995, len(SEEDS) - 1) * deviation / np.sqrt(len(SEEDS))
        told = f"{name}: blocks - loop {mean:+.5f} +- {half:.5f} (standard deviation {deviation:.5f}; AUC {theirs.mean():.3f})"
        print("\n" + told)
        assert 0 < half < 0.01, f"{told}: the paths round differently, and by little"
        assert abs(mean) <= half, told
