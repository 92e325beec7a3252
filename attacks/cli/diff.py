"""The command that tells what changed between two runs or audits: `mia diff`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attacks.cli.options import Json, app, output, print_json
from taxonomy.findings import printable

if TYPE_CHECKING:
    from attacks.audit.measured import Key
    from attacks.audit.what_changed import Changes
    from attacks.metrics.change import Change


@app.command(epilog="Example: mia diff mia-runs/digits-mlp-seed-0 mia-runs/digits-mlp-seed-1 --json")
def diff(
    a: Annotated[Path, typer.Argument(metavar="A", help="A folder that mia run or mia audit wrote: before.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another one: after.")],
    as_json: Json = False,
) -> None:
    """Tell what changed between two runs or audits, attack by attack.

    Every difference of AUC and of the true positive rate at a false positive rate is B less A, with a 95 % interval. Where the
    records are the same it is paired, and narrower. First stands the strongest attack of each side, of those that both have or
    that the other side stops; it may be another one. Attacks that stand in one only are listed, and those that failed.
    """
    from attacks.audit import measured, what_changed

    found = what_changed.between(measured.read(a), measured.read(b))
    if as_json:
        print_json(found.as_json())
    else:
        _show(found)


def _show(found: Changes) -> None:
    from rich.markup import escape

    from attacks.cli import tables

    console = output()
    rates = list(dict.fromkeys(rate for attack in found.attacks for rate in attack.tpr_at_fpr))
    several = len({attack.threat_model for attack in found.attacks}) > 1
    best, other = (_named(key, several) for key in (found.strongest.a, found.strongest.b))
    which = best if best == other else f"{best} → {other}"
    console.print(escape(f"Strongest attack, by AUC: {which}, {_told(found.strongest.auc)}."))
    rows = []
    for attack in sorted(found.attacks, key=lambda attack: -abs(attack.auc.difference)):
        rows.append(
            (
                _named((attack.threat_model, attack.attack), several),
                _told(attack.auc),
                *(_told(attack.tpr_at_fpr.get(rate)) for rate in rates),
            )
        )
    columns = ["attack", "AUC: A → B, B - A [95 %]", *(f"TPR at {100 * float(rate):g} % FPR" for rate in rates)]
    console.print(tables.table(columns, rows))
    how = "Paired" if found.paired else "Not paired"
    console.print(
        escape(f"{how}: {found.because}. A is {printable(str(found.a.folder))}, B is {printable(str(found.b.folder))}.")
    )
    for note in found.notes:
        console.print(f"[yellow]{escape(printable(note))}[/]")
    if not several and found.a.threat_models != found.b.threat_models:
        under = (" and ".join(threat or "a run's" for threat in side.threat_models) for side in (found.a, found.b))
        console.print(escape(printable("The threat models differ: {} in A, {} in B.".format(*under))))
    for reason in sorted({reason for attack in found.attacks for reason in attack.unresolved.values()}):
        console.print(f"–  {escape(reason)}.")
    for side, keys in found.failed:
        console.print(f"[yellow]Failed in {side}: {escape(printable(_listed(keys)))}; its report says why.[/]")
    for said, keys in (
        ("Only in A", found.only_in_a),
        ("Only in B", found.only_in_b),
        ("Not compared, since another goal than membership has no scores", found.not_compared),
    ):
        if keys:
            console.print(f"[dim]{said}, {tables.counted(len(keys), 'attack')}: {escape(printable(_listed(keys)))}.[/]")


def _named(key: Key, several: bool) -> str:
    threat, attack = key
    return printable(f"{threat}/{attack}" if several else attack)


def _told(found: Change | None) -> str:
    if found is None:
        return "–"
    low, high = found.ci
    return f"{found.first:.3f} → {found.second:.3f}, {found.difference:+.3f} [{low:+.3f}, {high:+.3f}]"


def _listed(keys: list[Key]) -> str:
    return ", ".join(attack if threat is None else f"{threat}/{attack}" for threat, attack in keys)
