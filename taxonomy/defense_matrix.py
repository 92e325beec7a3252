"""What the matrix of defenses and attacks says of a target: the strongest attack with and without each defense, and the front."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from taxonomy.catalog import Catalog
from taxonomy.defense_evidence import Cell, DefenseEvidence, Leak, OnDefended
from taxonomy.entries import Defense
from taxonomy.figures import Average
from taxonomy.guarantees import least_epsilon

CHANCE = 0.5


@dataclass(frozen=True)
class Strongest:
    """The attack with the highest AUC, and that AUC."""

    attack: str
    auc: Average

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"attack": self.attack, "auc": self.auc.model_dump(mode="json")}


def less(one: Average, other: Average) -> Average:
    """Return one mean less another, with an interval that follows from that of each (MOVER, after Zou and Donner 2008).

    It takes the two for independent, which makes it wider where they rise and fall together, as on the same records.
    """
    (low, high), (lower, higher), mean = one.ci, other.ci, one.mean - other.mean
    down, up = math.hypot(one.mean - low, higher - other.mean), math.hypot(high - one.mean, other.mean - lower)
    return Average(mean=round(mean, 5), ci=(round(mean - down, 5), round(mean + up, 5)))


@dataclass(frozen=True)
class Audited:
    """What was measured of trainings with differential privacy, beside what their accountant says of them.

    `epsilon` is the accountant's, of the seed with the largest, at `delta`. `lower_bound` is the largest epsilon that an attack's
    interval rules out, 0 for none, and `attack` the one that does. `above_chance` counts the AUCs whose interval lies above one
    half, `of` all of them. Each interval is a 95 % one, so of many a few say more than is true.
    """

    epsilon: float
    delta: float
    lower_bound: float
    attack: str | None
    above_chance: int
    of: int

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class BelowNaive:
    """Attacks that find less, beyond the interval, by who knows of a defense than by who does not: each with its targets.

    They stand by the reason that the defense's entry gives, "" for none. `of` counts the attacks and targets on which both found
    something else. Of intervals of 95 % one in forty lies below 0 by chance alone.
    """

    by_reason: Mapping[str, Mapping[str, Sequence[str]]]
    of: int

    @property
    def many(self) -> int:
        """How many attacks and targets these are."""
        return sum(len(targets) for attacks in self.by_reason.values() for targets in attacks.values())


@dataclass(frozen=True)
class Row:
    """A defense on a target: the strongest attacks of somebody outside, with it and without it, and what was measured.

    Where nobody outside has an attack, as in federations, they are those of who is inside. `naive` and `adaptive` are None where
    no such attack is left. `stopped` are the attacks that it leaves infeasible, `of` how many there were.
    """

    defense: str
    undefended: Strongest | None
    naive: Strongest | None
    adaptive: Strongest | None
    stopped: tuple[str, ...]
    of: int
    measured: OnDefended

    @property
    def left(self) -> Strongest | None:
        """The strongest attack with the defense, of those that know of it and those that do not: who knows may act as if not."""
        return max((one for one in (self.adaptive, self.naive) if one), key=lambda one: one.auc.mean, default=None)

    @property
    def change(self) -> Average | None:
        """The AUC of the strongest attack with the defense less that of the strongest without it; None if one of them is none.

        If both are one attack the difference is paired; of two attacks its interval is that of `less`. It knows nothing of their
        having been chosen.
        """
        before, after = self.undefended, self.left
        if before is None or after is None:
            return None
        if before.attack == after.attack:
            cell = next(cell for cell in self.measured.attacks if cell.attack == after.attack)
            leak = cell.adaptive if after is self.adaptive else cell.naive
            return leak.auc_change if leak else None
        return less(after.auc, before.auc)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        each = {name: getattr(self, name) for name in ("undefended", "naive", "adaptive")}
        return {
            "defense": self.defense,
            "strongest": {name: one.as_json() if one else None for name, one in each.items()},
            "change": self.change.model_dump(mode="json") if self.change else None,
            "stopped": list(self.stopped),
            "of": self.of,
            "audited": found.as_json() if (found := audited(self.measured)) else None,
            **self.measured.model_dump(mode="json", exclude={"target", "attacks"}),
        }


@dataclass(frozen=True)
class Point:
    """A model of the privacy-utility picture: its accuracy, and the AUC of the strongest attack on it from outside."""

    name: str
    accuracy: Average
    auc: Average
    front: bool = False


@dataclass(frozen=True)
class Matrix:
    """What was measured on one target: a row a defense, and the strongest attack from outside where there is none."""

    target: str
    undefended: Strongest | None
    rows: tuple[Row, ...]

    @property
    def attacks(self) -> list[str]:
        """The attacks that were measured, strongest on the undefended target first."""
        found = {cell.attack: cell.undefended.auc.mean for row in self.rows for cell in row.measured.attacks}
        return sorted(found, key=lambda name: (-found[name], name))

    def cells(self) -> dict[tuple[str, str], Cell]:
        """Return what was measured, by attack and defense."""
        return {(cell.attack, row.defense): cell for row in self.rows for cell in row.measured.attacks}

    def points(self) -> list[Point]:
        """Return the privacy-utility picture: the undefended model first, each with whether it lies on the Pareto front."""
        found = [
            Point(row.defense, row.measured.test_accuracy.defended, row.left.auc)
            for row in self.rows
            if row.left and row.measured.test_accuracy
        ]
        accuracies = [row.measured.test_accuracy.undefended for row in self.rows if row.measured.test_accuracy]
        if self.undefended and accuracies:
            found.insert(0, Point("no defense", accuracies[0], self.undefended.auc))
        return [Point(p.name, p.accuracy, p.auc, front=not any(_dominates(q, p) for q in found)) for p in found]

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data: every figure, and what follows from them."""
        front = [point.name for point in self.points() if point.front]
        rows = [{**row.as_json(), "attacks": [c.model_dump(mode="json") for c in row.measured.attacks]} for row in self.rows]
        undefended = self.undefended.as_json() if self.undefended else None
        return {"target": self.target, "undefended": undefended, "front": front, "defenses": rows}


def audited(measured: OnDefended) -> Audited | None:
    """Return what was measured beside what the accountant says; None of a defense that tells no epsilon, as most."""
    told = measured.facts
    if "epsilon" not in told or "delta" not in told:
        return None
    delta, found, above = max(told["delta"]), list[tuple[float, str]](), 0
    for cell in measured.attacks:
        for leak in (cell.naive, cell.adaptive):
            if leak is not None:
                rates = {float(fpr): tpr.ci[0] for fpr, tpr in leak.tpr_at_fpr.items() if tpr}
                found.append((least_epsilon(leak.auc.ci[0], rates, delta), cell.attack))
                above += leak.auc.ci[0] > CHANCE
    most, attack = max(found, default=(0.0, ""))
    return Audited(max(told["epsilon"]), delta, most, attack if most else None, above, len(found))


def below_naive(defense: Defense, found: DefenseEvidence) -> BelowNaive | None:
    """Return where who knows of a defense finds less than who does not; None if that is nowhere."""
    reasons = {name: one.because for one in defense.weaker_if_known for name in one.attacks}
    weaker: dict[str, dict[str, list[str]]] = {}
    for one in found.targets:
        for cell in one.attacks:
            if cell.knowing_hurts:
                weaker.setdefault(reasons.get(cell.attack, ""), {}).setdefault(cell.attack, []).append(one.target)
    differing = sum(any(seed.naive != seed.adaptive for seed in cell.seeds) for one in found.targets for cell in one.attacks)
    return BelowNaive(weaker, differing) if weaker else None


def matrices(evidence: Mapping[str, DefenseEvidence]) -> list[Matrix]:
    """Return the matrix of every target on which a defense was measured, by name."""
    by_target: dict[str, list[Row]] = {}
    for name, found in sorted(evidence.items()):
        for one in found.targets:
            by_target.setdefault(one.target, []).append(_row(name, one))
    result = []
    for target, rows in sorted(by_target.items()):
        undefended = [row.undefended for row in rows if row.undefended]
        strongest = max(undefended, key=lambda one: one.auc.mean, default=None)
        result.append(Matrix(target, strongest, tuple(rows)))
    return result


def unmeasured(catalog: Catalog, evidence: Mapping[str, DefenseEvidence]) -> list[str]:
    """Return the defenses that run and name targets, and of which nothing was measured yet."""
    return sorted(name for name, one in catalog.defenses.items() if one.run and one.targets and name not in evidence)


def rows_of(
    evidence: Mapping[str, DefenseEvidence], defenses: Iterable[str], attacks: Collection[str] | None = None
) -> list[tuple[str, Row]]:
    """Return what was measured of some defenses, each with the target; by these `attacks` alone, if they are given."""
    found = [(one.target, _row(name, one, attacks)) for name in defenses if name in evidence for one in evidence[name].targets]
    return [(target, row) for target, row in found if row.of]


def _row(defense: str, measured: OnDefended, attacks: Collection[str] | None = None) -> Row:
    outside = [cell for cell in measured.attacks if not cell.inside] or measured.attacks
    tried = measured.attacks if attacks is None else [cell for cell in measured.attacks if cell.attack in attacks]
    compared = outside if attacks is None else tried
    return Row(
        defense,
        _strongest(compared, [cell.undefended for cell in compared]),
        _strongest(compared, [cell.naive for cell in compared]),
        _strongest(compared, [cell.adaptive for cell in compared]),
        tuple(cell.attack for cell in tried if cell.adaptive is None),
        len(tried),
        measured.model_copy(update={"attacks": tried}),
    )


def _strongest(cells: Sequence[Cell], leaks: Sequence[Leak | None]) -> Strongest | None:
    found = [Strongest(cell.attack, leak.auc) for cell, leak in zip(cells, leaks, strict=True) if leak]
    return max(found, key=lambda one: one.auc.mean, default=None)


def _dominates(one: Point, other: Point) -> bool:
    """Return whether a model is no worse than another in accuracy and privacy, and better in one of them."""
    better = one.accuracy.mean > other.accuracy.mean or one.auc.mean < other.auc.mean
    return one.accuracy.mean >= other.accuracy.mean and one.auc.mean <= other.auc.mean and better
