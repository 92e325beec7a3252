"""Commands that show and check the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attacks.cli import completions
from attacks.cli.options import (
    Catalogs,
    GoalOption,
    Json,
    TrustedCode,
    app,
    load,
    output,
    print_json,
)
from attacks.cli.threat_options import GranularityOption, ModelOption, StageOption
from taxonomy.answers import facets
from taxonomy.catalog import Catalog
from taxonomy.entries import Range
from taxonomy.findings import unknown

if TYPE_CHECKING:
    from taxonomy.figures import Evidence


@app.command("attacks", epilog="Example: mia attacks --model discriminative --runs")
def list_attacks(
    goal: GoalOption = None,
    needs: Annotated[
        list[str] | None,
        typer.Option("--needs", help="Only attacks that need this term.", autocompletion=completions.terms),
    ] = None,
    model: ModelOption = None,
    stage: StageOption = None,
    granularity: GranularityOption = None,
    runs: Annotated[bool, typer.Option("--runs", help="Only attacks that have code.")] = False,
    as_json: Json = False,
    catalog: Catalogs = None,
) -> None:
    """List the attacks of the catalog."""
    loaded = load(catalog)
    about = {"stage": stage or [], "granularity": granularity or []}
    for aspect, names in about.items():
        valid = [term.id for term in loaded.terms.values() if term.aspect == aspect]
        for name in names:
            if name not in valid:
                raise unknown(f"value of --{aspect}", name, valid)
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
        if set(wanted) <= set(attack.needs)
        and all(not names or {*names} & {*facets(loaded, attack, aspect)} for aspect, names in about.items())
        and (goal is None or attack.goal == goal)
        and (attack.run or not runs)
    ]
    if as_json:
        rows = [
            {
                "id": a.id,
                "title": a.title,
                "aliases": a.aliases,
                "goal": a.goal,
                "runs": a.run is not None,
                "needs": a.needs,
                **{aspect: list(facets(loaded, a, aspect)) for aspect in about},
            }
            for a in found
        ]
        print_json({"attacks": rows})
        return
    from attacks.cli import tables

    out = output()
    out.print(
        tables.table(["attack", "title", "goal", "runs"], [(a.id, a.title, a.goal, "yes" if a.run else "no") for a in found])
    )
    out.print(f"{len(found)} attacks, {sum(a.run is not None for a in found)} of them run.")


@app.command(epilog="Example: mia entries errata")
def entries(
    kind: Annotated[
        str | None,
        typer.Argument(
            help="errata, glossary, datasets, …; all kinds are counted if not given.", autocompletion=completions.kinds
        ),
    ] = None,
    as_json: Json = False,
    catalog: Catalogs = None,
) -> None:
    """List the entries of one kind, or count those of every kind."""
    kinds = load(catalog).kinds
    if kind is not None and kind not in kinds:
        raise unknown("kind of entry", kind, kinds)
    found = sorted(kinds[kind].values(), key=lambda e: e.id) if kind else []
    if as_json:
        listed: dict[str, object] = {"entries": [e.model_dump(mode="json", by_alias=True, exclude_none=True) for e in found]}
        print_json(listed if kind else {"kinds": {name: len(kinds[name]) for name in kinds}})
        return
    from attacks.cli import tables

    table = tables.table(["entry", "title"], [(e.id, e.title) for e in found])
    output().print(table if kind else tables.table(["kind", "entries"], [(n, len(kinds[n])) for n in kinds], right="entries"))


@app.command(epilog="Example: mia show shokri-2017")
def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="An id, a term, or a name by which people call an attack.", autocompletion=completions.entries
        ),
    ],
    as_json: Json = False,
    catalog: Catalogs = None,
    trust_code: TrustedCode = None,
) -> None:
    """Show one entry: an attack, step, target, threat model or term. Code is read, to tell stale evidence, and never run."""
    from taxonomy.defense_evidence import find_all
    from taxonomy.evidence import orderings_of
    from taxonomy.judgements import judge
    from taxonomy.references import citation, works
    from taxonomy.statements import Statement

    loaded = load(catalog)
    entry = loaded.entry(name)
    name = entry.id
    data = entry.model_dump(mode="json", by_alias=True, exclude_none=True)
    cited = works(loaded)
    citations = {key: citation(cited[key]) for key in entry.cites if key in cited}
    measured, stale = _measured(loaded, name, trust_code or ())
    compared = orderings_of(loaded, name)
    on_targets = find_all(loaded).get(name) if name in loaded.defenses else None
    judged = judge(loaded, entry) if isinstance(entry, Statement) else None
    if as_json:
        found: dict[str, Any] = (
            {"evidence": {**measured.model_dump(mode="json", by_alias=True), "stale": stale}} if measured else {}
        )
        if on_targets:
            found["evidence"] = on_targets.model_dump(mode="json", by_alias=True)
        if judged:
            found |= {key: value for key, value in judged.as_json().items() if key in ("verdict", "measured")}
        if compared:
            found["orderings"] = [one.model_dump(mode="json") for one in compared]
        print_json({**data, "citations": citations, **found})
        return
    from rich.markup import escape

    from attacks.cli import tables as shown
    from taxonomy.figures import provenance

    out = output()
    out.print(f"[bold]{escape(entry.title)}[/] ({escape(name)})\n")
    text = data.pop("summary", None) or data.pop("definition", "")
    out.print(escape(text) + "\n")
    if "ranges" in data:
        data["ranges"] = {parameter: str(Range(**allowed)) for parameter, allowed in data["ranges"].items()}
    rows = [
        (key, _plain(value))
        for key, value in data.items()
        if key not in ("schema", "id", "title", "cites") and value not in ([], {})
    ]
    if judged:
        from attacks.cli.statements import measured as told

        rows += [("verdict", judged.judgement), *([("measured", told(judged))] if judged.parts else [])]
    out.print(shown.table(["", ""], rows))
    out.print()
    if measured:
        out.print("Measured:")
        out.print(shown.evidence(measured, stale))
        for sentence in provenance(measured):
            out.print(f"{escape(sentence[0].upper() + sentence[1:])}.")
    if on_targets:
        from attacks.cli import defense_tables

        out.print("Measured:")
        defense_tables.measured(out, loaded.defense(name), on_targets)
    if compared:
        out.print("Orderings that papers report of it:")
        out.print(shown.orderings(compared))
    for line in citations.values():
        out.print(escape(line))


def _measured(catalog: Catalog, name: str, code: Sequence[Path]) -> tuple[Evidence | None, list[str]]:
    """Return what was measured of an attack, if anything, and the targets on which that is stale."""
    if name not in catalog.attacks:
        return None, []
    from taxonomy import evidence
    from taxonomy.current import fingerprints
    from taxonomy.source import trusted_packages

    found = evidence.find(catalog, name)
    if found is None:
        return None, []
    with fingerprints(catalog, trusted_packages(code).values()) as prints:
        return found, evidence.stale(prints, found)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return (
            "\n".join(_plain(item) for item in value) if any(isinstance(v, dict) for v in value) else ", ".join(map(str, value))
        )
    if isinstance(value, dict):
        return "; ".join(f"{k}: {_plain(v)}" for k, v in value.items() if v not in ([], {}))
    return str(value)


@app.command(epilog="Example: mia terms --aspect query --handles")
def terms(
    aspect: Annotated[
        str | None, typer.Option("--aspect", help="Only terms of this aspect.", autocompletion=completions.aspects)
    ] = None,
    handles: Annotated[
        bool, typer.Option("--handles", help="What code does with each: the argument, its type, and what that offers.")
    ] = False,
    as_json: Json = False,
    catalog: Catalogs = None,
    trust_code: TrustedCode = None,
) -> None:
    """List the terms: what an adversary may observe, know and do. Code is read, for --handles, and never run."""
    loaded = load(catalog)
    aspects = sorted({term.aspect for term in loaded.terms.values()})
    if aspect is not None and aspect not in aspects:
        raise unknown("aspect", aspect, aspects)
    found = [term for term in loaded.terms.values() if aspect is None or term.aspect == aspect]
    if handles:
        _handles(loaded, trust_code or (), {term.id for term in found} if aspect else None, as_json)
        return
    if as_json:
        dumped = [{**t.model_dump(mode="json", exclude_none=True), "grantable": t.grantable, "held_by": t.holder} for t in found]
        print_json({"terms": dumped, "implications": [i.model_dump(mode="json", exclude_none=True) for i in loaded.implications]})
        return
    from attacks.cli import tables

    rows = [(t.id, t.aspect, t.definition) for t in found]
    output().print(tables.table(["term", "aspect", "definition"], rows))


def _handles(catalog: Catalog, code: Sequence[Path], only: set[str] | None, as_json: bool) -> None:
    """Print what the handles of some terms offer, or of all, then with those of the candidates."""
    from taxonomy.handles import offered, packages
    from taxonomy.source import trusted_packages

    known = packages(list(trusted_packages(code).values()))
    found = [one for one in offered(catalog, known) if only is None or only & set(one.terms)]
    if as_json:
        print_json({"handles": [one.as_json() for one in found]})
        return
    from attacks.cli import tables

    tables.handles(found, output())


@app.command(epilog="Example: mia defenses --matrix")
def defenses(
    matrix: Annotated[
        bool, typer.Option("--matrix", help="What was measured: the strongest attacks with and without each, and what it costs.")
    ] = False,
    as_json: Json = False,
    catalog: Catalogs = None,
) -> None:
    """List the defenses: what they change, which grants they withdraw, and which run (mia run --defense ID).

    With --matrix, what `mia bench` measured of them, target by target. What was not measured is absent.
    """
    loaded = load(catalog)
    if matrix:
        _matrix(loaded, as_json=as_json)
        return
    found = sorted(loaded.defenses.values(), key=lambda d: (d.category, d.id))
    if as_json:
        print_json({"defenses": [d.model_dump(mode="json", by_alias=True, exclude_none=True) for d in found]})
        return
    from attacks.cli import tables

    rows = [
        (
            d.id,
            d.category,
            d.changes,
            ", ".join([*(f"{term} → {left}" for term, left in d.replaces.items()), *d.withdraws]),
            ", ".join(f"{name} {value}" for name, value in d.params.items()) or "no parameter" if d.run else "no code",
        )
        for d in found
    ]
    output().print(tables.table(["defense", "category", "changes", "withdraws, or replaces →", "runs with"], rows))
    output().print(
        "mia show DEFENSE says against which attacks it was shown to help, and against which not; --matrix what we measured."
    )


def _matrix(catalog: Catalog, *, as_json: bool) -> None:
    """Print the matrix of defenses and attacks; raise InputError if a file of evidence is damaged."""
    from taxonomy.defense_evidence import find_all
    from taxonomy.defense_matrix import matrices, unmeasured

    evidence = find_all(catalog)
    missing = unmeasured(catalog, evidence)
    if as_json:
        params = {name: evidence[name].params for name in sorted(evidence)}
        print_json({"targets": [one.as_json() for one in matrices(evidence)], "params": params, "unmeasured": missing})
        return
    from attacks.cli import defense_tables

    defense_tables.matrix(output(), evidence)
    if evidence and missing:
        output().print(f"Not measured yet: {', '.join(missing)}.")


@app.command(epilog="Example: mia targets")
def targets(as_json: Json = False, catalog: Catalogs = None) -> None:
    """List the targets: really trained models with known members."""
    loaded = load(catalog)
    found = sorted(loaded.targets.values(), key=lambda t: t.id)
    if as_json:
        print_json({"targets": [t.model_dump(mode="json", by_alias=True, exclude_none=True) for t in found]})
        return
    from attacks.cli import tables

    rows = [(t.id, t.title, "control" if t.control else "", ", ".join(t.offers)) for t in found]
    output().print(tables.table(["target", "title", "", "offers"], rows))
