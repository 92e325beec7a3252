"""All black-box score attacks on digits-mlp beside both forms of LiRA, each from an empty store, by CPU time.

LiRA trains 16 shadow models online, and 16 reference models, on no candidate, offline; every other attack on scores uses the same
models, or a few of them, and asks the target itself. Attacks that train attack models or shadow models of their own are told
apart, since that work is theirs and cannot be shared.
"""

from __future__ import annotations

import time

import pytest
from records import Figure

from attacks.engine import plan as plans
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from taxonomy.loading import load
from taxonomy.threat import ThreatModel

LIRA, OFFLINE = "carlini-2022-lira", "carlini-2022-lira-offline"


@pytest.mark.slow
@pytest.mark.benchmark
def test_all_score_attacks_beside_both_forms_of_lira(record, tmp_path):
    catalog = load()
    target = catalog.target("digits-mlp")
    knows = frozenset(term for term in target.offers if not term.startswith("M1"))
    threat = ThreatModel("black-box", target.model, target.frame, knows)
    feasible = [p.attack for p in plans.make(catalog, target, threat).attacks]
    scored = [a.id for a in feasible if a.goal == "membership" and {"Q.scores", "Q.top-k"} & set(a.needs)]

    def clock(names: list[str]):
        engine = Engine(catalog, Store(tmp_path / f"store-{time.monotonic_ns()}"))
        plan = plans.make(catalog, target, threat, names)
        start = time.process_time()
        outcome = engine.run(plan, 0)
        assert not outcome.failures, outcome.failures
        return time.process_time() - start, outcome

    clock(scored)  # what is imported or loaded once is nobody's
    alone, of_lira = clock([LIRA, OFFLINE])
    everything, outcome = clock(scored)
    # Work of its own: an attack model to train takes a second or more; the others take a few hundredths.
    own = sorted((r["seconds"], r["attack"]) for r in outcome.results if r["seconds"] > 0.05 * alone)
    shared, of_shared = clock(sorted(set(scored) - {name for _, name in own}))
    both = Figure(alone), Figure(of_lira.trained, "models")
    beside = "both forms of LiRA"
    for name, took, done, what, goal in (
        ("all", everything, outcome, f"all {len(scored)} score attacks on digits-mlp", 1.15),
        ("sharing", shared, of_shared, f"those that do not take a second or more by themselves (all but {len(own)})", 1.15),
    ):
        figures = {"they": Figure(took), "they train": Figure(done.trained, "models"), "LiRA": both[0], "LiRA trains": both[1]}
        record(f"run/{name}", what, beside, took / alone, goal, figures)
    assert shared < 1.5 * alone, "attacks that share all models of LiRA, online and offline, cost little more than these two"
