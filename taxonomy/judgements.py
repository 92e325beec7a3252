"""Whether what was measured bears out what the survey states: computed from evidence, in the manner of orderings. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from taxonomy import defense_evidence, defense_matrix, evidence, factor_evidence
from taxonomy.catalog import Catalog
from taxonomy.figures import Average, Verdict
from taxonomy.orderings import Ordering
from taxonomy.statements import Direction, Does, Measure, Statement
from taxonomy.verdicts import of_all, of_interval

Judgement = Literal["holds", "does not hold", "undecided", "not measured yet", "not testable here"]
# The AUC of an attack that guesses.
CHANCE = 0.5
# Words for the figures that orderings compare.
METRICS = {"auc": "AUC", "judged": "what its judge finds"}
JUDGEMENTS: tuple[Judgement, ...] = get_args(Judgement)


@dataclass(frozen=True)
class Part:
    """What one measurement says of a statement. Without a verdict it was not measured yet. `what` says what the figure is."""

    name: str
    place: str
    verdict: Verdict | None
    figure: Average | None = None
    what: str = "AUC"


@dataclass(frozen=True)
class Judged:
    """A statement, what became of it, and by which measurements."""

    statement: Statement
    judgement: Judgement
    parts: tuple[Part, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        parts = [{**asdict(part), "figure": part.figure.model_dump(mode="json") if part.figure else None} for part in self.parts]
        entry = self.statement.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {**entry, "verdict": self.judgement, "measured": parts}


def judged(catalog: Catalog) -> list[Judged]:
    """Return all statements, by section and id, each with its verdict; raise InputError if evidence is damaged."""
    entries: dict[str, Statement] = catalog.kinds["statements"]
    return [judge(catalog, entry) for entry in sorted(entries.values(), key=lambda e: (e.where, e.id))]


def judge(catalog: Catalog, statement: Statement) -> Judged:
    """Return what became of a statement, once all of it was measured: it holds if every part does (`verdicts.of_all`)."""
    if statement.measured_by is None:
        return Judged(statement, "not testable here", ())
    parts = tuple(_parts(catalog, statement.measured_by))
    verdicts = [part.verdict for part in parts if part.verdict is not None]
    return Judged(statement, of_all(verdicts) if len(verdicts) == len(parts) else "not measured yet", parts)


def _parts(catalog: Catalog, measure: Measure) -> Iterator[Part]:
    for name, direction in measure.factors.items():
        yield from _of_factor(catalog, name, direction)
    measured = {(o.ordering, o.target, o.against or o.target): o for o in evidence.find_orderings(catalog)}
    for name in measure.orderings:
        ordering: Ordering = catalog.kinds[evidence.ORDERINGS][name]
        for better, worse in ordering.sides():
            one = measured.get((name, better.target, worse.target))
            place = better.target if better.target == worse.target else f"{better.target} against {worse.target}"
            what = f"difference of {METRICS.get(ordering.metric, ordering.metric)}"
            yield Part(name, place, one.verdict if one else None, one.difference if one else None, what)
    for name, targets in measure.succeeds.items():
        yield from _of_attack(catalog, name, targets)
    for name, does in measure.defenses.items():
        yield from _of_defense(catalog, name, does)
    for name, attacks in measure.to_chance.items():
        yield from _of_guessing(catalog, name, attacks)


def _of_factor(catalog: Catalog, name: str, direction: Direction) -> Iterator[Part]:
    """Yield how the AUC went from the first to the last value, one part a curve."""
    found = factor_evidence.find(catalog, name)
    for curve in found.curves if found else ():
        change = curve.points[-1].auc_change
        if change is None:
            continue
        low, high = change.ci
        yield Part(name, curve.name, of_interval((low, high) if direction == "rises" else (-high, -low)), change, "change of AUC")
    if found is None:
        yield Part(name, "", None)


def _of_defense(catalog: Catalog, name: str, does: Does) -> Iterator[Part]:
    """Yield what a defense did, one part a target that it was measured on.

    It lowers the AUC if the strongest attack that it leaves is weaker than the strongest one without it, which may be another
    attack: by somebody who knows of the defense, and may act as if not. It does where it leaves none.
    """
    rows = defense_matrix.rows_of(defense_evidence.find_all(catalog), [name])
    for target, row in rows:
        if does == "raises accuracy":
            accuracy = row.measured.test_accuracy
            change = accuracy.change if accuracy else None
            yield Part(name, target, of_interval(change.ci) if change else None, change, "change of accuracy")
        elif row.undefended is not None:
            change = row.change
            verdict: Verdict = "holds" if change is None else of_interval((-change.ci[1], -change.ci[0]))
            yield Part(name, target, verdict, change, "change of the strongest AUC")
    if not rows:
        yield Part(name, "", None)


def _of_guessing(catalog: Catalog, name: str, attacks: list[str]) -> Iterator[Part]:
    """Yield whether a defense brings attacks to chance, one part for each on each target that it was measured on.

    It does not if the interval of the AUC that an attack has left excludes chance, carried out by somebody who knows of the
    defense. One that includes chance is no proof, however wide: that is undecided. It does where nothing of the attack is left.
    An attack that is at chance without the defense says nothing of it.
    """
    parts = list[Part]()
    for target, row in defense_matrix.rows_of(defense_evidence.find_all(catalog), [name]):
        for cell in row.measured.attacks:
            if cell.attack in attacks and of_interval(cell.undefended.auc.ci, zero=CHANCE) == "holds":
                left = cell.adaptive.auc if cell.adaptive else None
                verdict: Verdict = "holds" if left is None else "does not hold"
                if left is not None and of_interval(left.ci, zero=CHANCE) == "undecided":
                    verdict = "undecided"
                parts.append(Part(cell.attack, f"{target} with {name}", verdict, left))
    yield from parts or [Part(name, "", None)]


def _of_attack(catalog: Catalog, name: str, targets: list[str]) -> Iterator[Part]:
    """Yield whether an attack is above chance, one part a target."""
    found = evidence.find(catalog, name)
    measured = {one.target: one for one in found.targets} if found else {}
    for target in targets:
        one = measured.get(target)
        figure = (one.auc or one.metric) if one else None
        if one is None or figure is None:
            yield Part(name, target, None)
            continue
        judge = one.seeds[0].metric
        chance = CHANCE if one.auc or judge is None else judge.chance
        yield Part(name, target, of_interval(figure.ci, zero=chance), figure, "AUC" if one.auc or judge is None else judge.name)
