"""What the page "Side by side" shows of tests/benchmarks/side_by_side.json: a row for each tool, and verdicts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parents[1] / "tests" / "benchmarks" / "side_by_side.json"
TOOLS = {
    "reference": "a plain loop",
    "ours-lira": "this repository, LiRA alone",
    "ours-shared": "this repository, LiRA and attacks that train no other models",
    "ours": "this repository, all attacks",
    "sacroml": "sacroml",
    "art": "ART",
}
# A verdict needs as many.
SEEDS = 3
WORKS = {
    "A": "a forest of 100 trees on 284 records of breast cancer, beside 285 others",
    "B": "a network on 400 of scikit-learn's digits, standardised, beside 400 others, with the rest as the adversary's pool",
}


@dataclass(frozen=True)
class Spread:
    """A figure by seed."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return sum(self.values) / len(self.values)

    def said(self, digits: int) -> str:
        """Return the mean, the smallest and the largest, as text."""
        if len(self.values) == 1:
            return f"{self.mean:.{digits}f}"
        return f"{self.mean:.{digits}f} ({min(self.values):.{digits}f} to {max(self.values):.{digits}f})"


@dataclass(frozen=True)
class Row:
    """What one tool took for a work, and what its attacks found; `missing` says why it was not measured."""

    tool: str
    lines: int | None
    files: int | None
    cpu: Spread | None
    attacks: int | None
    scores: dict[str, tuple[Spread, Spread]]
    missing: str = ""

    @property
    def seeds(self) -> int:
        """How many seeds were measured."""
        return len(self.cpu.values) if self.cpu else 0


def measured() -> dict[str, Any]:
    """Return what was measured, as the script wrote it."""
    found: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
    return found


def rows(table: dict[str, Any], work: str) -> list[Row]:
    """Return a row a tool for one work."""
    return [_row(table, work, tool) for tool in TOOLS]


def _row(table: dict[str, Any], work: str, tool: str) -> Row:
    audits = [found for name, found in sorted(table["audits"].items()) if name.split("/")[:2] == [work, tool]]
    who = tool.split("-")[0]
    lines, files = table["lines"][work].get(who), table["files"][work].get(who)
    if not audits:
        why = table["not_installed"].get(tool)
        return Row(tool, lines, files, None, None, {}, f"it does not install here: {why}" if why else "not measured")
    scores = {
        attack: (Spread(tuple(a["scores"][attack][0] for a in audits)), Spread(tuple(a["scores"][attack][1] for a in audits)))
        for attack in audits[0]["scores"]
    }
    return Row(tool, lines, files, Spread(tuple(a["cpu"] for a in audits)), audits[0]["attacks"], scores)


def verdict(first: Spread, second: Spread) -> str:
    """Return whether the first is less or more than the second with every seed, or a tie; fewer seeds than three tell nothing."""
    if min(len(first.values), len(second.values)) < SEEDS:
        return "not told by so few seeds"
    if max(first.values) < min(second.values):
        return "less"
    return "more" if min(first.values) > max(second.values) else "a tie"


def verdicts(found: list[Row]) -> list[str]:
    """Return in sentences how our LiRA compares with the others, figure by figure, and what all our attacks take beside it."""
    by_tool, said = {row.tool: row for row in found}, []
    alone = by_tool["ours-lira"]
    for tool, name in TOOLS.items():
        other = by_tool[tool]
        if tool.startswith("ours") or other.cpu is None:
            continue
        for ours in (row for row in found if row.tool.startswith("ours")):
            if ours.cpu is not None:
                took = verdict(ours.cpu, other.cpu)
                said.append(f"CPU time, {ours.attacks} of our attacks beside {other.attacks} by {name}: {took}.")
        if alone.cpu is None:
            continue
        mine = alone.scores["LiRA"]
        for attack, (auc, tpr) in other.scores.items():
            words = f"AUC {verdict(mine[0], auc)}, TPR at 1 % FPR {verdict(mine[1], tpr)}"
            said.append(f"Our LiRA beside {name}, {attack}: {words}.")
    return said
