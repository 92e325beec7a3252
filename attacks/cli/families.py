"""Which file holds which command: `mia` loads the one that is asked for, since all of them take longer to load than to answer."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typer import Typer

FAMILIES = {
    "questions": ("feasible", "explain", "table", "harden", "gaps", "compare"),
    "catalog": ("attacks", "entries", "show", "terms", "defenses", "targets"),
    "check": ("check",),
    "run": ("run", "store"),
    "audit": ("audit",),
    "bench": ("bench",),
    "export": ("export",),
    "new": ("new",),
}


def application(arguments: Sequence[str]) -> Typer:
    """Return the application with the command that the arguments begin with; with all commands where they begin otherwise."""
    wanted = [family for family, commands in FAMILIES.items() if arguments and arguments[0] in commands]
    importlib.import_module(f"attacks.cli.{wanted[0] if wanted else 'commands'}")
    from attacks.cli.options import app

    return app
