"""The command that measures the catalog's attacks: `mia bench`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from attacks.cli import interrupts
from attacks.cli.options import AttackArguments, Catalogs, Json, TrustedCode, app, attack_ids, load, output, print_json
from taxonomy.catalog import installed_sources
from taxonomy.evidence import FOLDER


@app.command(epilog="Example: mia bench --only calibrated --only orderings --workers 2")
def bench(
    attack: AttackArguments = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="GROUP", help="A file of attacks, e.g. threshold, or orderings (repeatable)."),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", metavar="N", help="Measure with seeds 0 to N - 1.", min=1)] = 3,
    workers: Annotated[int, typer.Option("--workers", help="Processes that train.", min=1)] = 1,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for the files; default: evidence/ of the last --catalog."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be measured and how long it takes.")] = False,
    as_json: Json = False,
    catalog: Catalogs = None,
    trust_code: TrustedCode = None,
) -> None:
    """Measure running attacks on the targets that their entries name, and write one evidence file an attack.

    A group is the file in which functions of attacks stand: one mechanism. The group `orderings` measures which orderings of
    attacks that papers report hold. Finished work is kept: an interrupted command goes on where it was, and the same command
    twice writes the same bytes. An attack that fails on one of its targets gets no new file. Evidence over more seeds is never
    replaced by evidence over fewer.
    """
    from attacks.engine.code import Code
    from attacks.engine.store import Store
    from attacks.evidence import bench_plan

    loaded = load(catalog)
    chosen = bench_plan.groups(loaded, only or (), attack_ids(loaded, attack))
    numbers = list(range(seeds))
    folder = out or (catalog[-1] if catalog else installed_sources()[0].folder) / FOLDER
    code = Code(trust_code or ())
    bench_plan.check_code(code, chosen)
    console = output(stderr=as_json)
    expected = bench_plan.estimates(loaded, code, Store(), chosen, numbers, workers)
    if not (as_json and dry_run):
        _show_plan(console, expected, seeds)
    if dry_run:
        if as_json:
            print_json({"seeds": numbers, "out": str(folder), "groups": [asdict(estimate) for estimate in expected]})
        else:
            console.print("Dry run: nothing was measured.")
        return
    bench_plan.keep_fuller(folder, chosen, seeds)
    from attacks.cli.progress import Bars
    from attacks.engine import report
    from attacks.engine.executors import executor
    from attacks.engine.runner import Engine
    from attacks.engine.workshop import Silent
    from attacks.evidence import bench as benches

    report.prepare(folder)
    with interrupts.working(), Bars(output(stderr=True)) as progress, executor(workers) as pool:
        engine = Engine(loaded, code=code, executor=pool, progress=progress)
        engine.progress = Silent()  # a run here is one attack; the bench shows how many there are
        measured = benches.Bench(loaded, engine, folder, progress).run(chosen, numbers)
    if as_json:
        print_json(
            {
                "seeds": numbers,
                "written": [str(path) for path in measured.written],
                "evidence": [e.model_dump(mode="json", by_alias=True) for e in measured.evidence],
                "orderings": [o.model_dump(mode="json") for o in measured.ordered],
                "failures": measured.failures,
                "trained": measured.trained,
            }
        )
    else:
        _show_results(console, measured, folder)
    if measured.failures:
        raise typer.Exit(1)


def _show_plan(console: Any, expected: Any, seeds: int) -> None:
    from attacks.cli import tables

    rows = [
        (
            e.group,
            e.attacks,
            ", ".join(e.targets),
            e.runs,
            e.finished,
            e.models,
            _expected(e.seconds, e.untimed),
        )
        for e in expected
    ]
    columns = ["group", "attacks", "targets", "runs", "done before", "models", "time"]
    console.print(tables.table(columns, rows, right="attacks,runs,done before,models"))
    console.print(
        f"{seeds} seeds. A run is one attack on one target with one seed; what was done before is taken from the store.\n"
    )


def _expected(seconds: float, untimed: int) -> str:
    if untimed:
        return f"{untimed} runs were never timed" + (f"; the others take about {_minutes(seconds)}" if seconds else "")
    return f"about {_minutes(seconds)}"


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _show_results(console: Any, measured: Any, folder: Path) -> None:
    from rich.markup import escape

    from attacks.cli import tables

    for evidence in measured.evidence:
        console.print(f"[bold]{escape(evidence.attack)}[/]")
        console.print(tables.evidence(evidence))
    if measured.ordered:
        console.print(tables.orderings(measured.ordered))
    for failure in measured.failures:
        place = f"{failure['attack']} on {failure['target']}, seed {failure['seed']}"
        console.print(f"[red]failed[/] {escape(place)}: {escape(failure['error'])}")
    console.print(f"{measured.trained} models trained. {len(measured.written)} files written to {escape(str(folder))}.")
