"""Audits of models of one's own: `audit.run(...)` in a notebook, `mia audit FILE` on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attacks.audit.notebook import run as run

__all__ = ["run"]


def __getattr__(name: str) -> Any:
    # What runs an audit loads torch, which whoever only names this package does not wait for.
    if name == "run":
        from attacks.audit.notebook import run

        return run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
