"""What an audit will do and what it found, as tables and sentences on the terminal. Nothing here works anything out."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from attacks.audit.report import sentences
from attacks.cli.tables import counted, table

if TYPE_CHECKING:
    from rich.console import Console

    from attacks.audit.result import AuditResult
    from attacks.audit.running import Prepared

SEVERITY = {"info": "", "warning": "[yellow]warning[/]: ", "error": "[red]error[/]: "}
# So many attacks are named where more would be unlocked by the same.
NAMED = 3
# What gives a term in an audit file.
GIVES = {
    "D1.samples": "`population`",
    "M2": "`train`",
    "M3": "`train` with `hidden: true`",
    "record.label": "`label`",
    "record.sets": "`sets`",
}


def planned(out: Console, ready: Prepared) -> None:
    """Print what was found before anything is run, which attacks will be run, and their price."""
    from attacks.audit.running import not_handed_over, too_few

    parts = ready.parts
    out.print(f"Audit of {parts.name}: {len(parts.members):,} members, {len(parts.others):,} non-members")
    if (defense := ready.defense) is not None:
        out.print(escape(sentences.defended(defense)))
    for check in ready.checks:
        out.print(f"  {SEVERITY[check.severity]}{escape(check.message)}.")
    for case in ready.plans:
        adversary, attacks = case.adversary, case.attacks
        out.print(f"\n{escape(adversary.title)} ({adversary.id}): {counted(len(attacks), 'attack')}")
        out.print(f"  granted: {escape(', '.join(sorted(adversary.threat.knows)))}")
        if attacks:
            out.print(f"  {', '.join(one.attack.id for one in attacks)}")
        for sentence in [*not_handed_over(ready, case), *too_few(case)]:
            out.print(f"  [yellow]{escape(sentence)}[/]")
    price = ready.price
    calls = f" At most {price['queries']:,} calls to the service." if price["queries"] else ""
    kept = " Those that an audit without the mask trained are not trained again." if ready.defense and price["to_train"] else ""
    out.print(f"\n{to_train(price)}{kept}{calls}\n")


def to_train(price: dict[str, Any]) -> str:
    """Return in a sentence how many models have to be trained, and how long that takes."""
    models, missing, seconds = price["models"], price["to_train"], price["seconds"]
    if not models:
        return "Nothing to train."
    if not missing:
        return f"Nothing left to train: {counted(models, 'model')} of earlier runs {'is' if models == 1 else 'are'} in the store."
    time = " (time not known)" if seconds is None else f", about {seconds:.0f} s of training"
    kept = models - missing
    return f"To train: {counted(missing, 'model')}{time}." + (f" {kept:,} more are in the store." if kept > 0 else "")


def found(out: Console, result: AuditResult, folder: Path) -> None:
    """Print one sentence a threat model, the attacks' figures, what one more thing would unlock, and where the report lies."""
    for threat, said in zip(result.data["threat_models"], result.sentences(), strict=True):
        out.print(escape(said))
        figures(out, threat)
        for one in threat["results"]:
            if "metric" in one:
                out.print(escape(sentences.other_goal(one)))
        for line in threat["left_out"]:
            out.print(f"[yellow]{escape(line)}[/]")
        for line in unlocked(threat["unlock"]):
            out.print(escape(line))
        for failure in threat["failures"]:
            out.print(f"[red]{failure['attack']} failed[/]: {escape(failure['error'])}")
    for check in result.data["checks"]:
        if check["severity"] == "error":
            out.print(f"{SEVERITY['error']}{escape(check['message'])}.")
    out.print(f"\nReport: {escape(str(folder))}")


def figures(out: Console, threat: dict[str, Any]) -> None:
    """Print the figures of one threat model, best attack first."""
    counted = any(result["queries"] for result in threat["results"])  # only calls to a service are
    rows = [
        (
            result["attack"],
            spread(result["auc"], result["auc_ci"]),
            *(spread(result["tpr_at_fpr"][rate], result["tpr_at_fpr_ci"][rate]) for rate in ("0.01", "0.001")),
            result["models"],
            *([f"{result['queries']:,}"] if counted else []),
        )
        for result in sorted((one for one in threat["results"] if "auc" in one), key=lambda one: -one["auc"])
    ]
    if rows:
        columns = ["attack", "AUC [95 %]", "TPR at 1 % FPR", "TPR at 0.1 % FPR", "models", *(["queries"] if counted else [])]
        out.print(table(columns, rows, right="queries,models"))


def unlocked(unlock: list[dict[str, Any]]) -> list[str]:
    """Return in sentences what one more thing would make feasible, most attacks first."""
    by_terms = defaultdict(list)
    for one in unlock:
        given = [terms for terms in one["missing"] if all(term in GIVES for term in terms)]
        if given:
            by_terms[tuple(given[0])].append(one["attack"])
    found = []
    for terms, attacks in sorted(by_terms.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        more = f" and {len(attacks) - NAMED:,} more" if len(attacks) > NAMED else ""
        found.append(f"Give {' and '.join(GIVES[term] for term in terms)}: {', '.join(attacks[:NAMED])}{more}.")
    return found


def spread(value: float | None, interval: list[float] | None) -> str:
    """Return a figure with its interval."""
    if value is None:
        return "–"
    return f"{value:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")
