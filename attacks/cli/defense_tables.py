"""The matrix of defenses and attacks as tables for people. Nothing here works anything out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape

from attacks.cli.tables import average, counted, table
from taxonomy.defense_evidence import Accuracy, DefenseEvidence, Leak, OnDefended, Seconds
from taxonomy.defense_matrix import Row, Strongest, audited, below_naive, matrices
from taxonomy.entries import Defense, Params
from taxonomy.figures import Average, confirmation

# As wide as an AUC with its interval.
ID_WIDTH = 20


def matrix(out: Console, evidence: Mapping[str, DefenseEvidence]) -> None:
    """Print a table for each target: a row for each defense, with the strongest attack from outside and what it costs."""
    found = matrices(evidence)
    for one in found:
        front = {point.name for point in one.points() if point.front}
        undefended = [] if one.undefended is None else [(_marked(front, "no defense"), "", "", _in_lines(one.undefended), "")]
        rows = [(_marked(front, row.defense), *_both(row), _in_lines(row.adaptive), _in_lines(row.naive)) for row in one.rows]
        out.print(f"[bold]{escape(one.target)}[/]")
        columns = ["defense", "test accuracy, training", "stops", "strongest adaptive attack", "strongest naive attack"]
        out.print(table(columns, [*undefended, *rows]))
    if not found:
        out.print("No defense was measured yet (mia bench --only defenses).")
        return
    out.print(
        "Attacks on membership by somebody who does not hold the model, if there are any; AUC, mean over seeds with 95 % "
        "intervals. Stops: attacks that lack something with the defense. What has a * lies on the Pareto front: no other model "
        "is at once more accurate and more private. mia show DEFENSE has every attack."
    )
    if given := [f"{name} {_settings(evidence[name].params)}" for name in sorted(evidence) if evidence[name].params]:
        out.print(escape(f"With: {'; '.join(given)}."))


def _settings(params: Params) -> str:
    return ", ".join(f"{name} {str(value).lower() if isinstance(value, bool) else value}" for name, value in params.items())


def measured(out: Console, defense: Defense, found: DefenseEvidence) -> None:
    """Print what was measured of a defense: a table for each target, with a row for each attack, and where knowing hurts."""
    for one in found.targets:
        out.print(f"[bold]{escape(one.target)}[/]: {escape(_sentence(one))}")
        rates = [rate for rate in ("0.01", "0.001") if any(cell.undefended.tpr_at_fpr.get(rate) for cell in one.attacks)]
        rows = [
            (
                cell.attack + (" (holds the model)" if cell.inside else ""),
                _auc(cell.undefended),
                _auc(cell.naive),
                _auc(cell.adaptive) + " below naive" * cell.knowing_hurts if cell.adaptive else "stopped",
                average(cell.adaptive.auc_change) if cell.adaptive else "",
                *(_rate(cell.undefended, cell.adaptive, rate) for rate in rates),
            )
            for cell in one.attacks
        ]
        columns = [
            "attack",
            "AUC without",
            "naive",
            "adaptive",
            "change",
            *(f"TPR at {100 * float(rate):g} % FPR" for rate in rates),
        ]
        out.print(table(columns, rows))
    if weaker := below_naive(defense, found):
        out.print(
            f"Below naive, who knows of the defense finds less than who does not, beyond the interval: in {weaker.many} of the "
            f"{weaker.of} places where they differ; one in forty is so by chance alone. Who knows may also act as if they did "
            "not, so the larger of both figures counts."
        )
        for because, attacks in weaker.by_reason.items():
            places = "; ".join(f"{attack} on {', '.join(targets)}" for attack, targets in attacks.items())
            out.print(escape(f"- {places}: {because or 'No reason was found.'}"))


def of_cuts(out: Console, found: Sequence[tuple[str, Row]]) -> None:
    """Print what the matrix says of the defenses that were named, on every target; nothing if none was measured."""
    if found:
        rows = [
            (row.defense, target, *_costs(row)[:1], strongest(row.undefended), strongest(row.adaptive)) for target, row in found
        ]
        out.print()
        columns = ["measured", "on", "test accuracy", "strongest attack without it", "and with it, adaptive"]
        out.print(table(columns, rows))
        out.print("By the attacks that are feasible here: AUC, mean over seeds with 95 % intervals.")


def strongest(found: Strongest | None) -> str:
    """Return the strongest attack in words."""
    return f"{average(found.auc)} {found.attack}" if found else "none is left"


def _in_lines(found: Strongest | None) -> str:
    """Return the strongest attack in lines: its AUC, and its id, broken behind a hyphen where it is long."""
    if found is None:
        return strongest(found)
    lines = [average(found.auc), ""]
    for part in re.findall(r"[^-]+-?", found.attack):
        if len(lines[-1]) + len(part) > ID_WIDTH:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _marked(front: set[str], name: str) -> str:
    return f"{name} *" if name in front else name


def _costs(row: Row) -> tuple[str, str, str]:
    stops = f"{len(row.stopped)} of {row.of}" if row.stopped else ""
    return _accuracy(row.measured.test_accuracy), _seconds(row.measured.training_seconds), stops


def _both(row: Row) -> tuple[str, str]:
    """Return costs and what is stopped in columns so narrow that ids of attacks have room beside them."""
    accuracy, seconds, stops = _costs(row)
    return f"{accuracy}\n{seconds}".rstrip(), stops


def _accuracy(found: Accuracy | None) -> str:
    return "unknown" if found is None else f"{found.undefended.mean:.3f} → {found.defended.mean:.3f}"


def _seconds(found: Seconds | None) -> str:
    return "" if found is None else f"{found.undefended:g} → {found.defended:g} s"


def _sentence(found: OnDefended) -> str:
    """Return in words what a defense costs, and what its code tells."""
    parts = [f"test accuracy {_accuracy(found.test_accuracy)}"]
    if found.test_accuracy:
        parts[0] += f" (change {average(found.test_accuracy.change)})"
    if found.training_seconds:
        parts.append(f"training {_seconds(found.training_seconds)}")
    if found.confirmed:
        parts.append(confirmation(found.confirmed))
    parts += [
        f"{name.replace('_', ' ')} {', '.join(dict.fromkeys(f'{value:g}' for value in values))}"
        for name, values in found.facts.items()
    ]
    if beside := audited(found):
        parts.append(
            f"the largest lower bound on epsilon, of {beside.of} intervals, is {beside.lower_bound:.2g}"
            + (f" ({beside.attack})" if beside.attack else "")
            + f", and {beside.above_chance} lie above chance"
        )
    return f"{'; '.join(parts)}; {counted(len(found.attacks), 'attack')}"


def _auc(found: Leak | None) -> str:
    return average(found.auc) if found else ""


def _rate(before: Leak, after: Leak | None, rate: str) -> str:
    return f"{_mean(before.tpr_at_fpr, rate)} → {_mean(after.tpr_at_fpr, rate)}" if after else ""


def _mean(found: Mapping[str, Average | None], rate: str) -> str:
    one = found.get(rate)
    return "–" if one is None else f"{one.mean:.3f}"
