"""Commands that ask the resolver."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attacks.cli import completions
from attacks.cli.options import AttackArgument, Catalogs, GoalOption, Json, app, load, output, print_json
from attacks.cli.threat_options import GuaranteeOption, LimitOptions, ThreatOptions, with_options
from taxonomy.answers import Atlas, Feasible, Inapplicable, Infeasible
from taxonomy.findings import InputError, unknown
from taxonomy.resolver import Missing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taxonomy.catalog import Catalog
    from taxonomy.threat import ThreatModel
    from taxonomy.what_if import Difference


@app.command(epilog="Example: mia feasible --observation black-box --model discriminative --knows Q.labels --knows record.label")
@with_options
def feasible(
    adversary: ThreatOptions = ThreatOptions(),
    guarantee: GuaranteeOption = None,
    goal: GoalOption = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--what-if",
            metavar="±TERM",
            help="What changes if +TERM is granted or -TERM withdrawn?",
            autocompletion=completions.changes,
        ),
    ] = None,
    by: Annotated[str | None, typer.Option("--as", help="surveyed: answer by the rows of the survey's Table 2 alone.")] = None,
    every_set: Annotated[bool, typer.Option("--all", help="Show every minimal set of missing terms.")] = False,
    as_json: Json = False,
    catalog: Catalogs = None,
) -> None:
    """Which attacks does a threat model make feasible, at which price, and what is missing for the others?"""
    loaded = load(catalog)
    threat = adversary.model_in(loaded, guarantee)
    goals = sorted({attack.goal for attack in loaded.attacks.values()})
    if goal is not None and goal not in goals:
        raise unknown("goal", goal, goals)
    atlas = Atlas(loaded)
    if by is not None:
        _as_surveyed(atlas, threat, by, as_json)
        return
    found = atlas.answers(threat, goal)
    difference = _difference(atlas, threat, changes) if changes else None
    if as_json:
        yes = [a for a in found if isinstance(a, Feasible)]
        print_json(
            {
                "threat_model": threat.as_json(),
                "feasible": [{**a.as_json(), **worth} for a, worth in zip(yes, _worth(loaded, yes, threat.prior), strict=True)],
                "infeasible": [a.as_json() for a in found if isinstance(a, Infeasible)],
                "inapplicable": [a.as_json() for a in found if isinstance(a, Inapplicable)],
                "reasons": {a.attack.id: a.reason for a in found if isinstance(a, Inapplicable)},
                **({"what_if": difference.as_json()} if difference else {}),
            }
        )
        return
    from attacks.cli import question_tables as show

    if difference:
        show.difference(output(), threat, difference)
        return
    from taxonomy import strengths

    show.feasible(output(), atlas, threat, found, strengths.measured(loaded), every_set=every_set)


def _worth(catalog: Catalog, answers: Sequence[Feasible], prior: float | None) -> list[dict[str, Any]]:
    """Return for each feasible attack what it was measured to be worth at a stated prior."""
    if prior is None:
        return [{} for _ in answers]
    from taxonomy import strengths

    _, shown = strengths.ranked([a.attack.id for a in answers], strengths.measured(catalog))
    of = [shown.get(a.attack.id) for a in answers]
    return [{"measured": one.as_json(prior) if one else None} for one in of]


def _difference(atlas: Atlas, threat: ThreatModel, changes: Sequence[str]) -> Difference:
    from taxonomy.threat import read
    from taxonomy.what_if import what_if

    signs: dict[str, list[str]] = {"+": [], "-": []}
    for change in changes:
        sign, term = change[:1], change[1:]
        if sign not in signs:
            raise InputError(f"--what-if {change!r}: expected +TERM or -TERM, e.g. --what-if +M2")
        if term not in atlas.catalog.terms:
            raise unknown("term", term, atlas.catalog.grantable)
        meant = [term] if atlas.catalog.terms[term].grantable else sorted(read(atlas.catalog, threat, {term}) - {term})
        if not meant:
            raise InputError(f"--what-if {change!r}: {term} is no capability or role that can be granted")
        signs[sign] += meant
    if both := set(signs["+"]) & set(signs["-"]):
        raise InputError(f"--what-if both grants and withdraws {', '.join(sorted(both))}")
    return what_if(atlas, threat, signs["+"], signs["-"])


def _as_surveyed(atlas: Atlas, threat: ThreatModel, by: str, as_json: bool) -> None:
    from taxonomy.surveyed_answers import as_surveyed, symbols

    if by != "surveyed":
        raise unknown("way to answer (--as)", by, ["surveyed"])
    answers, known = as_surveyed(atlas, threat), symbols(atlas, threat)
    if as_json:
        print_json({"threat_model": threat.as_json(), "symbols": list(known), "rows": [a.as_json() for a in answers]})
        return
    from attacks.cli import question_tables as show

    show.surveyed(output(), threat, known, answers)


@app.command(epilog="Example: mia explain carlini-2022-lira --threat-model prediction-api-labels")
@with_options
def explain(
    attack: AttackArgument,
    adversary: ThreatOptions = ThreatOptions(),
    guarantee: GuaranteeOption = None,
    every_set: Annotated[bool, typer.Option("--all", help="Show every minimal set of missing terms.")] = False,
    as_json: Json = False,
    catalog: Catalogs = None,
) -> None:
    """Why is an attack feasible, or what would unlock it?"""
    loaded = load(catalog)
    entry = loaded.attack(attack)
    threat = adversary.model_in(loaded, guarantee)
    atlas = Atlas(loaded)
    answer = atlas.answer(entry, threat)
    if as_json:
        rules = [rule.as_json() for rule in answer.derivation.rules] if isinstance(answer, Feasible) else []
        nothing = Infeasible(entry, Missing((), False), ())
        found = answer if isinstance(answer, Infeasible) else nothing
        print_json(
            {
                "id": entry.id,
                "threat_model": threat.as_json(),
                "feasible": isinstance(answer, Feasible),
                "derivation": rules,
                **(answer.proof_as_json() if isinstance(answer, Feasible) else {}),
                **found.missing_as_json(),
                "inapplicable": list(answer.because) if isinstance(answer, Inapplicable) else [],
                "reason": answer.reason if isinstance(answer, Inapplicable) else None,
            }
        )
        return
    from rich.markup import escape

    from attacks.cli import question_tables as show

    out = output()
    out.print(f"Threat model: {escape(show.threat(threat))}\n")
    if isinstance(answer, Inapplicable):
        out.print(f"{escape(entry.title)} does not apply: {escape(answer.reason)}.")
        return
    titles = {name: term.title for name, term in loaded.terms.items()}
    if isinstance(answer, Feasible):
        show.derived(out, answer, threat, titles)
        return
    sets = list(answer.missing.sets) if every_set else atlas.least(answer.missing, threat)
    show.unlocking(out, atlas, threat, answer, sets)


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
    loaded = load(catalog)
    rows = tables.differing(loaded) if diff else tables.published(loaded) if published else tables.surveyed(loaded)
    print(tables.render(rows, "json" if as_json else form.value))


@app.command(epilog="Example: mia harden --threat-model prediction-api-scores")
@with_options
def harden(
    adversary: ThreatOptions = ThreatOptions(),
    guarantee: GuaranteeOption = None,
    every_cut: Annotated[
        bool, typer.Option("--all", help="Show every minimal cut, also those that are in nobody's or the adversary's hand.")
    ] = False,
    as_json: Json = False,
    catalog: Catalogs = None,
) -> None:
    """What can the owner withdraw, or replace by something poorer, to stop which attacks? Minimal sets, exact.

    Beside a cut stand the defenses that make it, and what was measured of them (mia defenses --matrix).
    """
    from taxonomy import defense_evidence, defense_matrix, withdrawals

    loaded = load(catalog)
    threat = adversary.model_in(loaded, guarantee)
    atlas = Atlas(loaded)
    cuts, truncated = withdrawals.harden(atlas, threat)
    masks, trainings = withdrawals.masks(atlas, threat), withdrawals.trainings(atlas, threat)
    evidence = defense_evidence.find_all(loaded)
    # Whoever owns the model can train it anew, whatever is granted: what was measured of that counts beside what papers say.
    trained = {name for name in evidence if loaded.defense(name).changes in ("training", "model")}
    named = {name for cut in cuts for name in cut.defenses} | {name for mask in masks for name in mask.defenses}
    named |= {*trainings} | trained
    feasible = {answer.attack.id for answer in atlas.answers(atlas.stated(threat)) if isinstance(answer, Feasible)}
    found = defense_matrix.rows_of(evidence, sorted(named), feasible)
    measured = [(target, row) for target, row in found if loaded.target(target).model == threat.model]
    if as_json:
        listed = {"cuts": [cut.as_json() for cut in cuts], "masks": [mask.as_json() for mask in masks]}
        listed["measured"] = [{"target": target, **row.as_json()} for target, row in measured]
        listed["trainings"] = [{"defense": name, "mitigates": list(attacks)} for name, attacks in trainings.items()]
        print_json({"threat_model": threat.as_json(), **listed, "truncated": truncated})
        return
    from attacks.cli import question_tables as show

    show.cuts(output(), threat, cuts, truncated=truncated, every_cut=every_cut)
    show.masks(output(), masks)
    show.trainings(output(), trainings)
    if measured:
        from attacks.cli import defense_tables

        defense_tables.of_cuts(output(), measured)


@app.command(epilog="Example: mia gaps --json")
@with_options
def gaps(
    every_cell: Annotated[bool, typer.Option("--all", help="Show cells without a gap too.")] = False,
    adversary: LimitOptions = LimitOptions(),
    as_json: Json = False,
    catalog: Catalogs = None,
) -> None:
    """Which combinations of observation, model type, frame and knowledge does no attack, or no running attack, cover?"""
    from taxonomy import coverage

    cells = coverage.gaps(Atlas(load(catalog)), adversary.limits)
    if as_json:
        print_json({"cells": [cell.as_json() for cell in cells]})
        return
    from attacks.cli import question_tables as show

    show.gaps(output(), cells, every_cell=every_cell)


@app.command(epilog="Example: mia compare carlini-2022-lira shokri-2017")
@with_options
def compare(
    first: Annotated[str, typer.Argument(metavar="A", autocompletion=completions.attacks)],
    second: Annotated[str, typer.Argument(metavar="B", autocompletion=completions.attacks)],
    adversary: LimitOptions = LimitOptions(),
    as_json: Json = False,
    catalog: Catalogs = None,
) -> None:
    """What does one attack need that another does not, and is one of them never worse?"""
    from taxonomy import comparison

    loaded = load(catalog)
    a, b = loaded.attack(first), loaded.attack(second)
    if a is b:
        raise InputError(f"{a.id} is named twice: name two attacks")
    found = comparison.compare(Atlas(loaded), a, b, adversary.limits)
    if as_json:
        print_json({"first": a.id, "second": b.id, **found.as_json()})
        return
    from attacks.cli import question_tables as show

    show.comparison(output(), a, b, found, limited=adversary.limits.any)
