"""The command that holds the survey's statements against what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from attacks.cli.options import Catalogs, Json, app, load_sound, output, print_json
from taxonomy.findings import unknown

if TYPE_CHECKING:
    from taxonomy.judgements import Judged


@app.command(epilog="Example: mia statements --kind defense")
def statements(
    kind: Annotated[str | None, typer.Option("--kind", help="Only statements about a cause, or about a defense.")] = None,
    verdict: Annotated[str | None, typer.Option("--verdict", help='Only these, e.g. "does not hold".')] = None,
    as_json: Json = False,
    catalog: Catalogs = None,
) -> None:
    """Tell what the survey states about causes and defenses, and whether what was measured here bears it out.

    A statement holds if all that was measured of it does: the ordering, the change of the leak along a factor, or the attack
    that it says succeeds. One that fails in one place and holds in another is undecided.
    """
    from taxonomy.judgements import JUDGEMENTS, judged

    loaded = load_sound(catalog)
    kinds = ("cause", "defense")
    if kind is not None and kind not in kinds:
        raise unknown("kind", kind, kinds)
    if verdict is not None and verdict not in JUDGEMENTS:
        raise unknown("verdict", verdict, JUDGEMENTS)
    found = [one for one in judged(loaded) if kind in (None, one.statement.kind) and verdict in (None, one.judgement)]
    if as_json:
        print_json({"statements": [one.as_json() for one in found]})
        return
    from attacks.cli import tables

    out = output()
    # One wide column, since ids, sentences and what was measured are too long to stand side by side in a terminal.
    rows = [
        (one.judgement, one.statement.where, f"{one.statement.summary}\n{one.statement.id}\n{measured(one)}\n") for one in found
    ]
    if rows:
        out.print(tables.table(["verdict", "where", "the survey says / statement / measured"], rows))
    counts = [(name, sum(one.judgement == name for one in found)) for name in JUDGEMENTS]
    told = ", ".join(f"{count} {name}" for name, count in counts if count)
    out.print(f"{len(found)} statements: {told}." if found else "No statement is so.")


def measured(judged: Judged) -> str:
    """Return what each measurement says of a statement, with its figure; or why nothing here can test it."""
    if judged.statement.untestable:
        return judged.statement.untestable
    told = []
    for part in judged.parts:
        place = f" on {part.place}" if part.place else ""
        low, high = part.figure.ci if part.figure else (0.0, 0.0)
        figure = f" ({part.what} {part.figure.mean:.3f} [{low:.3f}, {high:.3f}])" if part.figure else ""
        told.append(f"{part.name}{place}: {part.verdict or 'not measured yet'}{figure}")
    return "; ".join(told)
