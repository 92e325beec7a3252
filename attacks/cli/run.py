"""Commands that run attacks, and look after finished work."""

from __future__ import annotations

import shlex
import sys
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from attacks.cli import completions, interrupts
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
    store_app,
)
from attacks.cli.settings import settings as named_settings
from attacks.cli.threat_options import ThreatOptions, with_options
from attacks.models import devices
from taxonomy.catalog import Catalog
from taxonomy.findings import InputError


@app.command(epilog="Example: mia run carlini-2022-lira yeom-2018-loss --target digits-mlp --set shadow-models.count=32")
@with_options
def run(
    attack: AttackArguments = None,
    target: Annotated[
        str, typer.Option("--target", help="The target under attack (see mia targets).", autocompletion=completions.targets)
    ] = "digits-mlp",
    seed: Annotated[int, typer.Option("--seed", help="Seeds split, target, shadow models and attacks.", min=0)] = 0,
    defense: Annotated[
        str | None,
        typer.Option("--defense", help="Put a defense on the target (see mia defenses).", autocompletion=completions.defenses),
    ] = None,
    adaptive: Annotated[
        bool | None,
        typer.Option(
            "--adaptive/--naive",
            help="With --defense: whether the adversary knows of it, and defends models of its own alike; "
            "adaptive by default, since whoever deploys a defense must expect that.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="NAME.PARAM=VALUE of an attack, step, artifact or the defense.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the report; default mia-runs/TARGET[-DEFENSE[-naive]]-seed-N.")
    ] = None,
    workers: Workers = 1,
    dask: Dask = None,
    device: Annotated[
        str, typer.Option("--device", help="Where networks train and answer: auto, cpu, cuda or mps.")
    ] = devices.CPU,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done and what it costs.")] = False,
    adversary: ThreatOptions = ThreatOptions(),
    as_json: Json = False,
    catalog: Catalogs = None,
    trust_code: TrustedCode = None,
) -> None:
    """Run attacks against a target: those named, or every feasible one.

    Where neither a threat model nor --observation and --knows say what the adversary is granted, that is all that the target
    offers; of a target whose answers are masked (--defense) not the model itself, whose holder asks past the mask.
    """
    from attacks.engine import plan as plans
    from taxonomy import defended

    device = devices.chosen(device)
    loaded = load_sound(catalog, [*(attack or ()), target, *([defense] if defense is not None else [])])
    threat, entry, named = None, loaded.target(target), named_settings(loaded, settings or ())
    if defense is None and adaptive is not None:
        raise InputError("--adaptive and --naive say what the adversary knows of a defense: add --defense ID")
    applied = (
        defended.apply(loaded, defense, named.pop(defense, {}), adaptive=adaptive is not False) if defense is not None else None
    )
    if adversary.beside_limits:
        if adversary.threat_model is None:
            # Of whom no grants are stated, all is granted that the target offers; and the target says what it is.
            if adversary.observation is None and adversary.knows is None:
                offered = defended.faced(loaded, entry, applied)[1]
                adversary = replace(adversary, observation=offered.observation, knows=sorted(offered.knows))
            answers, records = adversary.answers or list(entry.answers), adversary.records or list(entry.records)
            model, frame = adversary.model or entry.model, adversary.frame or entry.frame
            adversary = replace(adversary, answers=answers, records=records, model=model, frame=frame)
        threat = adversary.model_in(loaded)
    elif adversary.limits.any:
        threat = replace(defended.faced(loaded, entry, applied)[1], limits=adversary.limits)
    plan = plans.make(loaded, entry, threat, attack_ids(loaded, attack), named, applied)
    from attacks.cli import tables

    console = output(stderr=as_json)
    for name in plan.unused:
        output(stderr=True).print(f"[yellow]--set {name} changes nothing: no attack of this run uses it[/]")
    from attacks.engine import expected
    from attacks.engine.code import Code
    from attacks.engine.store import Store

    code = Code(trust_code or ())
    for name in dict.fromkeys(rule.id for planned in plan.attacks for rule in planned.rules):
        if name in plan.entries:
            code.check(str(plan.entries[name].run))  # before anything is trained for what may not be run
    if applied is not None:  # before a plan is shown of which nothing would come
        from attacks.engine.runner import Engine

        code.check_defense(loaded, applied.defense)
        Engine(loaded, code=code).check(plan, seed)
    if dry_run:
        told = expected.of_plan(code, Store(), plan, seed, workers, device)
        if as_json:
            print_json(_plan_json(plan, seed, told))
        else:
            tables.plan(console, plan, told)
            if plan.threat.limits.queries is not None:
                console.print(
                    "How many candidates there are is known when the target is there: what asks too much is left out then."
                )
            console.print("Dry run: nothing was run.")
        return
    from attacks.audit import report
    from attacks.engine.executors import executor

    faced = [] if applied is None else [applied.defense.id, *([] if applied.adaptive else ["naive"])]
    folder, command = out or Path("mia-runs") / "-".join([target, *faced, "seed", str(seed)]), shlex.join(["mia", *sys.argv[1:]])
    with executor(workers, dask, trusted=trust_code or (), device=device) as pool:
        made = report.prepare(folder)
        if lost := report.replaced(folder, command):
            console.print(lost, style="yellow", markup=False)
        if not as_json:
            tables.plan(console, plan, expected.of_plan(code, Store(), plan, seed, workers, device))
        try:
            data = _run(loaded, plan, seed, pool, device, folder, code, command, trusted=bool(trust_code))
        finally:
            report.sweep(made)
    if as_json:
        print_json(data)
    else:
        tables.results(console, data)
    if data["failures"] or not data["results"]:
        raise typer.Exit(1)


def _run(
    catalog: Catalog,
    plan: Any,
    seed: int,
    pool: Executor,
    device: str,
    folder: Path,
    code: Any,
    command: str,
    *,
    trusted: bool,
) -> dict[str, Any]:
    from attacks.audit import report
    from attacks.cli.progress import Bars
    from attacks.engine import blame, trial
    from attacks.engine.runner import Engine

    with interrupts.working():
        with Bars(output(stderr=True)) as progress:
            broken = trial.try_own(catalog, plan, code) if trusted else {}
            kept = replace(plan, attacks=tuple(planned for planned in plan.attacks if planned.attack.id not in broken))
            outcome = Engine(catalog, code=code, executor=pool, progress=progress, device=device).run(kept, seed)
            outcome.failures += [{"attack": name, "error": blame.told(error, code)} for name, error in broken.items()]
        return report.write_run(outcome, folder, command, catalog)


def _plan_json(plan: Any, seed: int, told: Any) -> dict[str, Any]:
    return {
        "target": plan.target.id,
        "defense": plan.defense.as_json() if plan.defense else None,
        "threat_model": plan.threat.as_json(),
        "granted": list(plan.granted),
        "seed": seed,
        "models": plan.models,
        "attacks": [
            {
                "id": p.attack.id,
                "cost": p.price.as_json(),
                "reduced": [change.as_json() for change in p.reduced],
                "weaker": list(p.weaker),
                "rules": [r.id for r in p.rules],
            }
            for p in plan.attacks
        ],
        "skipped": [one.as_json() for one in plan.skipped],
        # Of models that are not there yet; the seconds are those of all but the ones whose time is unknown.
        "to_train": told.models,
        "expected_seconds": None if told.models and told.unknown == told.models else told.seconds,
        "unknown": told.unknown,
    }


@store_app.command("where")
def store_where(as_json: Json = False) -> None:
    """Print the folder in which finished work lies."""
    from attacks.engine.store import default_folder

    folder = default_folder()
    print_json({"store": str(folder)}) if as_json else print(folder)


@store_app.command("ls")
def store_ls(as_json: Json = False) -> None:
    """List finished work with its size."""
    from attacks.engine.store import Store

    nodes = sorted(Store().nodes(), key=lambda n: n.created)
    if as_json:
        dumped = [
            {"fingerprint": n.fingerprint, "kind": n.kind, "name": n.name, "bytes": n.bytes, "created": n.created} for n in nodes
        ]
        print_json({"nodes": dumped})
        return
    from datetime import datetime

    from attacks.cli import tables

    rows = [
        (n.fingerprint[:12], n.kind, n.name, f"{n.bytes:,}", datetime.fromtimestamp(n.created).isoformat(" ", "minutes"))
        for n in nodes
    ]
    out = output()
    out.print(tables.table(["node", "kind", "name", "bytes", "finished"], rows, right="bytes"))
    out.print(f"{len(nodes)} nodes, {sum(n.bytes for n in nodes):,} bytes.")


@store_app.command("gc", epilog="Example: mia store gc --older-than 30")
def store_gc(
    older_than: Annotated[
        float | None, typer.Option("--older-than", metavar="DAYS", help="Also drop work older than this.", min=0)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Drop everything.")] = False,
    as_json: Json = False,
) -> None:
    """Drop damaged and abandoned work, and what is older than some days, with all that rests on it.

    While runs are at work, what is whole is kept, since they may rely on it.
    """
    from attacks.engine.collection import collect
    from attacks.engine.store import Store

    found = collect(Store(), older_than, everything)
    if as_json:
        print_json({"dropped": found.dropped, "bytes": found.bytes, "runs": found.runs})
    else:
        print(f"{found.dropped} nodes dropped, {found.bytes:,} bytes freed.")
    if found.runs and (everything or older_than is not None):
        at_work = "a run is" if found.runs == 1 else f"{found.runs} runs are"
        print(f"mia: {at_work} at work in this store, so all that is whole was kept; try again later", file=sys.stderr)
        raise typer.Exit(1)
