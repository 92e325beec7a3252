"""Answers to questions as tables and trees for people. Nothing here works anything out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from attacks.cli.tables import counted, price, table
from taxonomy.answers import Answer, Atlas, Feasible, Inapplicable, Infeasible
from taxonomy.entries import Attack
from taxonomy.graph import Price, Rule
from taxonomy.resolver import Resolver
from taxonomy.strengths import Strength, ranked
from taxonomy.threat import ThreatModel, fit

if TYPE_CHECKING:
    from taxonomy.comparison import Comparison
    from taxonomy.coverage import Cell
    from taxonomy.surveyed_answers import SurveyedAnswer
    from taxonomy.what_if import Difference
    from taxonomy.withdrawals import Cut, Mask

SHOWN_SETS = 3


def _cost(answer: Feasible) -> str:
    """Return the price of an answer in words, and what had to be smaller for it."""
    cost = answer.derivation.price
    words = price(cost) if answer.price_stated or cost != Price() else ""
    if answer.attack.cost is None:
        words += (", " if words else "") + "queries not stated"
    elif not answer.price_stated:
        words += " or more, since an answer is pieced together from several"
    words += "".join(
        f"; only {change.used:,} of {change.wanted:,} ({change.rule}.{change.parameter})" for change in answer.reduced
    )
    return words + (f"; enough for {counted(answer.records, 'record')}" if answer.records is not None else "")


def threat(model: ThreatModel) -> str:
    """Return a threat model in one line."""
    knows = ", ".join(sorted(model.knows)) or "nothing"
    limits = [
        f"at most {counted(n, what)}"
        for what, n in (
            ("call", model.limits.queries),
            ("model", model.limits.models),
            ("published row", model.limits.rows),
        )
        if n is not None
    ]
    if model.guarantee:
        stated = model.guarantee
        limits.append(f"trained with epsilon {stated.epsilon:g} and delta {stated.delta:g} for each {stated.protects}")
    if model.prior is not None:
        limits.append(f"{100 * model.prior:g} % of the candidates are members")
    about_it = model.answers | model.records | model.stage | model.granularity
    facets = ["", *sorted(about_it), *([] if model.differentiable else ["not differentiable"])]
    facets += ["answers recorded"] if model.recorded else []
    about = f"{model.observation}, {model.model}, {model.frame}" + ", ".join(facets)
    return f"{about}; granted: {knows}" + "".join(f"; {limit}" for limit in limits)


def feasible(
    out: Console,
    atlas: Atlas,
    model: ThreatModel,
    answers: Sequence[Answer],
    measured: dict[str, list[Strength]],
    *,
    every_set: bool,
) -> None:
    """Print which attacks are feasible at which price, the strongest measured first, and what is missing for the others."""
    out.print(f"Threat model: {escape(threat(model))}\n")
    yes = {a.attack.id: a for a in answers if isinstance(a, Feasible)}
    over = [a for a in answers if isinstance(a, Infeasible) and a.would_do]
    no = [a for a in answers if isinstance(a, Infeasible) and not a.would_do]
    other = [a for a in answers if isinstance(a, Inapplicable)]
    order, shown = ranked(yes, measured)
    first = [name for name in order if yes[name].attack.goal == "membership"]
    rows = [
        (
            name,
            yes[name].attack.title + (" (weaker here)" if yes[name].weaker else ""),
            "yes" if yes[name].attack.run else "no",
            strength(shown.get(name), model.prior) + ("†" if yes[name].weaker and name in shown else ""),
            _cost(yes[name]),
        )
        for name in [*first, *(name for name in order if name not in first)]
    ]
    out.print(table(["feasible", "attack", "runs", "measured", "price"], rows) if yes else "No attack is feasible.\n")
    if any(s.stale for s in shown.values()):
        out.print("Figures marked * are of an older state of the code (`mia check` says what changed).\n")
    if any(answer.weaker for answer in yes.values()):
        out.print("What makes an attack weaker here, `mia explain` says; figures marked † were measured where nothing does.\n")
    if model.guarantee:
        bounds = (answer.bounds() for answer in yes.values())
        guaranteed(out, next((found for found in bounds if found and found["tpr_at_most"]), None))
    if over:
        beyond = [(a.attack.id, a.attack.title, would_do(a, model), missing(atlas, model, a, every_set=every_set)) for a in over]
        out.print(table(["infeasible within the limits", "attack", "limits that would do", "or grant"], beyond))
    if no:
        lacking = [(a.attack.id, a.attack.title, missing(atlas, model, a, every_set=every_set)) for a in no]
        out.print(table(["infeasible", "attack", "what would unlock it"], lacking))
    for reason in sorted({a.reason for a in other}):
        count = sum(a.reason == reason for a in other)
        verb = "does" if count == 1 else "do"
        why = reason if count == 1 else reason.replace("it is", "they are")
        out.print(f"{counted(count, 'more attack')} {verb} not apply: {escape(why)}.")


def strength(found: Strength | None, prior: float | None = None) -> str:
    """Return a measured figure in words, and what it makes of accusations at a prior; what is stale is marked."""
    if found is None:
        return ""
    figure = f"TPR {found.tpr:.3f} at 1 % FPR" if found.tpr is not None else f"AUC {found.auc:.3f}"
    right = found.precision(prior) if prior is not None else None
    figure += f" (right in {100 * right:.3g} % of accusations)" if right is not None else ""
    return f"{figure}, {found.target}{'*' if found.stale else ''}"


def would_do(answer: Infeasible, model: ThreatModel) -> str:
    """Return in words which limits would do."""
    have = {"models": model.limits.models, "queries": model.limits.queries, "rows": model.limits.rows}
    one = {"models": "model", "queries": "query", "rows": "row"}
    ways = (" and ".join(f"{counted(n, one[name])} (not {have[name]:,})" for name, n in way.items()) for way in answer.would_do)
    return "\nor ".join(ways)


def guaranteed(out: Console, bounds: dict[str, Any] | None) -> None:
    """Print what a guarantee of differential privacy says of attacks."""
    if bounds is None or bounds["tpr_at_most"] is None:
        return
    words = [
        f"at {100 * float(fpr):g} % FPR " + (f"a TPR of at most {most:.3g}" if most < 1 else "any TPR (it is no bound there)")
        for fpr, most in bounds["tpr_at_most"].items()
    ]
    out.print(f"What the guarantee allows of an attack on membership of a {bounds['protects']}: {', '.join(words)}.")
    if right := bounds.get("precision_at_most"):
        told = [f"{100 * most:.3g} % at {100 * float(fpr):g} % FPR" for fpr, most in right.items()]
        out.print(f"Of its accusations at most so many are right: {', '.join(told)}.")
    out.print("Measured figures are those of targets that were trained without it.\n")


def missing(atlas: Atlas, model: ThreatModel, answer: Infeasible, *, every_set: bool) -> str:
    """Return the minimal sets that would unlock an attack, those that grant least first."""
    sets = list(answer.missing.sets) if every_set else atlas.least(answer.missing, model)
    shown = sets if every_set else sets[:SHOWN_SETS]
    text = "\nor ".join(atlas.way(model, terms) for terms in shown)
    if len(shown) < len(sets):
        text += f"\nor {len(sets) - len(shown)} more (--all)"
    if not sets and answer.beyond:
        return "nothing within the limits; without them " + "\nor ".join(
            " + ".join(terms) for terms in answer.beyond[:SHOWN_SETS]
        )
    if not sets:
        return "not known: the search was cut short" if answer.missing.truncated else "nothing that could be granted"
    return text + ("\n(search cut short: there may be more)" if answer.missing.truncated else "")


def unlocking(out: Console, atlas: Atlas, model: ThreatModel, answer: Infeasible, sets: Sequence[tuple[str, ...]]) -> None:
    """Print sets of terms that would unlock an attack, each with the steps that it makes possible; a step is told once."""
    attack, missing = answer.attack, answer.missing
    out.print(f"{escape(attack.title)} is infeasible. {escape(attack.summary)}\n")
    if answer.would_do:
        out.print(f"All that it needs is granted, but it does not fit the limits. What would do: {would_do(answer, model)}.\n")
    if sets:
        out.print("Any one of these would unlock it:\n")
    elif answer.beyond:
        out.print("Nothing would unlock it within the limits. Without them, any one of these would:\n")
        for terms in answer.beyond:
            out.print(f"[bold]{escape(' + '.join(terms))}[/]")
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
    changes = (
        ("becomes feasible", change.gained),
        ("is no longer feasible", change.lost),
        ("stands, and is weaker", change.weaker),
        ("stands, and is stronger", change.stronger),
    )
    for word, ids in changes:
        for name in ids:
            out.print(f"{escape(name)} {word}")
    if not any(ids for _, ids in changes):
        out.print("Nothing changes.")
    for term in change.still_implied:
        grants = " and ".join(change.implied_by[term]) or "what every adversary has"
        end = ", in a form with which attacks are weaker" if term in change.poorer else ": withdraw that as well"
        out.print(f"{escape(term)} still follows from {escape(grants)}{end}.")
    for term in change.not_granted:
        out.print(f"{escape(term)} was not granted, so there is nothing to withdraw.")
    for reason in change.contradictions:
        out.print(f"Note: such an adversary contradicts itself: {escape(reason)}.")


def surveyed(out: Console, model: ThreatModel, symbols: Sequence[str], answers: Sequence[SurveyedAnswer]) -> None:
    """Print the answer by the survey's rows alone, beside the resolver's."""
    out.print(f"Threat model: {escape(threat(model))}\nIn the survey's symbols: {', '.join(symbols) or 'none'}\n")
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
    """Print what an owner can withdraw or replace: the smallest cuts, and those that remove every attack; or all there are."""
    out.print(f"Threat model: {escape(threat(model))}\n")
    if not found:
        out.print("No attack is feasible, so there is nothing to withdraw.")
        return
    own = [cut for cut in found if cut.by_owner]
    single = [cut for cut in own if len(cut.moves) == 1]
    final = [cut for cut in own if cut.remaining == 0]
    shown = list(found) if every_cut else list(dict.fromkeys([*single, *final[:10]])) or own[:10]
    rows = [
        (
            " and\n".join(f"{term} → {left}" if left else term for term, left in c.moves),
            "owner" if c.by_owner else "not the owner alone",
            len(c.removes),
            c.remaining,
            ", ".join(c.removes[:4]) + (" …" if len(c.removes) > 4 else ""),
            ", ".join(c.defenses),
        )
        for c in shown
    ]
    columns = ["withdraw, or replace →", "in whose hand", "removes", "remaining", "which", "defenses that do"]
    if shown:
        out.print(table(columns, rows, right="removes,remaining"))
        out.print("What follows from a withdrawn grant goes with it. Cheapest for users first.")
    else:
        out.print("Nothing that stops an attack is in the owner's hand.")
    if len(shown) < len(found):
        rest, others = counted(len(found) - len(shown), "more minimal cut"), len(found) - len(own)
        out.print(f"{rest} (--all), {others} of them not in the owner's hand alone.")
    if truncated:
        out.print("The search was cut short: there may be more.")


def masks(out: Console, found: Sequence[Mask]) -> None:
    """Print what stops nothing, and still makes attacks weaker."""
    if not found:
        return
    rows = [
        (
            f"{mask.term} → {mask.left}",
            len(mask.weakens),
            ", ".join(mask.weakens[:4]) + (" …" if len(mask.weakens) > 4 else ""),
            ", ".join(mask.defenses),
        )
        for mask in found
    ]
    out.print()
    out.print(table(["replace by (stops nothing)", "weakens", "which", "defenses that do"], rows, right="weakens"))


def trainings(out: Console, found: dict[str, tuple[str, ...]]) -> None:
    """Print what takes nothing away and was shown to help, which an owner does before the model is there."""
    if found:
        rows = [(name, ", ".join(attacks)) for name, attacks in found.items()]
        out.print()
        out.print(table(["train with (`mia show` says how well)", "shown to mitigate, of what is feasible here"], rows))


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


def comparison(out: Console, first: Attack, second: Attack, found: Comparison, *, limited: bool = False) -> None:
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
            why = f"nobody can mount {other.id} within the limits, or " if limited else ""
            out.print(f"Whether {attack.id} needs no more than {other.id} is not known: {why}the search was cut short.")
        elif holds:
            out.print(f"{attack.id} needs no more than {other.id}.")
        else:
            out.print(f"{attack.id} needs something that an adversary with {other.id} may lack.")
    for f in found.figures:
        out.print(escape(f"{f['metric']} on {f['dataset']}: {f['first']} against {f['second']} ({f['work']}, {f['where']})"))
    for name in found.orderings:
        out.print(f"Papers order them: {name} (`mia show` says where, and what we measured).")
    if not found.figures and not found.orderings:
        out.print("No work in the catalog reports both on the same data by the same metric.")
    if found.dominates:
        winner, loser = (first, second) if found.dominates == "first" else (second, first)
        out.print(f"So {winner.id} dominates {loser.id}: it needs no more, and is reported to be at least as strong everywhere.")


def derived(out: Console, answer: Feasible, model: ThreatModel, titles: dict[str, str]) -> None:
    """Print why an attack is feasible, what it costs, and what bounds it."""
    kind = "cheapest derivation" if answer.derivation.cheapest else "a derivation"
    kind += " within the limits" if model.limits.any else ""
    out.print(f"Feasible, for {_cost(answer)} ({kind}):\n")
    out.print(proof(answer.attack, answer.derivation.rules, Resolver.given(model.grants), titles))
    for because in answer.weaker:
        out.print(f"\nWeaker than in other ways: {escape(because)}")
    bounds = answer.bounds()
    if bounds:
        out.print()
        if bounds["tpr_at_most"] is None:
            out.print(f"The guarantee, for each {bounds['protects']}, does not bound what this attack finds out.")
        guaranteed(out, bounds)


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
