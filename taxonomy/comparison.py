"""How two attacks compare: what each needs that the other does not, and the figures reported for both."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from taxonomy.answers import Atlas
from taxonomy.entries import NO_LIMITS, Attack, Limits
from taxonomy.graph import goal
from taxonomy.terms import FACETS, MODEL_TYPES
from taxonomy.threat import ThreatModel

# What frames a threat model and says what is attacked.
ASPECTS = ("observation", "model-type", "frame", *FACETS)


@dataclass(frozen=True)
class Comparison:
    """What one attack needs that another does not, and whether it dominates it. None is what the search did not decide.

    `orderings` are entries on what papers say of the two.
    """

    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    shared: tuple[str, ...]
    first_needs_no_more: bool | None
    second_needs_no_more: bool | None
    figures: tuple[dict[str, Any], ...]
    orderings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the comparison as plain data."""
        return {
            "orderings": list(self.orderings),
            "only_first": list(self.only_first),
            "only_second": list(self.only_second),
            "shared": list(self.shared),
            "first_needs_no_more": self.first_needs_no_more,
            "second_needs_no_more": self.second_needs_no_more,
            "figures": list(self.figures),
            "dominates": self.dominates,
        }

    @property
    def dominates(self) -> str | None:
        """Which attack needs no more and has every comparable figure at least as high, one of them higher."""
        if not self.figures:
            return None
        first_wins = all(f["first"] >= f["second"] for f in self.figures) and any(f["first"] > f["second"] for f in self.figures)
        second_wins = all(f["second"] >= f["first"] for f in self.figures) and any(f["second"] > f["first"] for f in self.figures)
        if first_wins and self.first_needs_no_more:
            return "first"
        return "second" if second_wins and self.second_needs_no_more else None


def compare(atlas: Atlas, first: Attack, second: Attack, limits: Limits = NO_LIMITS) -> Comparison:
    """Return how two attacks compare in what they need, and in the figures reported for both on the same data.

    With limits, an adversary that can mount an attack is one that can do so within them.
    """
    a, b = set(first.needs), set(second.needs)
    orderings: Mapping[str, Any] = atlas.catalog.kinds["orderings"]
    return Comparison(
        tuple(sorted(a - b)),
        tuple(sorted(b - a)),
        tuple(sorted(a & b)),
        _needs_no_more(atlas, first, second, limits),
        _needs_no_more(atlas, second, first, limits),
        tuple(_common_figures(first, second)),
        tuple(sorted(name for name, o in orderings.items() if {o.better, o.worse} == {first.id, second.id})),
    )


def _needs_no_more(atlas: Atlas, attack: Attack, other: Attack, limits: Limits) -> bool | None:
    """Whether every adversary that can mount the other attack can mount this one: so on each minimal environment.

    None if that holds on all that were found, and the search for them was cut short, or if there is no such adversary.
    """
    terms = atlas.catalog.terms
    aspects = [name for name in other.needs if terms[name].aspect in ASPECTS]
    aspects += [name for name, term in terms.items() if term.aspect in FACETS and term.models and set(term.models) & set(aspects)]
    model = next((name for name in aspects if name in MODEL_TYPES), MODEL_TYPES[0])
    threat = ThreatModel("white-box", model, "federated" if "federated" in aspects else "stand-alone", limits=limits)
    environments = atlas.missing(other, threat, aspects, atlas.catalog.grantable)
    if not environments.sets and limits.any:
        return None
    for environment in environments.sets:
        closure = atlas.resolver.closure([*aspects, *environment])
        if goal(attack.id) not in closure:
            return False
        if limits.any and not atlas.stands(attack, threat.with_grants([*aspects, *environment])):
            return False
    return None if environments.truncated else bool(environments.sets)


def _common_figures(first: Attack, second: Attack) -> Iterable[dict[str, Any]]:
    """Yield figures that one table of one work reports for both attacks on the same data by the same metric."""
    for a, b in itertools.product(first.reported, second.reported):
        works = [claim.by or next(iter(attack.cites), None) for claim, attack in ((a, first), (b, second))]
        if works[0] == works[1] and (a.dataset, a.metric, a.where) == (b.dataset, b.metric, b.where):
            yield {
                "dataset": a.dataset,
                "metric": a.metric,
                "first": a.value,
                "second": b.value,
                "work": works[0],
                "where": a.where,
                "settings": [a.setting, b.setting],
            }
