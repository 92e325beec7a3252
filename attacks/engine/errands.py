"""Attacks that are carried out elsewhere: what is sent there, and what comes back. Their results lie in the shared store."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from attacks.engine.places import NamedExecutor
from attacks.engine.plan import Plan, Planned
from attacks.handles import AttackError, UnsuitableError
from taxonomy.catalog import Catalog

if TYPE_CHECKING:
    from attacks.engine.execution import Run


@dataclass(frozen=True)
class Errand:
    """One attack of a plan against its target with one seed."""

    attack: str
    plan: Plan
    seed: int
    catalog: Catalog
    store: Path
    trusted: tuple[Path, ...]
    device: str


@dataclass(frozen=True)
class Report:
    """What came of an errand: the models that it trained, took from the store, and trained unasked; or why nothing came of it."""

    trained: int = 0
    reused: int = 0
    spare: int = 0
    unsuited: str | None = None
    failed: str | None = None


def send(
    run: Run, planned: Planned, executor: NamedExecutor, carry_out: Callable[[NamedExecutor, Errand], Report]
) -> Future[Report | None] | None:
    """Have an attack of a run carried out elsewhere, its steps with it; None if the store holds its result.

    The report is None if somebody else had asked for it.
    """
    engine, plan = run.engine, run.plan
    fingerprint = run.fingerprint(planned)
    if fingerprint in engine.store:
        return None
    target = engine.catalog.targets.get(plan.target.id, plan.target)  # without the defense that the plan has
    # All else that a run looks up stands in its plan.
    kinds = {**{kind: {} for kind in engine.catalog.kinds}, "targets": {plan.target.id: target}}
    catalog = replace(engine.catalog, kinds=kinds, documents={})
    errand = Errand(
        planned.attack.id, plan, run.seed, catalog, engine.store.folder.absolute(), engine.code.trusted, engine.workshop.device
    )
    return executor.errand(fingerprint, carry_out, errand)


def collect(run: Run, planned: Planned, errand: Future[Report | None]) -> None:
    """Wait for an errand; raise UnsuitableError or AttackError if nothing came of it."""
    report = errand.result()
    if report is None:
        return
    if report.unsuited is not None:
        raise UnsuitableError(report.unsuited)
    if report.failed is not None:
        raise AttackError(report.failed)
    run.engine.store.wait_for(run.fingerprint(planned))
    workshop = run.engine.workshop
    workshop.trained += report.trained
    workshop.reused += report.reused
    workshop.spare += report.spare
