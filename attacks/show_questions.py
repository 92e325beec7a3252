"""Answers to questions as tables and trees for people. Nothing here works anything out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from attacks.show import price, table
from taxonomy.answers import Answer, Atlas, Feasible, Inapplicable, Infeasible
from taxonomy.entries import Attack
from taxonomy.graph import Price, Rule
from taxonomy.threat import ThreatModel, fit

if TYPE_CHECKING:
    from taxonomy.advice import Cell, Comparison, Difference, SurveyedAnswer
    from taxonomy.withdrawals import Cut

SHOWN_SETS = 3


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
    facets = ["", *sorted(model.answers | model.records), *([] if model.differentiable else ["not differentiable"])]
    about = f"{model.observation}, {model.model}, {model.frame}" + ", ".join(facets)
    return f"{about}; granted: {knows}" + "".join(f"; {limit}" for limit in limits)


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
    text = "\nor ".join(atlas.way(model, terms) for terms in shown)
    if len(shown) < len(sets):
        text += f"\nor {len(sets) - len(shown)} more (--all)"
    if not sets:
        return "not known: the search was cut short" if answer.missing.truncated else "nothing that could be granted"
    return text + ("\n(search cut short: there may be more)" if answer.missing.truncated else "")


def unlocking(out: Console, atlas: Atlas, model: ThreatModel, answer: Infeasible, sets: Sequence[tuple[str, ...]]) -> None:
    """Print sets of terms that would unlock an attack, each with the steps that it makes possible; a step is told once."""
    attack, missing = answer.attack, answer.missing
    out.print(f"{escape(attack.title)} is infeasible. {escape(attack.summary)}\n")
    if sets:
        out.print("Any one of these would unlock it:\n")
    else:
        out.print("What would unlock it is not known." if missing.truncated else "Nothing that could be granted would unlock it.")
    told = {attack.id}
    for terms in sets:
        out.print(f"[bold]{escape(' + '.join(terms))}[/]{escape(str(fit(atlas.catalog, model, terms)))}")
        for rule in atlas.completes(attack, model, terms):
            if rule.id not in told:
                out.print(f"    {escape(rule.because)} [dim]({escape(rule.id)})[/]")
            elif rule.id != attack.id:
                out.print(f"    [dim]{escape(rule.id)} (see above)[/]")
            told.add(rule.id)
    if more := len(missing.sets) - len(sets):
        out.print(f"\n{more} more minimal {'sets grant' if more > 1 else 'set grants'} more than one of these (--all).")
    if missing.truncated:
        out.print("\nThe search was cut short: there may be more sets.")


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
    out.print()
    for attack, other, holds in ((first, second, found.first_needs_no_more), (second, first, found.second_needs_no_more)):
        if holds is None:
            out.print(f"Whether {attack.id} needs no more than {other.id} is not known: the search was cut short.")
        elif holds:
            out.print(f"{attack.id} needs no more than {other.id}.")
        else:
            out.print(f"{attack.id} needs something that an adversary with {other.id} may lack.")
    for f in found.figures:
        out.print(escape(f"{f['metric']} on {f['dataset']}: {f['first']} against {f['second']} ({f['work']}, {f['where']})"))
    if not found.figures:
        out.print("No work in the catalog reports both on the same data by the same metric.")
    if found.dominates:
        winner, loser = (first, second) if found.dominates == "first" else (second, first)
        out.print(f"So {winner.id} dominates {loser.id}: it needs no more, and is reported to be at least as strong everywhere.")


def derived(out: Console, answer: Feasible, granted: Iterable[str], titles: dict[str, str]) -> None:
    """Print why an attack is feasible, and what it costs."""
    word = "cheapest" if answer.derivation.cheapest else "a"
    out.print(f"Feasible, for {price(answer.derivation.price)} ({word} derivation):\n")
    out.print(proof(answer.attack, answer.derivation.rules, granted, titles))


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
