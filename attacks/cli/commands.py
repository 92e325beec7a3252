"""All commands of `mia`: the only room that knows both the terminal and the rest. Loads torch only to run."""

from __future__ import annotations

from attacks.cli import audit, bench, catalog, check, diff, export, factors, frontier, new, questions, run, statements
from attacks.cli.options import app

__all__ = [
    "app",
    "audit",
    "bench",
    "catalog",
    "check",
    "diff",
    "export",
    "factors",
    "frontier",
    "new",
    "questions",
    "run",
    "statements",
]
