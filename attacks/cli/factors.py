"""The command that measures what makes models leak."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attacks.cli import completions, interrupts
from attacks.cli.options import Catalogs, Dask, Json, TrustedCode, Workers, app, load_sound, output, print_json
from taxonomy.catalog import Catalog, installed_sources
from taxonomy.findings import InputError, unknown

if TYPE_CHECKING:
    from taxonomy.factor_evidence import FactorEvidence
    from taxonomy.factors import Factor

SEEDS = 3


@app.command(epilog="Example: mia factors factor-training-set-size --seeds 5 --workers 2")
def factors(
    factor: Annotated[
        str | None,
        typer.Argument(metavar="[FACTOR]", help="Its id, with or without `factor-`.", autocompletion=completions.factors),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", metavar="N", help="Measure with seeds 0 to N - 1.", min=1)] = SEEDS,
    workers: Workers = 1,
    dask: Dask = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the figures and the picture; default: mia-runs/factors.")
    ] = None,
    save: Annotated[
        bool, typer.Option("--save", help="Write the figures as evidence, into evidence/factors/ of the last --catalog.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be measured and how long it takes.")] = False,
    as_json: Json = False,
    catalog: Catalogs = None,
    trust_code: TrustedCode = None,
) -> None:
    """List what makes models leak (Section 4.1 of the survey), or vary one factor and measure the leak at each of its values.

    Everything but the factor stays as it is in the target's entry. The AUC and the TPR at 1 % FPR are means over seeds, with
    intervals; so is the change from the first value to each other, paired where the candidates are the same records. Finished
    work is kept: what was measured once is not run again.
    """
    from taxonomy.factor_checks import refuse
    from taxonomy.factors import curves, with_points

    loaded = load_sound(catalog)
    if factor is None:
        if dry_run or save or out is not None or seeds != SEEDS:
            raise InputError("name the factor that is to be measured; without one, the factors are listed")
        _list(loaded, as_json=as_json)
        return
    if save and out is not None:
        raise InputError("--save writes into the catalog's own folder of evidence, and --out into another: use one of them")
    entry = _named(loaded, factor)
    refuse(loaded, entry)
    found = curves(loaded, entry)
    loaded = with_points(loaded, found)
    from attacks.engine.code import Code
    from attacks.engine.executors import executor
    from attacks.engine.store import Store
    from attacks.evidence import bench_plan
    from taxonomy.factor_evidence import FOLDER

    numbers = list(range(seeds))
    own = (catalog[-1] if catalog else installed_sources()[0].folder) / FOLDER
    folder = own if save else out or Path("mia-runs") / "factors"
    code = Code(trust_code or ())
    bench_plan.check_code(code, [bench_plan.Group(entry.id, tuple(p.attack for c in found for p in c.points))])
    console = output(stderr=as_json)
    pool = executor(workers, dask, trusted=trust_code or ())
    from attacks.evidence import factor_jobs

    expected = bench_plan.estimates(loaded, code, Store(), {entry.id: factor_jobs.jobs(found, numbers)}, workers)
    if not (as_json and dry_run):
        from attacks.cli.bench_tables import show_plan

        show_plan(console, expected, f"{len(numbers)} seeds.")
    if dry_run:
        if as_json:
            print_json({"factor": entry.id, "seeds": numbers, "out": str(folder), "expected": [asdict(e) for e in expected]})
        else:
            console.print("Dry run: nothing was measured.")
        return
    if save:
        factor_jobs.keep_fuller(folder / f"{entry.id}.json", len(numbers))
    from attacks.audit import report
    from attacks.cli.progress import Bars
    from attacks.engine.places import Silent
    from attacks.engine.runner import Engine
    from attacks.evidence import factor_bench, factor_picture

    with pool as at_work, interrupts.working(), Bars(output(stderr=True)) as progress:
        made = report.prepare(folder)
        try:
            engine = Engine(loaded, code=code, executor=at_work, progress=progress)
            engine.progress = Silent()  # a run here is one attack; the bars show how many there are
            measured = factor_bench.measure(entry, found, engine, numbers, progress)
            written = list[Path]()
            if measured.evidence is not None:
                # The site draws evidence anew.
                picture = None if save else factor_picture.svg(measured.evidence, entry.title)
                written = factor_bench.write(folder, measured.evidence, picture)
        finally:
            report.sweep(made)
    if as_json:
        shown = measured.evidence.model_dump(mode="json", by_alias=True) if measured.evidence else None
        print_json(
            {
                "factor": entry.id,
                "seeds": numbers,
                "written": [str(path) for path in written],
                "evidence": shown,
                "failures": measured.failures,
                "trained": measured.trained,
            }
        )
    else:
        from rich.markup import escape

        if measured.evidence is not None:
            _show(console, measured.evidence)
        for failure in measured.failures:
            place = f"{failure['attack']} on {failure['target']}, seed {failure['seed']}"
            console.print(f"[red]failed[/] {escape(place)}: {escape(failure['error'])}")
        files = ", ".join(str(path) for path in written) or "nothing"
        console.print(f"{measured.trained} models trained. Written: {escape(files)}.")
    if measured.failures:
        raise typer.Exit(1)


def _named(catalog: Catalog, name: str) -> Factor:
    """Return the factor of this id; raise InputError with the nearest one."""
    entries: dict[str, Factor] = catalog.kinds["factors"]
    for full in (name, f"factor-{name}"):
        if full in entries:
            return entries[full]
    raise unknown("factor", name, entries)


def _list(catalog: Catalog, *, as_json: bool) -> None:
    """Print the factors: what varies each, against what, and whether it was measured; or what is missing."""
    from taxonomy.factor_evidence import find

    entries = sorted(catalog.kinds["factors"].values(), key=lambda e: e.id)
    measured = {entry.id: find(catalog, entry.id) for entry in entries}
    if as_json:
        rows = []
        for entry in entries:
            found = measured[entry.id]
            evidence = found.model_dump(mode="json", by_alias=True) if found else None
            rows.append({**entry.model_dump(mode="json", by_alias=True, exclude_none=True), "evidence": evidence})
        print_json({"factors": rows})
        return
    from attacks.cli import tables

    shown = [
        (
            entry.id,
            entry.title,
            _varied(entry) if entry.varies else f"not here: {entry.missing}",
            _told(measured[entry.id]),
        )
        for entry in entries
    ]
    output().print(tables.table(["factor", "", "what varies", "measured"], shown))


def _varied(entry: Factor) -> str:
    assert entry.varies is not None
    places = f" ({', '.join(entry.varies.targets)})" if entry.varies.targets else ""
    return f"{entry.varies.axis}: {' / '.join(entry.varies.shown())}{places}"


def _told(found: FactorEvidence | None) -> str:
    if found is None:
        return "–"
    return "; ".join(f"{c.name}: AUC {c.points[0].auc.mean:.3f} to {c.points[-1].auc.mean:.3f}" for c in found.curves)


def _show(console: Any, evidence: FactorEvidence) -> None:
    """Print the points of a factor as a table for each curve."""
    from rich.markup import escape

    from attacks.cli import tables

    for curve in evidence.curves:
        console.print(f"[bold]{escape(curve.name)}[/]")
        rows = [
            (
                point.value,
                tables.average(point.auc),
                tables.average(point.tpr),
                tables.average(point.auc_change) + ("" if point.paired else " (other candidates)"),
            )
            for point in curve.points
        ]
        console.print(tables.table([evidence.axis, "AUC [95 %]", "TPR at 1 % FPR", "change of AUC"], rows))
