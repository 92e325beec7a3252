"""What an owner can take away: minimal sets of stated grants, each withdrawn or replaced by a poorer one, that stop attacks.

What follows from a grant goes with it, since only what was stated can be withdrawn.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from taxonomy.answers import Atlas, Feasible
from taxonomy.entries import Attack, Defense
from taxonomy.minimal_sets import MAKE, OutOfWorkError, Search, bits, by_size, hitting_sets, shrunk
from taxonomy.threat import ThreatModel

MAX_CUTS = 5_000
# What it costs the users of a model if its owner takes something away: nothing if it is a description, little if answers get
# poorer, much if there is no file any more, most if there is no service, or no federation.
DESCRIPTION, POORER, FILE, SERVICE = 0, 1, 3, 4

# A stated grant and what is left in its place; None if nothing is.
Move = tuple[str, str | None]


@dataclass(frozen=True)
class Cut:
    """Stated grants that are withdrawn, or replaced by poorer ones, which removes attacks; nothing less removes the same or more.

    `by_owner` says whether all of it is in the hand of the model's owner, `cost` what its users lose (only a rank), and
    `defenses` name those that do all of it.
    """

    moves: tuple[Move, ...]
    removes: tuple[str, ...]
    remaining: int
    defenses: tuple[str, ...]
    by_owner: bool
    cost: tuple[int, int]

    @property
    def withdraw(self) -> tuple[str, ...]:
        """The stated grants that are withdrawn or replaced."""
        return tuple(term for term, _ in self.moves)

    @property
    def replace_by(self) -> dict[str, str]:
        """What is left in the place of those that are replaced."""
        return {term: poorer for term, poorer in self.moves if poorer is not None}

    def as_json(self) -> dict[str, Any]:
        """Return the cut as plain data."""
        return {
            "withdraw": list(self.withdraw),
            "replace_by": self.replace_by,
            "by_owner": self.by_owner,
            "removes": list(self.removes),
            "remaining": self.remaining,
            "defenses": list(self.defenses),
        }


@dataclass(frozen=True)
class Mask:
    """A stated grant and a poorer one in its place, which stops nothing, and the attacks that only stand in a weaker way then."""

    term: str
    left: str
    weakens: tuple[str, ...]
    defenses: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the mask as plain data."""
        return {"replace": self.term, "by": self.left, "weakens": list(self.weakens), "defenses": list(self.defenses)}


def does(defense: Defense, move: Move) -> bool:
    """Whether a defense makes a move: leaves the poorer grant, or nothing."""
    term, poorer = move
    return term in defense.withdraws if poorer is None else defense.replaces.get(term) == poorer


def poorer(atlas: Atlas, threat: ThreatModel) -> dict[str, tuple[str, ...]]:
    """Return what each stated grant can be replaced by, by one defense or several after another, richest first."""
    steps: dict[str, set[str]] = {}
    fitting = set(atlas.grantable(threat))
    for defense in atlas.catalog.defenses.values():
        for term, left in defense.replaces.items():
            if left in fitting:
                steps.setdefault(term, set()).add(left)
    found: dict[str, tuple[str, ...]] = {}
    for term in sorted(threat.knows & steps.keys()):
        levels, queue = set[str](), [term]
        while queue:
            fresh = steps.get(queue.pop(), set()) - levels - {term}
            levels |= fresh
            queue.extend(fresh)
        found[term] = tuple(sorted(levels, key=lambda level: (-_worth(atlas, level), level)))
    return found


def _worth(atlas: Atlas, term: str) -> int:
    """Return how many kinds of answers a term gives, itself among them."""
    terms = atlas.catalog.terms
    return sum(name in terms and terms[name].aspect == "query" for name in atlas.resolver.closure([term]))


def harden(atlas: Atlas, threat: ThreatModel, only: Sequence[Attack] | None = None) -> tuple[list[Cut], bool]:
    """Return the minimal cuts, and whether the list was cut short: what owners can do first, cheapest for users first.

    `only` are the attacks to stop, feasible ones; by default all that are.
    """
    threat = atlas.stated(threat)
    attacks = only or [answer.attack for answer in atlas.answers(threat) if isinstance(answer, Feasible)]
    levels = poorer(atlas, threat)
    atoms = sorted(threat.knows.union(*levels.values()))
    base = _Environments(atlas, threat, attacks, atoms)
    plain = [name for name in sorted(threat.knows) if name not in levels]
    # A choice of what is left of each grant that can be replaced: itself, something poorer, nothing.
    choices = list(itertools.product(*[(term, *left, None) for term, left in levels.items()]))
    parts = {choice: _Withdrawals(base, plain, [name for name in choice if name is not None]) for choice in choices}
    truncated = base.truncated
    cuts = list[Cut]()
    for choice, part in parts.items():
        found = part.cuts()
        truncated |= part.truncated
        for cut in [0, *found]:
            removes = part.removed(cut)
            richer = _richer(atlas, levels, choice)
            if not removes or any(set(parts[other].removed(cut)) >= set(removes) for other in richer):
                continue
            moves = [(term, left) for term, left in zip(levels, choice, strict=True) if left != term]
            moves += [(name, None) for name in part.named(cut)]
            if moves:
                cuts.append(_cut(atlas, threat, tuple(sorted(moves)), removes, len(attacks)))
    return sorted(cuts, key=_order), truncated


def masks(atlas: Atlas, threat: ThreatModel) -> list[Mask]:
    """Return what can be replaced without stopping any attack, and still weakens some: most attacks first."""
    threat = atlas.stated(threat)
    before = {answer.attack.id: answer for answer in atlas.answers(threat) if isinstance(answer, Feasible)}
    found = list[Mask]()
    for term, levels in poorer(atlas, threat).items():
        for left in levels:
            replaced = threat.with_grants((threat.knows - {term}) | {left})
            after = {answer.attack.id: answer for answer in atlas.answers(replaced) if isinstance(answer, Feasible)}
            if not after.keys() >= before.keys():
                continue
            weakens = tuple(name for name, answer in before.items() if after[name].weakness > answer.weakness)
            if weakens:
                defenses = tuple(sorted(d.id for d in atlas.catalog.defenses.values() if does(d, (term, left))))
                found.append(Mask(term, left, weakens, defenses))
    return sorted(found, key=lambda mask: (-len(mask.weakens), mask.term, mask.left))


def trainings(atlas: Atlas, threat: ThreatModel) -> dict[str, tuple[str, ...]]:
    """Return the defenses that change how the model is trained, each with the feasible attacks that it was shown to mitigate."""
    feasible = {answer.attack.id for answer in atlas.answers(atlas.stated(threat)) if isinstance(answer, Feasible)}
    found: dict[str, tuple[str, ...]] = {}
    for defense in atlas.catalog.defenses.values():
        helps = tuple(sorted({effect.attack for effect in defense.mitigates if effect.attack and effect.attack in feasible}))
        if defense.changes == "training" and helps:
            found[defense.id] = helps
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def stops(atlas: Atlas, attack: Attack, threat: ThreatModel) -> list[Cut]:
    """Return every minimal cut that makes one attack infeasible."""
    return harden(atlas, threat, [attack])[0]


def _richer(atlas: Atlas, levels: dict[str, tuple[str, ...]], choice: tuple[str | None, ...]) -> list[tuple[str | None, ...]]:
    """Return the choices that leave more in one place, and otherwise the same."""
    found = []
    for at, (term, left) in enumerate(levels.items()):
        mine = choice[at]
        if mine == term:
            continue
        for level in (term, *left):
            if level != mine and (mine is None or level == term or mine in atlas.resolver.closure([level])):
                found.append((*choice[:at], level, *choice[at + 1 :]))
    return found


def _cut(atlas: Atlas, threat: ThreatModel, moves: tuple[Move, ...], removes: tuple[str, ...], feasible: int) -> Cut:
    by_owner = all(atlas.catalog.terms[term].holder == "owner" for term, _ in moves)
    suited = tuple(sorted(d.id for d in atlas.catalog.defenses.values() if all(does(d, move) for move in moves)))
    costs = [_loss(atlas, threat, move) for move in moves]
    cost = sum(kind for kind, _ in costs), sum(lost for _, lost in costs)
    return Cut(moves, removes, feasible - len(removes), suited, by_owner, cost)


def _loss(atlas: Atlas, threat: ThreatModel, move: Move) -> tuple[int, int]:
    """Return what users lose by a move: what kind of thing, and how many kinds of answers."""
    term, left = move
    if left is not None:
        return POORER, _worth(atlas, term) - _worth(atlas, left)
    aspect, symbol = atlas.catalog.terms[term].aspect, atlas.catalog.terms[term].symbol
    if aspect == "query":
        return SERVICE, _worth(atlas, term)
    if aspect == "role":
        return (POORER, 0) if term == "active" else (SERVICE, 0)
    # Who may hold the weights needs the structure to run them.
    runs = term in ("M2", "M2.architecture") and any(name.startswith("M1.") for name in threat.knows)
    return (FILE, 0) if symbol == "M1" or runs else (DESCRIPTION, 0)


def _order(cut: Cut) -> tuple[Any, ...]:
    moves = [(term, left or "") for term, left in cut.moves]
    return not cut.by_owner, cut.cost if cut.by_owner else (0, 0), len(cut.moves), -len(cut.removes), moves


class _Environments:
    """The minimal sets of atoms (stated grants, and what could be left in their place) on which each attack stands.

    Where the list of an attack's environments was cut short, the rules are asked instead.
    """

    def __init__(self, atlas: Atlas, threat: ThreatModel, attacks: Sequence[Attack], atoms: Sequence[str]):
        self.atlas, self.threat = atlas, threat
        self.atoms = atoms
        self.attacks = {attack.id: attack for attack in sorted(attacks, key=lambda attack: attack.id)}
        self.of: dict[str, list[frozenset[str]]] = {}
        self.in_part: list[str] = []
        for name, attack in self.attacks.items():
            supports = atlas.missing(attack, threat, threat.aspects, atoms)
            self.of[name] = [frozenset(support) for support in supports.sets]
            if supports.truncated:
                self.in_part.append(name)

    @property
    def truncated(self) -> bool:
        """Whether any list was cut short."""
        return bool(self.in_part)

    def stands(self, attack: str, grants: Iterable[str]) -> bool:
        """Whether an attack is feasible with these grants, by the rules themselves."""
        return self.atlas.stands(self.attacks[attack], self.threat.with_grants(grants)) is not False


class _Withdrawals:
    """What falls if grants are withdrawn, while others are left: a cut is a bit mask over the grants that can be withdrawn.

    An attack falls if a cut hits all of its minimal environments (Reiter 1987); which of them a term hits is a mask over all
    environments.
    """

    def __init__(self, base: _Environments, terms: Sequence[str], left: Sequence[str]):
        self.base, self.terms, self.left = base, terms, left
        self.in_part = base.in_part
        self.truncated = False
        bit = {name: 1 << i for i, name in enumerate(terms)}
        have = {*terms, *left}
        self.environments: dict[str, list[int]] = {}
        for attack, supports in base.of.items():
            # A grant that is left in another's place too is there whether it is withdrawn or not.
            hittable = (support.difference(left) for support in supports if support <= have)
            masks = {sum(bit[name] for name in support) for support in hittable}
            self.environments[attack] = _minimal(masks)
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
        rest = [*self.left, *(name for i, name in enumerate(self.terms) if not cut >> i & 1)]
        return any(self.base.stands(attack, rest) for attack in attacks)

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
        price = MAKE * len(self.base.atlas.resolver.graph.rules)
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
        asked = MAKE * len(self.in_part) * len(self.base.atlas.resolver.graph.rules)
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


def _minimal(masks: Iterable[int]) -> list[int]:
    """Return the masks that contain no other, smallest first."""
    kept: list[int] = []
    for mask in by_size(masks):
        if not any(other & mask == other for other in kept):
            kept.append(mask)
    return kept
