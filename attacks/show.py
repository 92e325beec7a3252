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
    from taxonomy.advice import Cell, Comparison, Cut, Difference, SurveyedAnswer
    from taxonomy.evidence import Average, Evidence, Ordered

SHOWN_SETS = 3


def console(*, stderr: bool = False) -> Console:
    """Return a console that breaks no word for want of a terminal's width."""
    found = Console(stderr=stderr, highlight=False)
    return found if found.is_terminal else Console(stderr=stderr, highlight=False, width=160)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None, right: str = "") -> Table:
    """Return a plain table; columns named in `right` are aligned to the right. Cells are text, never markup."""
    result = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for i, name in enumerate(columns):
        result.add_column(name, justify="right" if name and name in right.split(",") else "left", overflow="fold", no_wrap=i == 0)
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


def _unstated(cost: Price) -> str:
    return (price(cost) + ", " if cost != Price() else "") + "queries not stated"


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
    rows = [
        (
            a.attack.id,
            a.attack.title,
            "yes" if a.attack.run else "no",
            price(a.derivation.price) if a.price_stated else _unstated(a.derivation.price),
        )
        for a in yes
    ]
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


def difference(out: Console, model: ThreatModel, change: Difference) -> None:
    """Print what granting and withdrawing some terms changes."""
    words = [f"+{term}" for term in change.add] + [f"-{term}" for term in change.remove]
    out.print(f"Threat model: {escape(threat(model))}\nChange: {escape(' '.join(words))}\n")
    for word, ids in (("becomes feasible", change.gained), ("is no longer feasible", change.lost)):
        for name in ids:
            out.print(f"{escape(name)} {word}")
    if not change.gained and not change.lost:
        out.print("Nothing changes.")
    for term in change.still_implied:
        out.print(f"{escape(term)} still follows from what is left: withdraw that as well.")
    for reason in change.contradictions:
        out.print(f"Note: such an adversary contradicts itself: {escape(reason)}.")


def surveyed(out: Console, model: ThreatModel, answers: Sequence[SurveyedAnswer]) -> None:
    """Print the answer by the survey's rows alone, beside the resolver's."""
    out.print(f"Threat model: {escape(threat(model))}\nIn the survey's symbols: {', '.join(model.symbols) or 'none'}\n")
    rows = [
        (
            a.row,
            a.attack,
            "yes" if a.feasible else "no: " + ", ".join(a.missing),
            "yes" if a.resolved else "no",
            "" if a.feasible == a.resolved else "the row says too much" if a.feasible else "the row says too little",
        )
        for a in answers
    ]
    out.print(table(["row of Table 2", "attack", "by the row", "by the rules", ""], rows))
    wrong = sum(a.feasible != a.resolved for a in answers)
    out.print(f"The projection on seven symbols changes {wrong} of {len(answers)} answers.")


def cuts(out: Console, model: ThreatModel, found: Sequence[Cut], *, truncated: bool, every_cut: bool) -> None:
    """Print minimal sets of grants to withdraw: the smallest, and those that remove every attack."""
    out.print(f"Threat model: {escape(threat(model))}\n")
    if not found:
        out.print("No attack is feasible, so there is nothing to withdraw.")
        return
    single = [cut for cut in found if len(cut.withdraw) == 1]
    final = [cut for cut in found if cut.remaining == 0]
    shown = list(found) if every_cut else list(dict.fromkeys([*single, *final[:10]])) or list(found[:10])
    rows = [
        (
            " + ".join(c.withdraw),
            len(c.removes),
            c.remaining,
            ", ".join(c.removes[:4]) + (" …" if len(c.removes) > 4 else ""),
            ", ".join(c.defenses),
        )
        for c in shown
    ]
    out.print(table(["withdraw", "removes", "remaining", "which", "defenses that do"], rows, right="removes,remaining"))
    if len(shown) < len(found):
        out.print(f"{len(found) - len(shown)} more minimal cuts (--all); {len(final)} of all remove every attack.")
    if truncated:
        out.print("The search was cut short: there may be more.")


def gaps(out: Console, cells: Sequence[Cell], *, every_cell: bool) -> None:
    """Print the cells that no attack, or no running attack, covers."""
    rows = []
    for cell in cells:
        state = "no attack" if not cell.feasible else "no running attack" if not cell.running else ""
        if state or every_cell:
            knows = " + ".join(cell.knowledge) or "nothing"
            rows.append(
                (
                    cell.observation,
                    cell.model,
                    cell.frame,
                    knows,
                    len(cell.published),
                    len(cell.feasible),
                    len(cell.running),
                    state,
                )
            )
    columns = ["observation", "model type", "frame", "knows of", "published here", "feasible", "running", "gap"]
    out.print(table(columns, rows, right="published here,feasible,running"))
    out.print("M: the model, D: the training data, Q: queries; feasible and running count what an adversary with all terms of")
    out.print(
        "these kinds, and the candidates' labels, could mount. Published here: attacks whose paper ran them in this very cell."
    )


def comparison(out: Console, first: Attack, second: Attack, found: Comparison) -> None:
    """Print how two attacks compare."""
    rows = [
        (f"only {first.id} needs", ", ".join(found.only_first) or "nothing"),
        (f"only {second.id} needs", ", ".join(found.only_second) or "nothing"),
        ("both need", ", ".join(found.shared) or "nothing"),
    ]
    out.print(table(["", ""], rows))
    for attack, other, holds in ((first, second, found.first_needs_no_more), (second, first, found.second_needs_no_more)):
        word = "needs no more than" if holds else "needs something that an adversary with"
        out.print(f"{attack.id} {word} {other.id}" + ("." if holds else " may lack."))
    for f in found.figures:
        out.print(escape(f"{f['metric']} on {f['dataset']}: {f['first']} against {f['second']} ({f['work']}, {f['where']})"))
    if not found.figures:
        out.print("No work in the catalog reports both on the same data by the same metric.")
    if found.dominates:
        winner, loser = (first, second) if found.dominates == "first" else (second, first)
        out.print(f"So {winner.id} dominates {loser.id}: it needs no more, and is reported to be at least as strong everywhere.")


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
    if run.target.model == "aggregate":
        out.print("Nothing is to be trained: the target is published statistics.\n")
        return
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
        for r in sorted((r for r in data["results"] if "auc" in r), key=lambda r: -r["auc"])
    ]
    columns = ["attack", "AUC [95 %]", "TPR at 1 % FPR", "TPR at 0.1 % FPR", "bal. accuracy", "queries", "models", "seconds"]
    if rows:
        out.print(table(columns, rows, right="bal. accuracy,queries,models,seconds"))
    others = [
        (
            r["attack"],
            r["goal"],
            r["metric"]["name"],
            spread(r["metric"]["value"], r["metric"]["ci"]),
            rate(r["metric"]["chance"]),
            ", ".join(f"{name} {value:g}" for name, value in r["metric"]["details"].items()),
            f"{r['queries']:,}",
            r["models_trained"],
            f"{r['seconds']:.2f}",
        )
        for r in data["results"]
        if "metric" in r
    ]
    if others:
        heads = ["attack", "goal", "measured by", "value [95 %]", "chance", "details", "queries", "models", "seconds"]
        out.print(table(heads, others, right="chance,queries,models,seconds"))
    for reason in sorted({reason for r in data["results"] for reason in r.get("unresolved", {}).values()}):
        out.print(f"–  {escape(reason)}.")
    for warning in data["warnings"]:
        out.print(f"[yellow]{data['target']}[/]: {escape(warning)}.")
    for r in data["results"]:
        for warning in r["warnings"]:
            out.print(f"[yellow]{r['attack']}[/]: {escape(warning)}.")
    for failure in data["failures"]:
        out.print(f"[red]failed[/] {escape(failure['attack'])}: {escape(failure['error'])}")
    reasons: dict[str, list[str]] = {}
    for skipped in data["skipped"]:
        reasons.setdefault(skipped["because"], []).append(skipped["id"])
    for reason, ids in reasons.items():
        out.print(f"[dim]Not run, since {escape(reason)}: {escape(', '.join(ids))}.[/]")
    trained, reused = data["trained"], data["reused"]
    if trained:
        out.print(f"\n{trained} models trained, {reused} taken from the store.")
    elif reused:
        out.print("\nNothing was trained: all of it is finished work from the store.")
    else:
        out.print("\nNo model was needed.")
    out.print(f"Written to {escape(str(data['out']))}: report.html, roc.png, results.json, scores.npz")


def evidence(measured: Evidence, stale: Sequence[str] = ()) -> Table:
    """Return what was measured of an attack as a table: a row a target."""
    rows = []
    for found in measured.targets:
        first = found.seeds[0]
        cuts = [s.balanced_accuracy for s in found.seeds if s.balanced_accuracy is not None]
        name = first.metric.name if first.metric else ""
        mean = f"{name} {_mean(found.metric)}" if found.metric else f"AUC {_mean(found.auc)}"
        if found.auc and name:
            mean += f"; {name} " + ", ".join(f"{s.metric.value:.3f}" for s in found.seeds if s.metric)
        rows.append(
            (
                found.target + (" (stale)" if found.target in stale else ""),
                {"null": "control", "other": "no claim"}.get(found.role, ""),
                len(found.seeds),
                mean,
                _mean(found.tpr_at_fpr.get("0.01")),
                _mean(found.tpr_at_fpr.get("0.001")),
                f"{sum(cuts) / len(cuts):.3f}" if cuts else "–",
                f"{first.queries:,}",
                first.models,
            )
        )
    columns = ["target", "", "seeds", "mean [95 %]", "TPR at 1 % FPR", "TPR at 0.1 % FPR", "bal. accuracy", "queries", "models"]
    return table(columns, rows, right="seeds,bal. accuracy,queries,models")


def orderings(measured: Sequence[Ordered]) -> Table:
    """Return how orderings did as a table."""
    rows = [
        (
            o.ordering,
            f"{o.target} against {o.against}" if o.against else o.target,
            o.verdict,
            _mean(o.difference) if o.difference else f"– {o.unresolved}",
            "; ".join(f"{s.better:.3f} against {s.worse:.3f}" for s in o.seeds),
        )
        for o in measured
    ]
    return table(["ordering", "target", "", "difference [95 %]", "each seed"], rows)


def _mean(value: Average | None) -> str:
    return "–" if value is None else f"{value.mean:.3f} [{value.ci[0]:.3f}, {value.ci[1]:.3f}]"
