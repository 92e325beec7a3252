"""The command that measures the catalog's attacks: `mia bench`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from attacks.cli import calibrating, confirming, interrupts
from attacks.cli.bench_tables import show_plan
from attacks.cli.options import (
    AttackArguments,
    Catalogs,
    Dask,
    Json,
    TrustedCode,
    Workers,
    app,
    attack_ids,
    load_sound,
    output,
    print_json,
)
from taxonomy.catalog import installed_sources
from taxonomy.evidence_files import FOLDER
from taxonomy.findings import InputError

SEEDS = 3


@app.command(
    epilog="Example: mia bench --only calibrated --only orderings --workers 2; after a change of code: mia bench --confirm"
)
def bench(
    attack: AttackArguments = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="GROUP",
            help="A file of attacks, e.g. threshold; orderings; defenses, or one by its id (repeatable).",
        ),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", metavar="N", help="Measure with seeds 0 to N - 1; default: 3.", min=1)
    ] = None,
    confirm: Annotated[
        bool,
        typer.Option("--confirm", help="Run one seed of what is stale, and carry over the evidence that is found again."),
    ] = False,
    calibrate: Annotated[
        bool,
        typer.Option("--calibrate", help="Measure in some seconds how fast this machine trains, and nothing else."),
    ] = False,
    workers: Workers = 1,
    dask: Dask = None,
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
    attacks that papers report hold. The group `defenses` puts every defense on the targets that its entry names, and runs all
    attacks on membership that are feasible there, without it and with it, by an adversary who does not know of it and by one who
    does; the id of a defense measures that one alone. Finished work is kept: an interrupted command goes on where it was, and the
    same command twice writes the same bytes. An attack that fails on one of its targets gets no new file. Evidence over more
    seeds is never replaced by evidence over fewer.

    With `--confirm`, one seed of each stale attack and target (or ordering, or target with a defense) is run and compared with
    what was recorded, figure by figure, and the scores if they were recorded. What is found again counts as measured of today's
    code, and says which commit confirmed it; what is not is reported, stays stale, and the exit code is 1.

    With `--calibrate`, a few small networks are trained on random records. What that takes is kept with the finished work, and by
    it `mia run` and `mia run --dry-run` tell how long training takes of models that were never trained here.
    """
    if calibrate:
        if attack or only or confirm or dry_run or seeds is not None:
            raise InputError("--calibrate measures this machine and no attack, so it takes nothing beside --json")
        calibrating.run(as_json=as_json)
        return
    from attacks.engine.code import Code
    from attacks.engine.executors import executor
    from attacks.engine.store import Store
    from attacks.evidence import bench_plan

    loaded = load_sound(catalog, attack or ())
    for name in attack or ():
        if name in loaded.defenses:
            raise InputError(f"{name} is one of the defenses: mia bench --only {name} measures it")
    chosen = bench_plan.groups(loaded, only or (), attack_ids(loaded, attack))
    if confirm and seeds is not None:
        raise InputError("--confirm runs the first seed that was recorded, so it takes no --seeds")
    numbers = list(range(SEEDS if seeds is None else seeds))
    folder = out or (catalog[-1] if catalog else installed_sources()[0].folder) / FOLDER
    code = Code(trust_code or ())
    bench_plan.check_code(code, chosen)
    console = output(stderr=as_json)
    pool = executor(workers, dask, trusted=trust_code or ())
    if confirm:
        confirming.run(loaded, code, chosen, folder, workers=workers, pool=pool, dry_run=dry_run, as_json=as_json)
        return
    jobs = {group.name: group.jobs(numbers) for group in chosen}
    expected = bench_plan.estimates(loaded, code, Store(), jobs, workers)
    if not (as_json and dry_run):
        show_plan(console, expected, f"{len(numbers)} seeds.")
    if dry_run:
        if as_json:
            print_json({"seeds": numbers, "out": str(folder), "groups": [asdict(estimate) for estimate in expected]})
        else:
            console.print("Dry run: nothing was measured.")
        return
    bench_plan.keep_fuller(folder, chosen, len(numbers))
    from attacks.audit import report
    from attacks.cli.progress import Bars
    from attacks.engine.places import Silent
    from attacks.engine.runner import Engine
    from attacks.evidence import bench as benches

    with pool as at_work, interrupts.working(), Bars(output(stderr=True)) as progress:
        report.prepare(folder)
        engine = Engine(loaded, code=code, executor=at_work, progress=progress)
        engine.progress = Silent()  # a run here is one attack; the bench shows how many there are
        measured = benches.Bench(loaded, engine, folder, progress).run(chosen, numbers)
    if as_json:
        print_json(
            {
                "seeds": numbers,
                "written": [str(path) for path in measured.written],
                "evidence": [e.model_dump(mode="json", by_alias=True) for e in measured.evidence],
                "orderings": [o.model_dump(mode="json") for o in measured.ordered],
                "defenses": [d.model_dump(mode="json", by_alias=True) for d in measured.defenses],
                "failures": measured.failures,
                "trained": measured.trained,
            }
        )
    else:
        _show_results(console, measured, folder)
    if measured.failures:
        raise typer.Exit(1)


def _show_results(console: Any, measured: Any, folder: Path) -> None:
    from rich.markup import escape

    from attacks.cli import tables

    for evidence in measured.evidence:
        console.print(f"[bold]{escape(evidence.attack)}[/]")
        console.print(tables.evidence(evidence))
    if measured.ordered:
        console.print(tables.orderings(measured.ordered))
    if measured.defenses:
        from attacks.cli import defense_tables

        defense_tables.matrix(console, {one.defense: one for one in measured.defenses})
    for failure in measured.failures:
        place = f"{failure['attack']} on {failure['target']}, seed {failure['seed']}"
        place += f", with {failure['defense']} ({failure['adversary']})" if "defense" in failure else ""
        console.print(f"[red]failed[/] {escape(place)}: {escape(failure['error'])}")
    console.print(f"{measured.trained} models trained. {len(measured.written)} files written to {escape(str(folder))}.")
