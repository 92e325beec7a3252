"""What changed between two runs or audits, attack by attack, with an interval on every difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from attacks.audit.measured import Key, Measured
from attacks.metrics import change
from attacks.metrics.change import Change
from attacks.metrics.figures import unresolved
from attacks.metrics.ranking import auc
from taxonomy.findings import InputError, relative


@dataclass(frozen=True)
class AttackChange:
    """How an attack's figures differ. A rate that either side cannot resolve is None, with the reason in `unresolved`."""

    attack: str
    threat_model: str | None
    auc: Change
    tpr_at_fpr: dict[str, Change | None] = field(default_factory=dict)
    unresolved: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the differences as plain data."""
        rates = {rate: found.as_json() if found else None for rate, found in self.tpr_at_fpr.items()}
        named = {"attack": self.attack, "threat_model": self.threat_model}
        return {**named, "auc": self.auc.as_json(), "tpr_at_fpr": rates, "unresolved": self.unresolved}


@dataclass(frozen=True)
class StrongestChange:
    """The attack with the highest AUC of each side, which may be another one, and how their AUC differs.

    Of attacks that one side alone has scores of, those count that nobody could carry out on the other side, as where a mask stops
    them. One that failed there, or that nobody asked for, says nothing of what changed. The interval is that of these two
    attacks; it knows nothing of their having been chosen.
    """

    a: Key
    b: Key
    auc: Change

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        sides = {side: {"attack": attack, "threat_model": threat} for side, (threat, attack) in (("a", self.a), ("b", self.b))}
        return {**sides, "auc": self.auc.as_json()}


@dataclass(frozen=True)
class Changes:
    """What changed from `a` to `b`: the strongest attack, attacks that both have scores of, and those that stand in one only.

    `paired` says whether the records are the same, and `because` why so. `not_compared` are attacks of both that have another
    goal than membership, and so no scores.
    """

    a: Measured
    b: Measured
    paired: bool
    because: str
    strongest: StrongestChange
    attacks: list[AttackChange]
    only_in_a: list[Key]
    only_in_b: list[Key]
    not_compared: list[Key]

    @property
    def failed(self) -> list[tuple[str, list[Key]]]:
        """The attacks that failed, by side."""
        return [(name, sorted_keys(side.failed)) for name, side in (("A", self.a), ("B", self.b)) if side.failed]

    @property
    def notes(self) -> list[str]:
        """What else differs than the attacks' figures, in sentences: the target, and what the adversary has."""
        found = []
        if self.a.name != self.b.name:
            found.append(
                f"A is about {self.a.name} and B about {self.b.name}: differences may be those of two models or data sets."
            )
        if self.a.defense != self.b.defense:
            found.append(f"The defense of A is {self.a.defense}, and that of B {self.b.defense}.")
        if len(self.a.grants) == len(self.b.grants) == 1:
            (before,), (after,) = self.a.grants.values(), self.b.grants.values()
            for side, more in (("A", before - after), ("B", after - before)):
                if more:
                    terms = ", ".join(sorted(more))
                    found.append(f"The adversary of {side} also has {terms}: what it finds by that is no change of the model.")
        return found

    def as_json(self) -> dict[str, Any]:
        """Return the changes as plain data."""

        def named(keys: list[Key]) -> list[dict[str, str | None]]:
            return [{"attack": attack, "threat_model": threat} for threat, attack in keys]

        return {
            "a": str(self.a.folder),
            "b": str(self.b.folder),
            "paired": self.paired,
            "because": self.because,
            "notes": self.notes,
            "threat_models": {"a": self.a.threat_models, "b": self.b.threat_models},
            "strongest": self.strongest.as_json(),
            "attacks": [attack.as_json() for attack in self.attacks],
            "only_in_a": named(self.only_in_a),
            "only_in_b": named(self.only_in_b),
            "not_compared": named(self.not_compared),
            "failed": {"a": named(sorted_keys(self.a.failed)), "b": named(sorted_keys(self.b.failed))},
        }


def between(a: Measured, b: Measured) -> Changes:
    """Return what changed from a to b; raise InputError if no attack has scores in both.

    Attacks are matched by threat model and id; where each side has one threat model, by id alone. Records are matched by id and
    membership, in any order; those of runs, which keep no ids, if target, seed and membership are the same. If all are found on
    the other side, differences are paired.
    """
    other = b if len(a.threat_models) != 1 or len(b.threat_models) != 1 else _under(b, a.threat_models[0])
    common = [key for key in a.attacks if key in {*other.attacks}]
    scored = [key for key in common if key in a.scores and key in other.scores]
    if not scored:
        raise InputError(f"no attack on membership stands in both {relative(a.folder)} and {relative(b.folder)}")
    rows, because = _matched(a, b)
    best, best_of_other = _strongest(a, scored, other.stopped), _strongest(other, scored, a.stopped)
    score = other.scores[best_of_other]
    of_other = (score, b.member) if rows is None else (score[rows], a.member)
    area = change.of_area((a.scores[best], a.member), of_other, paired=rows is not None)
    found = []
    for key in scored:
        first = (a.scores[key], a.member)
        second = (other.scores[key], b.member) if rows is None else (other.scores[key][rows], a.member)
        paired = rows is not None
        compared = AttackChange(key[1], key[0], change.of_area(first, second, paired=paired))
        for rate in dict.fromkeys([*a.rates[key], *other.rates[key]]):
            fewest = min(int((~a.member).sum()), int((~b.member).sum()))
            if reason := unresolved(fewest, float(rate)):
                compared.tpr_at_fpr[rate], compared.unresolved[rate] = None, reason
            else:
                compared.tpr_at_fpr[rate] = change.of_rate(first, second, float(rate), paired=paired)
        found.append(compared)
    return Changes(
        a,
        b,
        rows is not None,
        because,
        StrongestChange(best, best_of_other if other is b else (b.threat_models[0], best_of_other[1]), area),
        found,
        only_in_a=[key for key in a.attacks if key not in common],
        only_in_b=[key for key in other.attacks if key not in common],
        not_compared=[key for key in common if key not in scored],
    )


def _under(side: Measured, threat: str | None) -> Measured:
    """Return a side whose attacks stand under the threat model of the other one."""

    def moved(found: dict[Key, Any]) -> dict[Key, Any]:
        return {(threat, attack): value for (_, attack), value in found.items()}

    attacks: list[Key] = [(threat, attack) for _, attack in side.attacks]
    stopped = frozenset((threat, attack) for _, attack in side.stopped)
    return replace(side, scores=moved(side.scores), rates=moved(side.rates), attacks=attacks, stopped=stopped)


def _strongest(side: Measured, common: list[Key], stopped: frozenset[Key]) -> Key:
    """Return the attack of a side with the highest AUC, of those that both have and those that the other side stops."""
    return max(
        (key for key in side.scores if key in common or key in stopped), key=lambda key: auc(side.scores[key], side.member)
    )


def sorted_keys(keys: Iterable[Key]) -> list[Key]:
    """Return attacks by threat model and id."""
    return sorted(keys, key=lambda key: (key[0] or "", key[1]))


def _matched(a: Measured, b: Measured) -> tuple[np.ndarray[Any, np.dtype[np.int64]] | None, str]:
    """Return the row of b for each record of a, or None where they are not the same records; and which of it, in words."""
    if (a.ids is None) != (b.ids is None):
        return None, "one side has ids of records and the other has none"
    if a.ids is None or b.ids is None:
        if a.origin is None or a.origin != b.origin:
            return None, "target or seed are not the same, and there are no ids of records"
        if not np.array_equal(a.member, b.member):
            return None, "the same target and seed, but other members"
        return np.arange(len(a.member)), "the same target and seed, and so the same records"
    if (a.content is None) != (b.content is None):
        return None, "the records of one side have no names but the numbers of their rows"
    name = "id" if a.content is None else "their features"
    ids, of_other = (side.ids if side.content is None else side.content for side in (a, b))
    assert ids is not None and of_other is not None, "both sides have them"
    rows = {key: row for row, key in enumerate(_counted(b.member, of_other))}
    keys = _counted(a.member, ids)
    if a.content is None and any(count for *_, count in (*rows, *keys)):
        return None, "an id stands at several records"
    same = sum(key in rows for key in keys)
    if same < len(keys) or len(rows) > len(keys):
        return None, f"{same:,} of {len(keys):,} and {len(rows):,} records are the same by {name} and membership"
    if a.content is None and (a.numbered or b.numbered):
        return np.array([rows[key] for key in keys]), "the same numbers of rows, which is all that names the records there"
    return np.array([rows[key] for key in keys]), f"the same records by {name} and membership"


def _counted(member: np.ndarray[Any, Any], names: np.ndarray[Any, Any]) -> list[tuple[bool, Any, int]]:
    """Return what names each record: membership, its name, and how many before it are called the same."""
    seen = Counter[tuple[bool, Any]]()
    found = []
    for key in zip(member.tolist(), names.tolist(), strict=True):
        found.append((*key, seen[key]))
        seen[key] += 1
    return found
