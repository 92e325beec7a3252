"""The command that says which attacks find most at which price."""

from __future__ import annotations

from typing import Annotated

import typer

from attacks.cli.options import Catalogs, Json, app, load_sound, output, print_json
from taxonomy.findings import unknown


@app.command(epilog="Example: mia frontier digits-mlp --models 4")
def frontier(
    target: Annotated[str | None, typer.Argument(help="A target; default: every one with at least two attacks.")] = None,
    models: Annotated[int | None, typer.Option("--models", min=0, help="Only attacks that train at most so many models.")] = None,
    queries: Annotated[
        float | None, typer.Option("--queries", min=0, help="Only attacks that ask at most so often about each record.")
    ] = None,
    as_json: Json = False,
    catalog: Catalogs = None,
) -> None:
    """Which attacks find most at which price: what each took and found, from evidence, with the Pareto front.

    An attack lies on the front (*) if none that touches as much of the model or less, trains as many models or fewer, and asks as
    often or less, has a larger mean AUC. What it knows of the data is not compared. Controls and stale figures are left out.
    """
    from taxonomy.current import measured
    from taxonomy.frontier import frontiers

    loaded = load_sound(catalog)
    if target is not None and target not in loaded.targets:
        raise unknown("target", target, loaded.targets)
    evidence, stale = measured(loaded)
    every = frontiers(loaded, evidence, stale, models=models, queries=queries)
    found = {name: attacks for name, attacks in every.items() if (name == target if target else len(attacks) > 1)}
    left_out = sum(len(old) for old in stale.values())
    if as_json:
        told = [{"target": name, "attacks": [one.as_json() for one in attacks]} for name, attacks in found.items()]
        print_json({"targets": told, "stale": left_out})
        return
    from attacks.cli import tables

    out = output()
    for name, attacks in found.items():
        rows = [
            (p.attack, p.access, p.models, f"{p.queries:,.10g}", tables.average(p.auc), tables.average(p.tpr), "*" * p.front)
            for p in attacks
        ]
        columns = ["attack", "touches", "models", "queries a record", "AUC", "TPR at 1 % FPR", ""]
        out.print(f"[bold]{name}[/]")
        out.print(tables.table(columns, rows, right="models,queries a record"))
    out.print(
        "Means over seeds with 95 % intervals. * lies on the Pareto front: nothing at its price or below has a larger mean AUC."
        if found
        else "No attack on membership was measured within this budget."
    )
    if left_out:
        out.print(f"{tables.counted(left_out, 'stale figure')} left out: the code has changed since (mia check).")
