"""What the null and the power tests share: attacks run on a target, once a session."""

from __future__ import annotations

import pytest

from attacks import plan as plans
from attacks.engine import Engine, executor
from attacks.store import Store
from taxonomy.loading import load

# An attack without anything to find is at chance however few models and queries it takes, and is the more easily led astray.
FEW = {
    **{name: {"count": "4"} for name in ("shadow-models", "reference-models")},
    **{name: {"queries": "200"} for name in ("li-2021-boundary", "choquettechoo-2021-boundary", "choquettechoo-2021-combined")},
    **{name: {"queries": "20"} for name in ("choquettechoo-2021-noise", "rahimian-2020-sampling")},
}


@pytest.fixture(scope="session")
def measured(kept_store):
    """Run every attack that names a target in its entry on that target; targets and shadow models are kept between sessions."""
    catalog, found = load(), {}

    def measure(target, seed, *, few=False):
        if (target, seed, few) not in found:
            named = [a.id for a in catalog.attacks.values() if a.run and target in (*a.targets.power, a.targets.null)]
            with executor(2) as pool:
                plan = plans.make(catalog, catalog.target(target), None, sorted(named), FEW if few else {})
                outcome = Engine(catalog, Store(kept_store), executor=pool).run(plan, seed)
            found[target, seed, few] = {r["attack"]: r for r in outcome.results}
            assert not outcome.failures, outcome.failures
        return found[target, seed, few]

    return measure
