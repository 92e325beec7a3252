"""What differs between figures in a file of evidence and those of a run of the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from attacks.evidence import score_records
from attacks.evidence.averages import DIGITS
from taxonomy.defense_evidence import CellSeed
from taxonomy.figures import SeedDifference, SeedFigures

# Files hold figures to five decimals, so that two that agree may be rounded to neighbours: one unit of the last place, and what
# floating point adds to it. Nothing coarser counts as equal, whatever machine the figures are from.
TOLERANCE = 1.001 * 10**-DIGITS
# How a run was named, and words about figures that stand beside them.
NO_FIGURES = ("seed", "command", "warnings", "unresolved", "scores")


@dataclass(frozen=True)
class Change:
    """One figure that is another one now; None is one that there was not, or is not any more."""

    figure: str
    before: Any
    now: Any

    def __str__(self) -> str:
        return f"{self.figure} was {_shown(self.before)}, is {_shown(self.now)}"


def changes(before: SeedFigures, now: SeedFigures) -> list[Change]:
    """Return the figures, and the scores if they were recorded, that a run of the same seed did not find again.

    What the file does not hold, such as what was added to evidence since it was written, is not compared.
    """
    recorded = before.model_dump(mode="json", exclude_unset=True, exclude={*NO_FIGURES})
    found = list(_differing("", recorded, now.model_dump(mode="json")))
    if before.scores is not None and not (now.scores and score_records.alike(before.scores, now.scores)):
        found.append(Change("scores", before.scores, now.scores))
    return found


def changes_of_ordering(before: SeedDifference, now: SeedDifference) -> list[Change]:
    """Return the figures of one seed of an ordering that another run did not find again."""
    return list(_differing("", before.model_dump(mode="json"), now.model_dump(mode="json")))


def changes_of_cell(before: CellSeed, now: CellSeed, attack: str) -> list[Change]:
    """Return the figures, and the scores, of one seed of an attack with and without a defense that another run did not find."""
    told = [one.model_dump(mode="json", exclude={"seed", "scores"}) for one in (before, now)]
    found = list(_differing(attack, *told))
    if before.scores is not None and not (now.scores and score_records.alike(before.scores, now.scores)):
        found.append(Change(f"{attack}.scores", before.scores, now.scores))
    return found


def _differing(place: str, before: Any, now: Any) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(now, dict):
        for name, value in before.items():
            yield from _differing(f"{place}.{name}" if place else name, value, now.get(name))
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for number, (one, other) in enumerate(zip(before, now, strict=True)):
            yield from _differing(f"{place}[{number}]", one, other)
    elif isinstance(before, float) and isinstance(now, int | float):
        if abs(before - now) > TOLERANCE:
            yield Change(place, before, now)
    elif before != now:
        yield Change(place, before, now)


def _shown(value: Any) -> str:
    return "absent" if value is None else str(value)
