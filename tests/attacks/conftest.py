"""What the null and the power tests share: attacks run on a target, once a session."""

from __future__ import annotations

import pytest
from shorter import INVERSIONS, LEARNERS, SEARCHES, WRITERS

from attacks.engine import plan as plans
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from taxonomy.loading import load

# An attack without anything to find is at chance however few models and queries it takes, and is the more easily led astray.
FEW = {
    **{name: {"count": "4"} for name in ("shadow-models", "reference-models")},
    **SEARCHES,
    **WRITERS,
    **LEARNERS,
    **INVERSIONS,
}


@pytest.fixture(scope="session")
def measured(kept_store):
    """Run every attack that names a target in its entry on that target; targets and shadow models are kept between sessions.

    With `few`, with few models and queries; with `whole_searches`, attacks that search for each record do so as long as their
    entries say, which takes longer than all other attacks together; with `only`, that attack alone.
    """
    catalog, found = load(), {}

    def measure(target, seed, *, few=False, whole_searches=False, only=None):
        asked = (target, seed, few, whole_searches, only)
        if asked not in found:
            named = [a.id for a in catalog.attacks.values() if a.run and target in (*a.targets.power, a.targets.null)]
            named = [only] if only else named
            settings = FEW if few else {} if whole_searches else SEARCHES
            plan = plans.make(catalog, catalog.target(target), None, sorted(named), settings)
            outcome = Engine(catalog, Store(kept_store)).run(plan, seed)
            found[asked] = {r["attack"]: r for r in outcome.results}
            assert not outcome.failures, outcome.failures
        return found[asked]

    return measure
