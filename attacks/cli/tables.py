"""Answers as tables and trees for people. Nothing here works anything out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from attacks.models.paths import SIZES
from taxonomy.graph import Price

if TYPE_CHECKING:
    from attacks.engine.expected import Expected
    from attacks.engine.plan import Plan
    from taxonomy.figures import Average, Evidence, Ordered
    from taxonomy.handles import HandleOffers


def console(*, stderr: bool = False) -> Console:
    """Return a console as wide as the terminal or as COLUMNS says; else it breaks no word for want of width."""
    found = Console(stderr=stderr, highlight=False)
    stated = os.environ.get("COLUMNS", "").isdecimal() and int(os.environ["COLUMNS"]) > 0
    return found if found.is_terminal or stated else Console(stderr=stderr, highlight=False, width=160)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None, right: str = "") -> Table:
    """Return a plain table; columns named in `right` are aligned to the right. Cells are text, never markup."""
    named = any(columns)
    result = Table(box=box.SIMPLE_HEAD if named else None, title=title, title_justify="left", pad_edge=False, show_header=named)
    for i, name in enumerate(columns):
        result.add_column(name, justify="right" if name and name in right.split(",") else "left", overflow="fold", no_wrap=i == 0)
    for row in rows:
        result.add_row(*(escape(str(cell)) for cell in row))
    return result


def counted(number: int, what: str) -> str:
    """Return a number of things in words."""
    many = "" if number == 1 else "ies" if what.endswith("y") else "s"
    return f"{number:,} {what.removesuffix('y') + many if many == 'ies' else what + many}"


def price(cost: Price) -> str:
    """Return a price in words."""
    parts = []
    if cost.models:
        share = "each" if cost.trainings == cost.models else f"{cost.trainings} of them"
        parts.append(counted(cost.models, "model") + (f" ({share} a training of the target)" if cost.trainings else ""))
    if cost.queries:
        parts.append(counted(cost.queries, "query"))
    if cost.queries_per_record:
        each = f"{cost.queries_per_record:,}" if cost.queries else counted(cost.queries_per_record, "query")
        parts.append(f"{each} a record")
    if cost.rows:
        parts.append(counted(cost.rows, "published row"))
    if cost.home or cost.home_per_record:
        parts.append("queries at home")
    return ", ".join(parts) or "nothing"


def plan(out: Console, run: Plan, expected: Expected) -> None:
    """Print the price of a run before it starts."""
    out.print(f"Target {run.target.id}: {escape(run.target.title)}")
    if run.defense is not None:
        settings = ", ".join(f"{name} {value}" for name, value in run.defense.params.items())
        knows = "an adversary who knows of it" if run.defense.adaptive else "an adversary who does not know of it"
        out.print(f"Defense {run.defense.defense.id}{escape(f' ({settings})' if settings else '')}, against {knows}")
    out.print(f"Granted: {escape(', '.join(run.granted)) or 'nothing'}")
    rows = [
        (
            p.attack.id,
            p.price.models or "",
            f"{p.price.queries_per_record + p.price.home_per_record:,}",
            f"{other:,}" if (other := p.price.queries + p.price.home + p.price.rows) else "",
        )
        for p in run.attacks
    ]
    out.print(
        table(["attack", "models", "queries a record", "other queries"], rows, right="models,queries a record,other queries")
    )
    for planned in run.attacks:
        for because in planned.weaker:
            out.print(f"[yellow]{planned.attack.id}[/] is weaker here: {escape(because)}")
        for r in planned.reduced:
            amounts = f"{r.used:,} instead of {r.wanted:,} ({r.rule}.{r.parameter})"
            out.print(f"[yellow]{planned.attack.id}[/]: within the limits only {amounts}.")
    if run.target.model == "aggregate":
        out.print("Nothing is to be trained: the target is published statistics.\n")
        return
    whole = ", ".join(f"those of an {architecture} in whole blocks of {size}" for architecture, size in SIZES.items())
    blocks = f" ({whole})" if run.target.differentiable else ""
    needed = f"Needed: the target and {counted(run.models, 'shared model')}{blocks}" if run.models else "Needed: the target alone"
    if not expected.models:
        out.print(f"{needed}; {'all of them are' if run.models else 'it is'} in the store.\n")
        return
    kept = "" if expected.models > run.models else "; the others are in the store"
    out.print(f"{needed}. To train: {expected.models}{kept}. Time: {_time(expected)}.\n")


def _time(expected: Expected) -> str:
    """Return in words how long training takes."""
    known = f"about {expected.seconds:.0f} s" if expected.seconds >= 1 else "about a second"
    if not expected.unknown:
        return known
    until = "not known before one of their kind was trained, or `mia bench --calibrate` has measured this machine"
    if expected.unknown == expected.models:
        return until
    return f"{known}, and that of {expected.unknown} of them, which is {until}"


def results(out: Console, data: dict[str, Any]) -> None:
    """Print the figures of a run, best attack first."""

    def rate(value: float | None) -> str:
        return "–" if value is None else f"{value:.3f}"

    def spread(value: float | None, interval: Sequence[float] | None) -> str:
        return rate(value) + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval and value is not None else "")

    rows = [
        (
            r["attack"],
            spread(r["auc"], r["auc_ci"]),
            spread(r["tpr_at_fpr"]["0.01"], r["tpr_at_fpr_ci"]["0.01"]),
            spread(r["tpr_at_fpr"]["0.001"], r["tpr_at_fpr_ci"]["0.001"]),
            rate(r["balanced_accuracy"]),
            f"{r['queries']:,}",
            r["models"],
            f"{r['seconds']:.2f}",
        )
        for r in sorted((r for r in data["results"] if "auc" in r), key=lambda r: -r["auc"])
    ]
    columns = ["attack", "AUC [95 %]", "TPR at 1 % FPR", "TPR at 0.1 % FPR", "bal. accuracy", "queries", "models", "seconds"]
    if rows:
        out.print(table(columns, rows, right="bal. accuracy,queries,models,seconds"))
    with_prior = [r for r in data["results"] if "ppv" in r]
    for prior in sorted({prior for r in with_prior for prior in r["ppv"]}):
        accused = [
            (r["attack"], *(spread(one["value"], one["ci"]) if one else "–" for one in r["ppv"][prior].values()))
            for r in with_prior
        ]
        out.print(f"Of those accused, so many are members where {100 * float(prior):g} % of all are:")
        out.print(table(["attack", *(f"at {100 * float(rate):g} % FPR" for rate in with_prior[0]["ppv"][prior])], accused))
    others = [
        (
            r["attack"],
            r["goal"],
            r["metric"]["name"],
            spread(r["metric"]["value"], r["metric"]["ci"]),
            rate(r["metric"]["chance"]),
            ", ".join(f"{name} {value:g}" for name, value in r["metric"]["details"].items()),
            f"{r['queries']:,}",
            r["models"],
            f"{r['seconds']:.2f}",
        )
        for r in data["results"]
        if "metric" in r
    ]
    if others:
        heads = ["attack", "goal", "measured by", "value [95 %]", "chance", "details", "queries", "models", "seconds"]
        out.print(table(heads, others, right="chance,queries,models,seconds"))
    if defense := data["defense"]:
        costs = [f"{name.replace('_', ' ')} {_change(both)}" for name, both in defense["utility"].items()]
        out.print(f"Without and with {escape(defense['id'])}: {', '.join(costs)}.")
        if facts := ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in defense["facts"].items()):
            out.print(f"What {escape(defense['id'])} tells of its training: {escape(facts)}.")
    if blind := data["blind_baseline"]:
        chance = "" if blind["exchangeable"] else "; [yellow]the candidates are not exchangeable[/]"
        found = spread(blind["auc"], blind["auc_ci"])
        out.print(f"Blind baseline: without the model, members are told from others with an AUC of {found}{chance}.")
    for reason in sorted({reason for r in data["results"] for reason in r.get("unresolved", {}).values()}):
        out.print(f"–  {escape(reason)}.")
    for warning in data["warnings"]:
        out.print(f"[yellow]{data['target']}[/]: {escape(warning.removesuffix('.'))}.")
    for r in data["results"]:
        for warning in r["warnings"]:
            out.print(f"[yellow]{r['attack']}[/]: {escape(warning.removesuffix('.'))}.")
    for failure in data["failures"]:
        out.print(f"[red]failed[/] {escape(failure['attack'])}: {escape(failure['error'])}")
    reasons: dict[str, list[str]] = {}
    for skipped in data["skipped"]:
        reasons.setdefault(skipped["because"], []).append(skipped["id"])
    for reason, ids in reasons.items():
        out.print(f"[dim]Not run, since {escape(reason)}: {escape(', '.join(ids))}.[/]")
    trained, reused = data["trained"], data["reused"]
    if trained:
        filled = f" ({data['spare']} of them unasked, so that blocks are whole)" if data["spare"] else ""
        told = "The table says how many each attack uses by itself."
        out.print(f"\n{trained} models trained{filled}, {reused} taken from the store. {told}")
    elif reused:
        out.print("\nNothing was trained: all of it is finished work from the store.")
    else:
        out.print("\nNo model was needed.")
    drawn = "roc.png, " if rows else ""
    out.print(f"Written to {escape(str(data['out']))}: report.html, {drawn}results.json, scores.npz")


def _change(both: dict[str, float | None]) -> str:
    """Return a figure without and with a defense in words."""
    return " → ".join("unknown" if value is None else f"{value:.3f}" for value in (both["undefended"], both["defended"]))


def evidence(measured: Evidence, stale: Sequence[str] = ()) -> Table:
    """Return what was measured of an attack as a table: a row a target."""
    rows = []
    for found in measured.targets:
        first = found.seeds[0]
        cuts = [s.balanced_accuracy for s in found.seeds if s.balanced_accuracy is not None]
        name = first.metric.name if first.metric else ""
        mean = f"{name} {average(found.metric)}" if found.metric else f"AUC {average(found.auc)}"
        if found.auc and name:
            mean += f"; {name} " + ", ".join(f"{s.metric.value:.3f}" for s in found.seeds if s.metric)
        rows.append(
            (
                found.target + (" (stale)" if found.target in stale else ""),
                {"null": "control", "other": "no claim"}.get(found.role, ""),
                len(found.seeds),
                mean,
                average(found.tpr_at_fpr.get("0.01")),
                average(found.tpr_at_fpr.get("0.001")),
                f"{sum(cuts) / len(cuts):.3f}" if cuts else "–",
                f"{first.queries:,}",
                first.models,
            )
        )
    columns = ["target", "", "seeds", "mean [95 %]", "TPR at 1 % FPR", "TPR at 0.1 % FPR", "bal. accuracy", "queries", "models"]
    return table(columns, rows, right="seeds,bal. accuracy,queries,models")


def orderings(measured: Sequence[Ordered]) -> Table:
    """Return how orderings did as a table."""
    from taxonomy.figures import confirmation

    rows = [
        (
            o.ordering,
            f"{o.target} against {o.against}" if o.against else o.target,
            o.verdict + (f", {confirmation(o.confirmed)}" if o.confirmed else ""),
            average(o.difference) if o.difference else f"– {o.unresolved}",
            "; ".join(f"{s.better:.3f} against {s.worse:.3f}" for s in o.seeds),
        )
        for o in measured
    ]
    return table(["ordering", "target", "", "difference [95 %]", "each seed"], rows)


def average(value: Average | None) -> str:
    """Return a mean with its interval, or a dash."""
    return "–" if value is None else f"{value.mean:.3f} [{value.ci[0]:.3f}, {value.ci[1]:.3f}]"


def handles(found: Iterable[HandleOffers], out: Console) -> None:
    """Print what handles offer: each type of each with a line for everything that code can do with it."""
    for handle in found:
        for kind in handle.kinds:
            where = f", {handle.where(kind)}" if handle.where(kind) else ""
            terms = ", ".join(handle.terms) or "the candidates"
            out.print(f"[bold]{escape(f'{handle.name}: {kind.type.name}')}[/] ({escape(terms + where)})")
            out.print(escape(kind.type.doc))
            grid = Table(box=None, show_header=False, pad_edge=False)
            grid.add_column(ratio=2, overflow="fold")
            grid.add_column(ratio=3, overflow="fold")
            for offer in kind.type.offers:
                grid.add_row(escape(f"  {offer.written(handle.name, typed=True)}"), escape(offer.told))
            out.print(grid)
            out.print()
