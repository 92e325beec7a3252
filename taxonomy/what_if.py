"""What would change: the attacks that are gained and lost if terms are granted or withdrawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from taxonomy.answers import Atlas, Feasible
from taxonomy.threat import ThreatModel, contradictions


@dataclass(frozen=True)
class Difference:
    """What changes if some terms are granted and others withdrawn.

    `weaker` and `stronger` are attacks that stand before and after, in a weaker or less weak way.
    Of what was to be withdrawn, `still_implied` follows from what is left, and `not_granted` nobody had to begin with.
    `implied_by` are the grants that each of the former follows from; it is among `poorer` where attacks are weaker with it.
    """

    add: tuple[str, ...]
    remove: tuple[str, ...]
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    weaker: tuple[str, ...]
    stronger: tuple[str, ...]
    still_implied: tuple[str, ...]
    not_granted: tuple[str, ...]
    contradictions: tuple[str, ...]
    after: ThreatModel
    implied_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    poorer: frozenset[str] = frozenset()

    def as_json(self) -> dict[str, Any]:
        """Return the difference as plain data."""
        return {
            "add": list(self.add),
            "remove": list(self.remove),
            "gained": list(self.gained),
            "lost": list(self.lost),
            "weaker": list(self.weaker),
            "stronger": list(self.stronger),
            "still_implied": list(self.still_implied),
            "implied_by": {term: list(grants) for term, grants in self.implied_by.items()},
            "not_granted": list(self.not_granted),
            "contradictions": list(self.contradictions),
            "threat_model": self.after.as_json(),
        }


def what_if(atlas: Atlas, threat: ThreatModel, add: Iterable[str], remove: Iterable[str]) -> Difference:
    """Return which attacks are gained and lost, and which change their strength.

    A withdrawn grant is one that was stated; what follows from it goes with it.
    """
    add, remove = tuple(sorted(set(add))), tuple(sorted(set(remove)))
    threat = atlas.stated(threat)
    after = replace(threat, knows=(threat.knows - set(remove)) | set(add))
    # What was read of the model stays true: a capability more never takes an attack away, and one less changes no model.
    anew = atlas.stated(replace(after, facets=frozenset()))
    after = replace(after, facets=threat.facets | anew.facets, said=threat.said | anew.said)
    before, later = ({a.attack.id: a for a in atlas.answers(t) if isinstance(a, Feasible)} for t in (threat, after))
    both = sorted(before.keys() & later.keys())
    closure = atlas.resolver.closure(after.grants)
    proofs = {name: atlas.resolver.derivation([name], after.grants) for name in remove if name in closure}
    rules = {name: proof.rules if proof else () for name, proof in proofs.items()}
    return Difference(
        add,
        remove,
        tuple(sorted(later.keys() - before.keys())),
        tuple(sorted(before.keys() - later.keys())),
        tuple(name for name in both if later[name].weakness > before[name].weakness),
        tuple(name for name in both if later[name].weakness < before[name].weakness),
        tuple(name for name in remove if name in closure),
        tuple(name for name in remove if name not in threat.knows and name not in closure),
        tuple(contradictions(atlas.catalog, after)),
        after,
        {name: tuple(sorted({need for rule in made for need in rule.needs} & after.knows)) for name, made in rules.items()},
        frozenset(name for name, made in rules.items() if any(rule.weaker for rule in made)),
    )
