"""Which file holds which command: `mia` loads the one that is asked for, since all of them take longer to load than to answer."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typer import Typer
    from typer.models import CommandInfo

FAMILIES = {
    "questions": ("feasible", "explain", "table", "harden", "gaps", "compare"),
    "catalog": ("attacks", "entries", "show", "terms", "defenses", "targets"),
    "check": ("check",),
    "run": ("run", "store"),
    "audit": ("audit",),
    "bench": ("bench",),
    "factors": ("factors",),
    "statements": ("statements",),
    "frontier": ("frontier",),
    "diff": ("diff",),
    "export": ("export",),
    "new": ("new",),
}
# These answer from the catalog, and until they end, which is soon, they need nearly all that they make. Looking for garbage among
# it took 1.1 of 3.3 CPU seconds of `mia feasible` with 9,500 attacks more, and 0.05 of 0.5 with 950.
BRIEF = ("questions", "catalog", "export")


def is_brief(arguments: Sequence[str]) -> bool:
    """Is the command that the arguments begin with one that answers from the catalog, and ends?"""
    return bool(arguments) and any(arguments[0] in FAMILIES[family] for family in BRIEF)


def application(arguments: Sequence[str]) -> Typer:
    """Return the application with the command that the arguments begin with; with all commands where they begin otherwise."""
    wanted = [family for family, commands in FAMILIES.items() if arguments and arguments[0] in commands]
    importlib.import_module(f"attacks.cli.{wanted[0] if wanted else 'commands'}")
    from attacks.cli.options import app

    return _only(app, arguments[0]) if wanted else app


def _only(app: Typer, name: str) -> Typer:
    """Return the application with one of its commands: to put one together takes about a millisecond."""
    one = copy.copy(app)
    one.registered_commands = [held for held in app.registered_commands if called(held) == name]
    one.registered_groups = [held for held in app.registered_groups if held.name == name]
    return one


def called(command: CommandInfo) -> str:
    """Return the name of a command: its own, or that of its function."""
    assert command.callback is not None, "every command is a function"
    return command.name or command.callback.__name__
