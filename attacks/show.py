"""Answers as tables and trees for people. Nothing here works anything out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from taxonomy.answers import Answer, Atlas, Feasible, Inapplicable, Infeasible
from taxonomy.entries import Attack
from taxonomy.graph import Price, Rule
from taxonomy.threat import ThreatModel

if TYPE_CHECKING:
    from attacks.plan import Plan

SHOWN_SETS = 3


def console(*, stderr: bool = False) -> Console:
    """Return a console that breaks no word for want of a terminal's width."""
    found = Console(stderr=stderr, highlight=False)
    return found if found.is_terminal else Console(stderr=stderr, highlight=False, width=140)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None, right: str = "") -> Table:
    """Return a plain table; columns named in `right` are aligned to the right. Cells are text, never markup."""
    result = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for i, name in enumerate(columns):
        result.add_column(name, justify="right" if name in right.split(",") else "left", overflow="fold", no_wrap=i == 0)
    for row in rows:
        result.add_row(*(escape(str(cell)) for cell in row))
    return result


def price(cost: Price) -> str:
    """Return a price in words."""
    parts = []
    if cost.models:
        parts.append(f"{cost.models} models")
    if cost.queries:
        parts.append(f"{cost.queries:,} queries")
    if cost.queries_per_record:
        parts.append(f"{cost.queries_per_record:,} a record" if cost.queries else f"{cost.queries_per_record:,} queries a record")
    return ", ".join(parts) or "nothing"


def threat(model: ThreatModel) -> str:
    """Return a threat model in one line."""
    knows = ", ".join(sorted(model.knows)) or "nothing"
    limits = [
        f"at most {n:,} {what}"
        for what, n in (("queries", model.limits.queries), ("models", model.limits.models))
        if n is not None
    ]
    return f"{model.observation}, {model.model}, {model.frame}; granted: {knows}" + "".join(f"; {limit}" for limit in limits)


def feasible(out: Console, atlas: Atlas, model: ThreatModel, answers: Sequence[Answer], *, every_set: bool) -> None:
    """Print which attacks are feasible at which price, and what is missing for the others."""
    out.print(f"Threat model: {escape(threat(model))}\n")
    yes = [a for a in answers if isinstance(a, Feasible)]
    no = [a for a in answers if isinstance(a, Infeasible)]
    other = [a for a in answers if isinstance(a, Inapplicable)]
    rows = [(a.attack.id, a.attack.title, "yes" if a.attack.run else "no", price(a.derivation.price)) for a in yes]
    out.print(table(["feasible", "attack", "runs", "price"], rows) if yes else "No attack is feasible.\n")
    if no:
        rows = [(a.attack.id, a.attack.title, missing(atlas, model, a, every_set=every_set), "") for a in no]
        out.print(table(["infeasible", "attack", "what would unlock it"], [row[:3] for row in rows]))
    if other:
        frames = ", ".join(sorted({term for a in other for term in a.because}))
        out.print(f"{len(other)} more attack other targets ({frames}).")


def missing(atlas: Atlas, model: ThreatModel, answer: Infeasible, *, every_set: bool) -> str:
    """Return the minimal sets that would unlock an attack, those that grant least first."""
    sets = list(answer.missing.sets) if every_set else atlas.least(answer.missing, model)
    shown = sets if every_set else sets[:SHOWN_SETS]
    text = "\nor ".join(" + ".join(terms) for terms in shown)
    if len(shown) < len(sets):
        text += f"\nor {len(sets) - len(shown)} more (--all)"
    if not sets:
        text = "nothing that could be granted"
    return text + (" (search cut short)" if answer.missing.truncated else "")


def proof(attack: Attack, rules: Sequence[Rule], granted: Iterable[str], titles: dict[str, str]) -> Tree:
    """Return a derivation as a tree of sentences; a rule that several others rest on is told once."""
    known = set(granted)
    by_yield = {rule.yields: rule for rule in rules}
    told = set[str]()

    def grow(parent: Tree, term: str) -> None:
        title = escape(titles.get(term, term))
        if term in known:
            parent.add(f"[green]granted[/] {escape(term)}: {title}")
            return
        rule = by_yield[term]
        if term in told:
            parent.add(f"{escape(term)}: {title} (see above)")
            return
        told.add(term)
        kind = {"implication": "follows", "step": "made"}.get(rule.kind, rule.kind)
        branch = parent.add(f"[cyan]{kind}[/] {escape(term)}: {title}. {escape(rule.because)} [dim]({escape(rule.id)})[/]")
        for need in rule.needs:
            grow(branch, need)

    root = Tree(f"[bold]{escape(attack.title)}[/] ({escape(attack.id)}): {escape(attack.summary)}")
    for need in rules[-1].needs:
        grow(root, need)
    return root


def plan(out: Console, run: Plan, expected: float | None) -> None:
    """Print the price of a run before it starts."""
    out.print(f"Target {run.target.id}: {escape(run.target.title)}")
    out.print(f"Granted: {escape(', '.join(run.granted)) or 'nothing'}")
    rows = [
        (p.attack.id, p.price.models or "", f"{p.price.queries_per_record:,}", f"{p.price.queries:,}" if p.price.queries else "")
        for p in run.attacks
    ]
    out.print(
        table(["attack", "models", "queries a record", "other queries"], rows, right="models,queries a record,other queries")
    )
    time = f"about {expected:.0f} s" if expected is not None else "not known before a model of this recipe has been trained"
    out.print(f"To train: the target and {run.models} shared models (finished ones are taken from the store). Time: {time}.\n")


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
            r["models_trained"],
            f"{r['seconds']:.2f}",
        )
        for r in sorted(data["results"], key=lambda r: -r["auc"])
    ]
    columns = ["attack", "AUC [95 %]", "TPR at 1 % FPR", "TPR at 0.1 % FPR", "bal. accuracy", "queries", "models", "seconds"]
    out.print(table(columns, rows, right="bal. accuracy,queries,models,seconds"))
    for reason in sorted({reason for r in data["results"] for reason in r["unresolved"].values()}):
        out.print(f"–  {escape(reason)}.")
    for r in data["results"]:
        for warning in r["warnings"]:
            out.print(f"[yellow]{r['attack']}[/]: {escape(warning)}.")
    for failure in data["failures"]:
        out.print(f"[red]failed[/] {escape(failure['attack'])}: {escape(failure['error'])}")
    for skipped in data["skipped"]:
        out.print(f"[dim]not run: {escape(skipped['id'])}: {escape(skipped['because'])}[/]")
    trained, reused = data["trained"], data["reused"]
    out.print(
        f"\n{trained} models trained, {reused} taken from the store."
        if trained
        else "\nNothing was trained: all of it is finished work from the store."
    )
    out.print(f"Written to {escape(str(data['out']))}: report.html, roc.png, results.json, scores.npz")
