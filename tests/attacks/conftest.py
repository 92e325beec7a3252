"""What the null and the power tests share: attacks run on a target, once a session."""

from __future__ import annotations

import pytest

from attacks import plan as plans
from attacks.engine import Engine, executor
from attacks.store import Store
from taxonomy.loading import load


@pytest.fixture(scope="session")
def measured(kept_store):
    """Run every attack that names a target in its entry on that target; targets and shadow models are kept between sessions."""
    catalog, found = load(), {}

    def measure(target, seed):
        if (target, seed) not in found:
            named = [a.id for a in catalog.attacks.values() if a.run and target in (*a.targets.power, a.targets.null)]
            with executor(2) as pool:
                plan = plans.make(catalog, catalog.target(target), None, sorted(named))
                outcome = Engine(catalog, Store(kept_store), executor=pool).run(plan, seed)
            found[target, seed] = {r["attack"]: r for r in outcome.results}
            assert not outcome.failures, outcome.failures
        return found[target, seed]

    return measure
