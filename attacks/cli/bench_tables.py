"""What a bench will take, as a table."""

from __future__ import annotations

from typing import Any


def show_plan(console: Any, expected: Any, seeds: str) -> None:
    """Show what each group will take; `seeds` says in a sentence how many there are."""
    from attacks.cli import tables

    rows = [
        (
            e.group,
            e.attacks,
            ", ".join(e.targets),
            e.runs,
            e.finished,
            e.models,
            _expected(e.seconds, e.untimed, e.runs - e.finished),
        )
        for e in expected
    ]
    columns = ["group", "attacks", "targets", "runs", "done before", "models", "time"]
    console.print(tables.table(columns, rows, right="attacks,runs,done before,models"))
    console.print(f"{seeds} A run is one attack on one target with one seed; what was done before is taken from the store.\n")


def _expected(seconds: float, untimed: int, left: int) -> str:
    """Return how long the runs take that are `left`, of which some were never timed."""
    if untimed:
        return f"{untimed} runs were never timed" + (f"; the others take about {_minutes(seconds)}" if left > untimed else "")
    return f"about {_minutes(seconds)}"


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
