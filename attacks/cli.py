"""The command `mia`: the only room that knows both the terminal and the rest. Loads torch only to run."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from taxonomy import catalog as catalogs
from taxonomy.answers import Atlas, Feasible, Inapplicable, Infeasible
from taxonomy.catalog import Catalog
from taxonomy.findings import InputError, unknown
from taxonomy.threat import ThreatModel, from_user

if TYPE_CHECKING:
    from rich.console import Console

# Idle OpenMP threads of torch spin by default, which steals the core from whatever else runs: training beside one busy process
# was measured to take up to three times as long. Both must be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")


class _Group(TyperGroup):
    """Turns wrong input into one message and exit code 2, and an interrupt into a sentence."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except InputError as error:
            print(f"mia: {error}", file=sys.stderr)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            print("mia: interrupted. Finished work is kept; the same command goes on from there.", file=sys.stderr)
            raise typer.Exit(130) from None
        except BrokenPipeError:
            # The reader of our output has gone, as in `mia attacks | head`; there is nobody left to tell.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None


app = typer.Typer(
    name="mia",
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Membership inference attacks: which ones does a threat model make feasible, why, and how much do they find out?",
    epilog="Start with: mia feasible --threat-model prediction-api-scores",
)
store_app = typer.Typer(no_args_is_help=True, help="Finished work: where it lies, what it is, and dropping it.")
export_app = typer.Typer(no_args_is_help=True, help="The catalog in formats of others.")
app.add_typer(store_app, name="store")
app.add_typer(export_app, name="export")

Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Catalogs = Annotated[list[Path] | None, typer.Option("--catalog", help="A folder with more entries (repeatable).")]
ThreatModelOption = Annotated[str | None, typer.Option("--threat-model", help="A file, or the id of a ready threat model.")]
ObservationOption = Annotated[str | None, typer.Option("--observation", help="black-box or white-box.")]
KnowsOption = Annotated[list[str] | None, typer.Option("--knows", help="A term that the adversary is granted (repeatable).")]
ModelOption = Annotated[str | None, typer.Option("--model", help="discriminative, generative or aggregate.")]
FrameOption = Annotated[str | None, typer.Option("--frame", help="stand-alone or federated.")]
QueriesOption = Annotated[int | None, typer.Option("--queries", help="At most so many queries for each attack.")]
ModelsOption = Annotated[int | None, typer.Option("--models", help="At most so many models for each attack.")]


def _print_json(data: Any) -> None:
    print(json.dumps(data, indent=2, ensure_ascii=False))


def _out(*, stderr: bool = False) -> Console:
    from attacks import show

    return show.console(stderr=stderr)


def _load(extra: list[Path] | None) -> Catalog:
    return catalogs.load(extra or ())


def _threat_model(
    catalog: Catalog,
    name: str | None,
    observation: str | None,
    knows: Sequence[str] | None,
    model: str | None,
    frame: str | None,
    queries: int | None,
    models: int | None,
) -> ThreatModel:
    """Return the threat model of a command: a ready one or a file, with what the flags add."""
    stated = set(knows or ())
    if name is not None:
        ready = _ready(catalog, name)
        observation, model, frame = observation or ready.observation, model or ready.model, frame or ready.frame
        stated |= set(ready.knows)
        queries = ready.limits.queries if queries is None else queries
        models = ready.limits.models if models is None else models
    return from_user(catalog, observation=observation, model=model, frame=frame, knows=stated, queries=queries, models=models)


def _ready(catalog: Catalog, name: str) -> Any:
    from taxonomy.entries import ReadyThreatModel
    from taxonomy.findings import CatalogError
    from taxonomy.yamlfile import read

    if name in catalog.threat_models:
        return catalog.threat_models[name]
    if not Path(name).is_file():
        if name.endswith((".yaml", ".yml")) or os.sep in name:
            raise InputError(f"{name}: no such file")
        raise unknown("threat model", name, catalog.threat_models)
    document = read(Path(name))
    ready = catalogs.validate(ReadyThreatModel, document)
    if ready is None:
        raise CatalogError(document.findings)
    return ready


# -- the catalog -----------------------------------------------------------------------------------------------------------


@app.command("attacks", epilog="Example: mia attacks --model discriminative --runs")
def list_attacks(
    goal: Annotated[str | None, typer.Option("--goal", help="Only attacks with this goal, e.g. membership.")] = None,
    needs: Annotated[list[str] | None, typer.Option("--needs", help="Only attacks that need this term.")] = None,
    model: ModelOption = None,
    runs: Annotated[bool, typer.Option("--runs", help="Only attacks that have code.")] = False,
    as_json: Json = False,
    catalog: Catalogs = None,
) -> None:
    """List the attacks of the catalog."""
    loaded = _load(catalog)
    wanted = [*(needs or ()), *([model] if model else ())]
    for term in wanted:
        if term not in loaded.terms:
            raise unknown("term", term, loaded.terms)
    goals = sorted({attack.goal for attack in loaded.attacks.values()})
    if goal is not None and goal not in goals:
        raise unknown("goal", goal, goals)
    found = [
        attack
        for attack in sorted(loaded.attacks.values(), key=lambda a: a.id)
        if set(wanted) <= set(attack.needs) and (goal is None or attack.goal == goal) and (attack.run or not runs)
    ]
    if as_json:
        rows = [{"id": a.id, "title": a.title, "goal": a.goal, "runs": a.run is not None, "needs": a.needs} for a in found]
        _print_json({"attacks": rows})
        return
    from attacks import show

    out = _out()
    out.print(show.table(["attack", "title", "goal", "runs"], [(a.id, a.title, a.goal, "yes" if a.run else "no") for a in found]))
    out.print(f"{len(found)} attacks, {sum(a.run is not None for a in found)} of them run.")


@app.command(epilog="Example: mia show shokri-2017")
def show(name: Annotated[str, typer.Argument(metavar="ID")], as_json: Json = False, catalog: Catalogs = None) -> None:
    """Show one entry: an attack, step, target, threat model or term."""
    from taxonomy.references import citation, works

    loaded = _load(catalog)
    entry = loaded.entry(name)
    data = entry.model_dump(mode="json", by_alias=True, exclude_none=True)
    cited = works(loaded)
    citations = {key: citation(cited[key]) for key in entry.cites if key in cited}
    if as_json:
        _print_json({**data, "citations": citations})
        return
    from rich.markup import escape

    from attacks import show as shown

    out = _out()
    out.print(f"[bold]{escape(entry.title)}[/] ({escape(name)})\n")
    text = data.pop("summary", None) or data.pop("definition", "")
    out.print(escape(text) + "\n")
    rows = [
        (key, _plain(value))
        for key, value in data.items()
        if key not in ("schema", "id", "title", "cites") and value not in ([], {})
    ]
    out.print(shown.table(["", ""], rows))
    for line in citations.values():
        out.print(escape(line))


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return (
            "\n".join(_plain(item) for item in value) if any(isinstance(v, dict) for v in value) else ", ".join(map(str, value))
        )
    if isinstance(value, dict):
        return "; ".join(f"{k}: {_plain(v)}" for k, v in value.items())
    return str(value)


@app.command(epilog="Example: mia terms --aspect query")
def terms(
    aspect: Annotated[str | None, typer.Option("--aspect", help="Only terms of this aspect.")] = None,
    as_json: Json = False,
    catalog: Catalogs = None,
) -> None:
    """List the terms: what an adversary may observe, know and do."""
    loaded = _load(catalog)
    aspects = sorted({term.aspect for term in loaded.terms.values()})
    if aspect is not None and aspect not in aspects:
        raise unknown("aspect", aspect, aspects)
    found = [term for term in loaded.terms.values() if aspect is None or term.aspect == aspect]
    if as_json:
        dumped = [{**t.model_dump(mode="json", exclude_none=True), "grantable": t.grantable} for t in found]
        _print_json(
            {"terms": dumped, "implications": [i.model_dump(mode="json", exclude_none=True) for i in loaded.implications]}
        )
        return
    from attacks import show

    rows = [(t.id, t.aspect, t.definition) for t in found]
    _out().print(show.table(["term", "aspect", "definition"], rows))


@app.command(epilog="Example: mia targets")
def targets(as_json: Json = False, catalog: Catalogs = None) -> None:
    """List the targets: really trained models with known members."""
    loaded = _load(catalog)
    found = sorted(loaded.targets.values(), key=lambda t: t.id)
    if as_json:
        _print_json({"targets": [t.model_dump(mode="json", by_alias=True, exclude_none=True) for t in found]})
        return
    from attacks import show

    rows = [(t.id, t.title, "control" if t.control else "", ", ".join(t.offers)) for t in found]
    _out().print(show.table(["target", "title", "", "offers"], rows))


# -- questions -------------------------------------------------------------------------------------------------------------


@app.command(epilog="Example: mia feasible --observation black-box --model discriminative --knows Q.labels --knows record.label")
def feasible(
    threat_model: ThreatModelOption = None,
    observation: ObservationOption = None,
    knows: KnowsOption = None,
    model: ModelOption = None,
    frame: FrameOption = None,
    queries: QueriesOption = None,
    models: ModelsOption = None,
    goal: Annotated[str | None, typer.Option("--goal", help="Only attacks with this goal, e.g. membership.")] = None,
    every_set: Annotated[bool, typer.Option("--all", help="Show every minimal set of missing terms.")] = False,
    as_json: Json = False,
    catalog: Catalogs = None,
) -> None:
    """Which attacks does a threat model make feasible, at which price, and what is missing for the others?"""
    loaded = _load(catalog)
    threat = _threat_model(loaded, threat_model, observation, knows, model, frame, queries, models)
    goals = sorted({attack.goal for attack in loaded.attacks.values()})
    if goal is not None and goal not in goals:
        raise unknown("goal", goal, goals)
    atlas = Atlas(loaded)
    answers = atlas.answers(threat, goal)
    if as_json:
        _print_json(
            {
                "threat_model": threat.as_json(),
                "feasible": [a.as_json() for a in answers if isinstance(a, Feasible)],
                "infeasible": [a.as_json() for a in answers if isinstance(a, Infeasible)],
                "inapplicable": [a.as_json() for a in answers if isinstance(a, Inapplicable)],
            }
        )
        return
    from attacks import show

    show.feasible(_out(), atlas, threat, answers, every_set=every_set)


@app.command(epilog="Example: mia explain carlini-2022-lira --threat-model prediction-api-labels")
def explain(
    attack: Annotated[str, typer.Argument(metavar="ATTACK")],
    threat_model: ThreatModelOption = None,
    observation: ObservationOption = None,
    knows: KnowsOption = None,
    model: ModelOption = None,
    frame: FrameOption = None,
    queries: QueriesOption = None,
    models: ModelsOption = None,
    every_set: Annotated[bool, typer.Option("--all", help="Show every minimal set of missing terms.")] = False,
    as_json: Json = False,
    catalog: Catalogs = None,
) -> None:
    """Why is an attack feasible, or what would unlock it?"""
    loaded = _load(catalog)
    entry = loaded.attack(attack)
    threat = _threat_model(loaded, threat_model, observation, knows, model, frame, queries, models)
    atlas = Atlas(loaded)
    answer = atlas.answer(entry, threat)
    if as_json:
        rules = [rule.as_json() for rule in answer.derivation.rules] if isinstance(answer, Feasible) else []
        missing = answer.missing if isinstance(answer, Infeasible) else None
        _print_json(
            {
                "id": entry.id,
                "threat_model": threat.as_json(),
                "feasible": isinstance(answer, Feasible),
                "derivation": rules,
                "missing": [list(terms) for terms in missing.sets] if missing else [],
                "truncated": missing.truncated if missing else False,
                "inapplicable": list(answer.because) if isinstance(answer, Inapplicable) else [],
            }
        )
        return
    from rich.markup import escape

    from attacks import show

    out = _out()
    out.print(f"Threat model: {escape(show.threat(threat))}\n")
    if isinstance(answer, Inapplicable):
        out.print(f"{escape(entry.title)} does not apply: it attacks a {', '.join(answer.because)} target.")
        return
    titles = {name: term.title for name, term in loaded.terms.items()}
    if isinstance(answer, Feasible):
        word = "cheapest" if answer.derivation.cheapest else "a"
        out.print(f"Feasible, for {show.price(answer.derivation.price)} ({word} derivation):\n")
        out.print(show.proof(entry, answer.derivation.rules, threat.grants, titles))
        return
    sets = list(answer.missing.sets) if every_set else atlas.least(answer.missing, threat)
    out.print(f"{escape(entry.title)} is infeasible. Any one of these would unlock it:\n")
    for terms_ in sets:
        out.print(f"[bold]{escape(' + '.join(terms_))}[/]")
        for rule in atlas.completes(entry, threat, terms_):
            out.print(f"    {escape(rule.because)} [dim]({escape(rule.id)})[/]")
    if len(sets) < len(answer.missing.sets):
        out.print(f"\n{len(answer.missing.sets) - len(sets)} more minimal sets grant more than one of these (--all).")
    if answer.missing.truncated:
        out.print("\nThe search was cut short: there may be more sets.")


class Format(StrEnum):
    """Formats of a table."""

    markdown = "md"
    csv = "csv"
    json = "json"
    latex = "latex"


@app.command(epilog="Example: mia table --surveyed --format csv")
def table(
    surveyed: Annotated[bool, typer.Option("--surveyed", help="The survey's rows (the default).")] = False,
    published: Annotated[bool, typer.Option("--published", help="The same rows from the original papers.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Where the two differ, with the reason.")] = False,
    form: Annotated[Format, typer.Option("--format")] = Format.markdown,
    as_json: Json = False,
    catalog: Catalogs = None,
) -> None:
    """Print the survey's Table 2, regenerated from the entries."""
    from taxonomy import tables

    if surveyed + published + diff > 1:
        raise InputError("choose one of --surveyed, --published and --diff")
    loaded = _load(catalog)
    rows = tables.differing(loaded) if diff else tables.published(loaded) if published else tables.surveyed(loaded)
    print(tables.render(rows, "json" if as_json else form.value))


# -- running ---------------------------------------------------------------------------------------------------------------


@app.command(epilog="Example: mia run carlini-2022-lira yeom-2018-loss --target digits-mlp --set shadow-models.count=32")
def run(
    attack: Annotated[list[str] | None, typer.Argument(metavar="[ATTACK]...")] = None,
    target: Annotated[str, typer.Option("--target", help="The target under attack (see mia targets).")] = "digits-mlp",
    seed: Annotated[int, typer.Option("--seed", help="Seeds split, target, shadow models and attacks.", min=0)] = 0,
    settings: Annotated[list[str] | None, typer.Option("--set", help="NAME.PARAM=VALUE of an attack, step or artifact.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the report; default mia-runs/TARGET-seed-N.")] = None,
    workers: Annotated[int, typer.Option("--workers", help="Processes that train.", min=1)] = 1,
    device: Annotated[str, typer.Option("--device", help="cpu; others are not supported yet.")] = "cpu",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done and what it costs.")] = False,
    threat_model: ThreatModelOption = None,
    observation: ObservationOption = None,
    knows: KnowsOption = None,
    model: ModelOption = None,
    frame: FrameOption = None,
    queries: QueriesOption = None,
    models: ModelsOption = None,
    as_json: Json = False,
    catalog: Catalogs = None,
    trust_code: Annotated[
        list[Path] | None, typer.Option("--trust-code", help="Run code of this folder too (repeatable).")
    ] = None,
) -> None:
    """Run attacks against a target: those named, or every feasible one.

    Without a threat model the adversary is granted all that the target offers.
    """
    from attacks import plan as plans

    if device != "cpu":
        raise InputError(f"the device {device!r} is not supported; use cpu")
    loaded = _load(catalog)
    threat = None
    if any(value is not None for value in (threat_model, observation, model, frame)) or knows:
        threat = _threat_model(loaded, threat_model, observation, knows, model, frame, queries, models)
    entry = loaded.target(target)
    if threat is None and (queries is not None or models is not None):
        owner = plans.owner(entry)
        threat = from_user(
            loaded,
            observation=owner.observation,
            model=owner.model,
            frame=owner.frame,
            knows=owner.knows,
            queries=queries,
            models=models,
        )
    plan = plans.make(loaded, entry, threat, attack or (), _settings(settings or ()))
    from attacks import show

    console = _out(stderr=as_json)
    if dry_run:
        if as_json:
            _print_json(_plan_json(plan, seed))
        else:
            show.plan(console, plan, _expected(plan))
            console.print("Dry run: nothing was run.")
        return
    from attacks import report

    folder = out or Path("mia-runs") / f"{target}-seed-{seed}"
    report.prepare(folder)
    if not as_json:
        show.plan(console, plan, _expected(plan))
    data = _run(loaded, plan, seed, workers, folder, trust_code or ())
    if as_json:
        _print_json(data)
    else:
        show.results(console, data)
    if data["failures"]:
        raise typer.Exit(1)


def _run(catalog: Catalog, plan: Any, seed: int, workers: int, folder: Path, trusted: Sequence[Path]) -> dict[str, Any]:
    from attacks import report
    from attacks.code import Code
    from attacks.engine import Engine, executor
    from attacks.progress import Bars

    with Bars(_out(stderr=True)) as progress, executor(workers) as pool:
        outcome = Engine(catalog, code=Code(trusted), executor=pool, progress=progress).run(plan, seed)
    return report.write(outcome, folder, shlex.join(["mia", *sys.argv[1:]]))


def _settings(texts: Iterable[str]) -> dict[str, dict[str, str]]:
    result: dict[str, dict[str, str]] = {}
    for text in texts:
        path, equals, value = text.partition("=")
        name, dot, parameter = path.rpartition(".")
        if not equals or not dot or not name or not parameter:
            raise InputError(f"--set {text!r}: expected NAME.PARAM=VALUE, e.g. shadow-models.count=32")
        result.setdefault(name, {})[parameter] = value
    return result


def _plan_json(plan: Any, seed: int) -> dict[str, Any]:
    return {
        "target": plan.target.id,
        "threat_model": plan.threat.as_json(),
        "granted": list(plan.granted),
        "seed": seed,
        "models": plan.models,
        "attacks": [{"id": p.attack.id, "cost": p.price.as_json(), "rules": [r.id for r in p.rules]} for p in plan.attacks],
        "skipped": [{"id": name, "because": reason} for name, reason in plan.skipped],
        "expected_seconds": _expected(plan),
    }


def _expected(plan: Any) -> float | None:
    """Return how long training should take, from models of the same recipe in the store; None if there are none."""
    from attacks.store import Store

    seconds = Store().typical_seconds(plan.target.params)
    return None if seconds is None else seconds * (plan.models + 1)


# -- finished work ---------------------------------------------------------------------------------------------------------


@store_app.command("where")
def store_where(as_json: Json = False) -> None:
    """Print the folder in which finished work lies."""
    from attacks.store import default_folder

    folder = default_folder()
    _print_json({"store": str(folder)}) if as_json else print(folder)


@store_app.command("ls")
def store_ls(as_json: Json = False) -> None:
    """List finished work with its size."""
    from attacks.store import Store

    nodes = sorted(Store().nodes(), key=lambda n: n.created)
    if as_json:
        dumped = [
            {"fingerprint": n.fingerprint, "kind": n.kind, "name": n.name, "bytes": n.bytes, "created": n.created} for n in nodes
        ]
        _print_json({"nodes": dumped})
        return
    from datetime import datetime

    from attacks import show

    rows = [
        (n.fingerprint[:12], n.kind, n.name, f"{n.bytes:,}", datetime.fromtimestamp(n.created).isoformat(" ", "minutes"))
        for n in nodes
    ]
    out = _out()
    out.print(show.table(["node", "kind", "name", "bytes", "finished"], rows, right="bytes"))
    out.print(f"{len(nodes)} nodes, {sum(n.bytes for n in nodes):,} bytes.")


@store_app.command("gc", epilog="Example: mia store gc --older-than 30")
def store_gc(
    older_than: Annotated[
        float | None, typer.Option("--older-than", metavar="DAYS", help="Also drop work older than this.", min=0)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Drop everything.")] = False,
    as_json: Json = False,
) -> None:
    """Drop damaged and abandoned work, and what is older than some days."""
    from attacks.store import Store

    dropped, freed = Store().collect(older_than, everything)
    _print_json({"dropped": dropped, "bytes": freed}) if as_json else print(f"{dropped} nodes dropped, {freed:,} bytes freed.")


# -- checks and exports ----------------------------------------------------------------------------------------------------


class CheckFormat(StrEnum):
    """Formats of findings."""

    text = "text"
    json = "json"
    sarif = "sarif"


@app.command(epilog="Example: mia check my-catalog --format sarif")
def check(
    folder: Annotated[list[Path] | None, typer.Argument(metavar="[DIR]...")] = None,
    form: Annotated[CheckFormat, typer.Option("--format")] = CheckFormat.text,
    as_json: Json = False,
    catalog: Catalogs = None,
) -> None:
    """Validate the catalog, and folders with more entries, without importing or running any attack."""
    from taxonomy.check import check as validate
    from taxonomy.sarif import sarif

    loaded, findings = validate([*(folder or ()), *(catalog or ())])
    errors = sum(finding.severity == "error" for finding in findings)
    running = sum(attack.run is not None for attack in loaded.attacks.values())
    if as_json or form is CheckFormat.json:
        _print_json(
            {"findings": [f.as_json() for f in findings], "errors": errors, "attacks": len(loaded.attacks), "running": running}
        )
    elif form is CheckFormat.sarif:
        _print_json(sarif(findings))
    else:
        for finding in findings:
            print(finding)
        counts = ", ".join(f"{len(entries)} {kind}" for kind, entries in loaded.kinds.items() if entries)
        print(f"{counts}; {running} attacks run. {errors} errors, {len(findings) - errors} warnings.")
    if errors:
        raise typer.Exit(1)


@export_app.command("graph")
def export_graph(catalog: Catalogs = None, as_json: Json = True) -> None:
    """Print terms, rules and what can be granted as JSON."""
    loaded = _load(catalog)
    _print_json(Atlas(loaded).resolver.graph.export(loaded))


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
