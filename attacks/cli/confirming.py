"""What `mia bench --confirm` does: plan, run and tell which evidence holds for today's code."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from attacks.cli import interrupts
from attacks.cli.bench_tables import show_plan
from attacks.cli.options import output, print_json
from taxonomy.catalog import Catalog

if TYPE_CHECKING:
    from attacks.engine.code import Code
    from attacks.evidence.bench_plan import Group, Job
    from attacks.evidence.confirm import Checked, Confirmation
    from attacks.evidence.confirm_plan import ConfirmPlan

SHOWN = 6


def run(
    catalog: Catalog,
    code: Code,
    chosen: Sequence[Group],
    folder: Path,
    *,
    workers: int,
    pool: AbstractContextManager[Executor],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Confirm what is stale in a folder of evidence on an executor; exit with 1 if something changed or failed.

    How long it takes is told for so many `workers`.
    """
    from attacks.engine.store import Store
    from attacks.evidence import bench_plan, confirm_plan
    from taxonomy.fingerprints import Fingerprints

    plan = confirm_plan.make(catalog, Fingerprints(catalog, code.digest), chosen, folder)
    jobs: dict[str, list[Job]] = {}
    for piece in plan.stale:
        jobs.setdefault(piece.file, []).extend(piece.jobs)
    expected = bench_plan.estimates(catalog, code, Store(), jobs, workers)
    console = output(stderr=as_json)
    if not (as_json and dry_run):
        if expected:
            show_plan(console, expected, "One seed of each.")
        _show_kept(console, plan)
    if dry_run:
        if as_json:
            print_json({"out": str(folder), "groups": [asdict(one) for one in expected], **_kept(plan)})
        else:
            console.print("Dry run: nothing was confirmed.")
        return
    from attacks.cli.progress import Bars
    from attacks.engine.places import Silent
    from attacks.engine.runner import Engine
    from attacks.evidence.confirm import Confirming

    with pool as at_work, interrupts.working(), Bars(output(stderr=True)) as progress:
        engine = Engine(catalog, code=code, executor=at_work, progress=progress)
        engine.progress = Silent()  # a run here is one attack; the bars show how many there are
        result = Confirming(catalog, engine, folder, progress).run(plan)
    if as_json:
        lists = {name: [one.as_json() for one in getattr(result, name)] for name in ("confirmed", "changed")}
        written = [str(path) for path in result.written]
        failures = [one.as_json() for one in result.failed]
        print_json(
            {"out": str(folder), **lists, "failures": failures, **_kept(plan), "written": written, "trained": result.trained}
        )
    else:
        _show_results(console, result, folder)
    if result.changed or result.failed:
        raise typer.Exit(1)


def _kept(plan: ConfirmPlan) -> dict[str, Any]:
    return {"stale": len(plan.stale), "fresh": plan.fresh, "unmeasured": plan.unmeasured}


def _show_kept(console: Any, plan: ConfirmPlan) -> None:
    from rich.markup import escape

    console.print(
        f"{len(plan.stale)} pieces of evidence are stale; {plan.fresh} rest on code that says the same, and stand as they are."
    )
    if plan.unmeasured:
        console.print(f"Not measured yet, so there is nothing to confirm: {escape(_some(plan.unmeasured))}.")


def _show_results(console: Any, result: Confirmation, folder: Path) -> None:
    from rich.markup import escape

    from attacks.cli import tables

    rows = [(one.piece.name, _place(one), one.piece.seed, one.compared) for one in result.confirmed]
    if rows:
        console.print(tables.table(["confirmed", "target", "seed", "found again"], rows, right="seed"))
    for one in result.changed:
        told = _some([str(change) for change in one.changes])
        console.print(f"[red]changed[/] {escape(one.piece.name)} on {escape(_place(one))}, seed {one.piece.seed}: {escape(told)}")
    for one in result.failed:
        place = f"{one.piece.name} on {_place(one)}, seed {one.piece.seed}"
        console.print(f"[red]failed[/] {escape(place)}: {escape(str(one.error))}")
    if again := dict.fromkeys(one.piece.again for one in (*result.changed, *result.failed)):
        console.print(f"Stale until it is measured again: {escape(_some(again))}")
    if any(one.compared == "figures" for one in result.confirmed):
        console.print(
            "Where it says figures alone, no scores were recorded that could be compared; what scores there are is recorded now."
        )
    counts = f"{len(result.confirmed)} confirmed, {len(result.changed)} changed, {len(result.failed)} failed"
    console.print(f"{counts}. {result.trained} models trained. {len(result.written)} files written to {escape(str(folder))}.")


def _place(checked: Checked) -> str:
    piece = checked.piece
    return piece.recorded.target + (f" against {piece.against}" if piece.against else "")


def _some(names: Any) -> str:
    found = list(names)
    more = f", and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return "; ".join(found[:SHOWN]) + more
