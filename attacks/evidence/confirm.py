"""Carries evidence over a change of code that changes no figure: one seed is run again and compared with what was recorded.

What is found again is stamped with today's fingerprint, and keeps the commit at which it was measured. What is not stays as it
is, stale, until it is measured again. Each piece is written as soon as it is confirmed, whole, by one rename.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attacks.engine.commit import commit
from attacks.engine.outcome import Outcome
from attacks.engine.places import Progress, Silent
from attacks.engine.runner import Engine
from attacks.evidence import defense_bench
from attacks.evidence.bench import figures, versions, write
from attacks.evidence.comparisons import compare
from attacks.evidence.confirm_plan import ConfirmPlan, Stale
from attacks.evidence.differences import Change, changes, changes_of_cell, changes_of_ordering
from attacks.evidence.runs import FailedRunError, Runs
from taxonomy.catalog import Catalog
from taxonomy.defense_evidence import DefenseEvidence, OnDefended
from taxonomy.evidence import ORDERINGS
from taxonomy.figures import Compared, Confirmed, Evidence, OnTarget, Ordered, Orderings, SeedFigures


@dataclass(frozen=True)
class Checked:
    """What came of one piece of stale evidence: confirmed where nothing changed and nothing failed."""

    piece: Stale
    compared: Compared = "figures"
    changes: tuple[Change, ...] = ()
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        piece = self.piece
        kind = {OnTarget: "attack", Ordered: "ordering", OnDefended: "defense"}[type(piece.recorded)]
        found: dict[str, Any] = {kind: piece.name, "target": piece.recorded.target}
        found |= {"against": piece.against} if piece.against else {}
        found |= {"seed": piece.seed}
        if self.error is not None:
            return {**found, "error": self.error, "again": piece.again}
        if self.changes:
            return {**found, "changes": [vars(change) for change in self.changes], "again": piece.again}
        return {**found, "compared": self.compared}


@dataclass
class Confirmation:
    """What came of all pieces, and which files were written."""

    confirmed: list[Checked] = field(default_factory=list)
    changed: list[Checked] = field(default_factory=list)
    failed: list[Checked] = field(default_factory=list)
    written: list[Path] = field(default_factory=list)
    trained: int = 0


class Confirming:
    """Runs one seed of each piece with one engine, and stamps in a folder what is found again."""

    def __init__(self, catalog: Catalog, engine: Engine, folder: Path, progress: Progress | None = None):
        self.catalog, self.engine, self.folder = catalog, engine, folder
        self.progress = progress or Silent()
        self.runs = Runs(catalog, engine)

    def run(self, plan: ConfirmPlan) -> Confirmation:
        """Confirm what is stale, piece by piece; one that fails, or has changed, costs no other."""
        result, at, today = Confirmation(), commit(), datetime.datetime.now(datetime.UTC).date().isoformat()
        files = dict(plan.files)
        self.progress.start("Confirming", len(plan.stale))
        for piece in plan.stale:
            checked, now = self._check(piece)
            if checked.error is not None:
                result.failed.append(checked)
            elif checked.changes:
                result.changed.append(checked)
            else:
                stamp = Confirmed(commit=at, date=today, seed=piece.seed, compared=checked.compared, versions=versions())
                files[piece.file] = _stamped(files[piece.file], piece, stamp, now)
                path = write(self.folder, piece.file, files[piece.file], as_read=True)
                result.written += [] if path in result.written else [path]
                result.confirmed.append(checked)
            self.progress.advance()
        result.trained = self.engine.workshop.trained
        return result

    def _check(self, piece: Stale) -> tuple[Checked, SeedFigures | None]:
        """Run one seed of a piece; return what came of it, and the figures of an attack."""
        if piece.fingerprint is None:
            return Checked(piece, error="the catalog no longer has it, or it cannot be run"), None
        try:
            if isinstance(piece.recorded, OnDefended):
                return Checked(piece, "figures and scores", tuple(self._with_defense(piece, piece.recorded))), None
            outcomes = [self.runs.outcome(job) for job in piece.jobs]
        except FailedRunError as error:
            return Checked(piece, error=str(error)), None
        if isinstance(piece.recorded, Ordered):
            return Checked(piece, changes=tuple(self._compared(piece, piece.recorded, outcomes))), None
        before, now = piece.recorded.seeds[0], figures(piece.name, piece.recorded.target, outcomes[0])
        compared: Compared = "figures" if before.scores is None else "figures and scores"
        return Checked(piece, compared, tuple(changes(before, now))), now

    def _with_defense(self, piece: Stale, before: OnDefended) -> list[Change]:
        """Return what differs in one seed of all attacks on a target with a defense."""
        came: dict[str, list[Outcome]] = {}
        for job in piece.jobs:
            came.setdefault(job.attack.id, []).append(defense_bench.run(self.runs, job).outcome)
        each = [(cell, defense_bench.of_seed(came[cell.attack])) for cell in before.attacks]
        return [change for cell, now in each for change in changes_of_cell(cell.seeds[0], now, cell.attack)]

    def _compared(self, piece: Stale, before: Ordered, outcomes: Sequence[Outcome]) -> list[Change]:
        entry = self.catalog.kinds[ORDERINGS][piece.name]
        places = before.target, before.against or before.target
        sides = next(sides for sides in entry.sides() if (sides[0].target, sides[1].target) == places)
        now = compare(entry, sides, piece.fingerprint or "", [(outcomes[0], outcomes[1])])
        if before.seeds and now.seeds:
            return changes_of_ordering(before.seeds[0], now.seeds[0])
        same = bool(before.seeds) == bool(now.seeds)
        return [] if same else [Change("resolved", bool(before.seeds), bool(now.seeds))]


File = Evidence | Orderings | DefenseEvidence


def _stamped(file: File, piece: Stale, stamp: Confirmed, now: SeedFigures | None) -> File:
    """Return a file with one piece stamped anew; scores that it lacked are recorded, so that the next time they are compared."""
    if isinstance(file, DefenseEvidence):
        assert isinstance(piece.recorded, OnDefended)
        pairs = zip(piece.recorded.attacks, piece.attacks, strict=True)
        cells = [cell.model_copy(update={"fingerprint": name}) for cell, name in pairs]
        whole = piece.recorded.model_copy(update={"attacks": cells, "confirmed": stamp})
        return file.model_copy(update={"targets": [whole if one.target == whole.target else one for one in file.targets]})
    news: dict[str, Any] = {"fingerprint": piece.fingerprint, "confirmed": stamp}
    if isinstance(file, Orderings):
        rows = [o.model_copy(update=news) if o == piece.recorded else o for o in file.orderings]
        return file.model_copy(update={"orderings": rows})
    assert isinstance(piece.recorded, OnTarget) and now is not None
    first, *others = piece.recorded.seeds
    if first.scores is None and now.scores is not None:
        news["seeds"] = [first.model_copy(update={"scores": now.scores}), *others]
    targets = [m.model_copy(update=news) if m.target == piece.recorded.target else m for m in file.targets]
    return file.model_copy(update={"targets": targets})
