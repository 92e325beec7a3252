"""What the benchmarks measured (tests/benchmarks/results.json), for pages and for the README.

Usage, to write the table of the README: python site/performance.py
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "tests" / "benchmarks" / "results.json"
README = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- figures of benchmarks: written by site/performance.py -->\n)(.*?)(<!-- end of figures -->)", re.DOTALL)

# The groups of rows, as the part of their name before the slash says, and their headings.
GROUPS = {
    "run": "Runs",
    "training": "Training models",
    "peers": "Other programs",
    "attacks": "Attacks",
    "figures": "Figures and intervals",
    "questions": "Questions to the catalog",
    "growth": "How costs grow",
}
# The rows that the README shows.
IN_README = (
    "run/lira",
    "run/again",
    "run/sharing",
    "training/digits",
    "training/fashion",
    "peers/sacroml-lira",
    "peers/art-shadows",
    "attacks/lira",
    "questions/feasible-cold",
)

Row = dict[str, Any]


def results() -> tuple[dict[str, Row], dict[str, Row]]:
    """Return the rows by name, and the machines that measured them by name."""
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    return {row["name"]: row for row in found["rows"]}, found["machines"]


def grouped(rows: dict[str, Row]) -> dict[str, list[Row]]:
    """Return the rows of each group under its heading, groups in their order."""
    return {
        heading: found
        for group, heading in GROUPS.items()
        if (found := [row for name, row in rows.items() if name.partition("/")[0] == group])
    }


def described(machine: Row) -> str:
    """Describe a machine in a line."""
    cores = f"{machine['cores']} core{'s' if machine['cores'] != 1 else ''}"
    computes = f"torch {machine['torch']}, Python {machine['python']}"
    return f"{cores} of {machine['processor']} ({machine['instructions']}), {machine['memory']} GB, {computes}"


def number(value: float | None) -> str:
    """Return a measured number as people read it: no exponent, no zeros behind."""
    return "–" if value is None else f"{value:,.10f}".rstrip("0").rstrip(".")


def in_readme() -> str:
    """Return what the README shows: a table in Markdown, and where and when it was measured."""
    rows, machines = results()
    shown = [rows[name] for name in IN_README if name in rows]
    lines = ["| what | beside | ratio | goal |", "| --- | --- | ---: | ---: |"]
    for row in shown:
        goals = [f"≤ {number(row['goal'])}"] if row["goal"] is not None else []
        held = {name: figure for name, figure in row["figures"].items() if figure["goal"] is not None}
        goals += [f"{name}: {number(one['value'])} {one['unit']}, ≤ {number(one['goal'])}" for name, one in held.items()]
        lines.append(f"| {row['what']} | {row['beside']} | {number(row['ratio'])} | {'; '.join(goals)} |")
    days = sorted({row["date"] for row in shown})
    where = "; ".join(dict.fromkeys(described(machines[row["machine"]]) for row in shown))
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    busy = number(max(row["load"] for row in shown))
    return "\n".join([*lines, "", f"Measured on {where}, {when}, at a load average of {busy} at most.", ""])


if __name__ == "__main__":
    README.write_text(BLOCK.sub(lambda m: m[1] + in_readme() + m[3], README.read_text(encoding="utf-8")), encoding="utf-8")
