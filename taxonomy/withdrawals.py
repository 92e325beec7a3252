"""What to withdraw: minimal sets of grants without which attacks are no longer feasible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from taxonomy.answers import Atlas, Feasible
from taxonomy.entries import Attack
from taxonomy.graph import Graph, goal
from taxonomy.minimal_sets import MAKE, OutOfWorkError, Search, bits, by_size, hitting_sets, shrunk
from taxonomy.resolver import Resolver
from taxonomy.terms import FACETS
from taxonomy.threat import ThreatModel

MAX_CUTS = 5_000
ASPECTS = ("observation", "model-type", "frame", *FACETS)


@dataclass(frozen=True)
class Cut:
    """Grants whose withdrawal removes attacks; no proper subset removes the same or more."""

    withdraw: tuple[str, ...]
    removes: tuple[str, ...]
    remaining: int
    defenses: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the cut as plain data."""
        return {
            "withdraw": list(self.withdraw),
            "removes": list(self.removes),
            "remaining": self.remaining,
            "defenses": list(self.defenses),
        }


def closed_grants(atlas: Atlas, threat: ThreatModel) -> set[str]:
    """Return the grants closed under implications, without aspects: what can be withdrawn one by one."""
    implications = [rule for rule in atlas.resolver.graph.rules if rule.kind == "implication"]
    closure = Resolver(Graph(implications, atlas.catalog.terms)).closure(atlas.stated(threat).grants)
    return {name for name in closure if atlas.catalog.terms[name].aspect not in ASPECTS}


def harden(atlas: Atlas, threat: ThreatModel) -> tuple[list[Cut], bool]:
    """Return the minimal cuts by size, then by what they remove; and whether the list was cut short."""
    attacks = [answer.attack for answer in atlas.answers(threat) if isinstance(answer, Feasible)]
    found = _Withdrawals(atlas, threat, attacks)
    defenses = {d.id: set(d.withdraws) for d in atlas.catalog.defenses.values() if d.withdraws}
    cuts = []
    for cut in found.cuts():
        names, removes = found.named(cut), found.removed(cut)
        suited = tuple(sorted(d for d, taken in defenses.items() if taken >= set(names)))
        cuts.append(Cut(names, removes, len(attacks) - len(removes), suited))
    return sorted(cuts, key=lambda c: (len(c.withdraw), -len(c.removes), c.withdraw)), found.truncated


def stops(atlas: Atlas, attack: Attack, threat: ThreatModel) -> list[tuple[str, ...]]:
    """Return every minimal set of grants, closed under implications, whose withdrawal makes one attack infeasible."""
    found = _Withdrawals(atlas, threat, [attack])
    return sorted((found.named(cut) for cut in found.of_one(attack.id)), key=lambda cut: (len(cut), cut))


class _Withdrawals:
    """What falls if grants are withdrawn: a cut is a bit mask over the grants closed under implications.

    An attack falls if a cut hits all of its minimal environments (Reiter 1987); which of them a term hits is a mask over all
    environments. Where the list of an attack's environments was cut short, the rules are asked instead.
    """

    def __init__(self, atlas: Atlas, threat: ThreatModel, attacks: Sequence[Attack]):
        self.resolver = atlas.resolver
        self.terms = sorted(closed_grants(atlas, threat))
        self.aspects = [name for name in atlas.stated(threat).grants if atlas.catalog.terms[name].aspect in ASPECTS]
        self.truncated = False
        self.environments: dict[str, list[int]] = {}
        self.in_part: list[str] = []
        bit = {name: 1 << i for i, name in enumerate(self.terms)}
        for attack in sorted(attacks, key=lambda attack: attack.id):
            supports = self.resolver.missing(goal(attack.id), self.aspects, self.terms)
            self.environments[attack.id] = [sum(bit[name] for name in support) for support in supports.sets]
            if supports.truncated:
                self.in_part.append(attack.id)
                self.truncated = True
        number: dict[int, int] = {}
        self.hit_by = dict.fromkeys(bit.values(), 0)
        self.all_of: dict[str, int] = {}
        for name, environments in self.environments.items():
            if name not in self.in_part:
                numbers = [1 << number.setdefault(environment, len(number)) for environment in environments]
                self.all_of[name] = sum(set(numbers))
        for environment, at in number.items():
            for member in bits(environment):
                self.hit_by[member] |= 1 << at

    def named(self, cut: int) -> tuple[str, ...]:
        """Return the terms of a cut."""
        return tuple(name for i, name in enumerate(self.terms) if cut >> i & 1)

    def hit(self, cut: int) -> int:
        """Return which environments a cut hits, as a mask."""
        result = 0
        for member in bits(cut):
            result |= self.hit_by[member]
        return result

    def stand(self, attacks: Sequence[str], cut: int) -> bool:
        """Whether any of some attacks is feasible without the terms of a cut, by the rules themselves."""
        rest = [name for i, name in enumerate(self.terms) if not cut >> i & 1]
        closure = self.resolver.closure([*self.aspects, *rest])
        return any(goal(attack) in closure for attack in attacks)

    def removed(self, cut: int) -> tuple[str, ...]:
        """Return the attacks that fall, sorted. One that needs no grant never does."""
        hit = self.hit(cut)
        gone = [name for name, needed in self.all_of.items() if needed & hit == needed]
        return tuple(sorted(gone + [name for name in self.in_part if not self.stand([name], cut)]))

    def is_minimal(self, cut: int, removed: Sequence[str]) -> bool:
        """Whether something that falls would stand without each member of the cut."""
        needed = 0
        for name in removed:
            needed |= self.all_of.get(name, 0)
        in_part = [name for name in removed if name in self.in_part]
        return all(needed & ~self.hit(cut & ~member) or (in_part and self.stand(in_part, cut & ~member)) for member in bits(cut))

    def of_one(self, attack: str) -> list[int]:
        """Return the minimal cuts that make one attack infeasible."""
        cuts, truncated = hitting_sets(self.environments[attack])
        self.truncated |= truncated
        if attack not in self.in_part:
            return cuts
        return by_size(found for cut in cuts or [0] for found in self._grown([attack], cut))

    def _grown(self, attacks: Sequence[str], cut: int) -> list[int]:
        """Return a minimal cut that makes all of some attacks infeasible, near a cut that hits the environments that are known.

        Environments that are not known may be left over, so the rules are asked: of all that could be withdrawn, what need not be
        is given back, the terms of the cut last.
        """
        price = MAKE * len(self.resolver.graph.rules)
        every = (1 << len(self.terms)) - 1
        rest = shrunk([every & ~cut], price, lambda mask: not self.stand(attacks, cut | mask))
        return shrunk([cut | mask for mask in rest], price, lambda mask: not self.stand(attacks, mask))

    def cuts(self) -> list[int]:
        """Return all cuts without an idle member, smallest first; as many as the work allows, and those that remove everything.

        Such a cut is a union of the minimal hitting sets of single attacks, so all of them are found by joining those.
        """
        single = by_size(cut for attack in self.environments for cut in self.of_one(attack))
        sizes: dict[int, list[int]] = {}
        for cut in single:
            sizes.setdefault(cut.bit_count(), []).append(cut)
        seen, found, search = set(single), list[int](), Search()
        asked = MAKE * len(self.in_part) * len(self.resolver.graph.rules)
        try:
            while sizes:
                # A union is larger than the cut that it was made from, so every cut of this size is known.
                for cut in sorted(sizes.pop(min(sizes))):
                    search.spend(len(self.all_of) + asked * (1 + cut.bit_count()))
                    removed = self.removed(cut)
                    if not self.is_minimal(cut, removed):
                        continue
                    if len(found) == MAX_CUTS:
                        raise OutOfWorkError
                    found.append(cut)
                    search.spend(MAKE * len(single))
                    for joined in {cut | other for other in single} - seen:
                        seen.add(joined)
                        sizes.setdefault(joined.bit_count(), []).append(joined)
        except OutOfWorkError:
            self.truncated = True
            found = by_size([*found, *self._of_all()])
        return found

    def _of_all(self) -> list[int]:
        """Return minimal cuts that remove every attack that can be removed."""
        falling = {name: found for name, found in self.environments.items() if 0 not in found}
        cuts = hitting_sets(environment for found in falling.values() for environment in found)[0]
        return self._grown(list(falling), cuts[0] if cuts else 0) if self.in_part else cuts
