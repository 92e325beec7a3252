"""Functions of a catalog's own code that stand in place of ours: an architecture, a trainer, a data set, each named by its path.

A path is `package.module:function`. Only functions of packages that were allowed are ever imported: those of installed catalogs
(entry point `mia_atlas.catalogs`), and what lies in folders that the user trusts (`--trust-code`). Of ours those are functions of
data sets and of models, and nothing that does something else.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from attacks.errors import AttackError

_allowed: set[str] = set()


def allow(packages: Iterable[str]) -> None:
    """Let functions of these packages, or parts of packages, be named by path, as long as the process lives."""
    _allowed.update(packages)


def allowed() -> list[str]:
    """Return the packages whose functions may be named, for processes that work for this one."""
    return sorted(_allowed)


def call(path: str, what: str, *arguments: Any) -> Any:
    """Return what the function behind a path makes of some arguments; raise AttackError if it takes others.

    `what` says how it should be called, such as `(x, y, seed) -> model`. What the function itself raises is raised.
    """
    called = function(path)
    try:
        inspect.signature(called).bind(*arguments)
    except TypeError as error:
        raise AttackError(f"{path} is called as {what}, and takes other arguments ({error})") from error
    return called(*arguments)


def function(path: str) -> Callable[..., Any]:
    """Return the function behind a path; raise AttackError if its package is not allowed, or holds no such function."""
    module, _, name = path.partition(":")
    if not any(f"{module}.".startswith(f"{package}.") for package in _allowed):
        raise AttackError(f"{path} lies in no installed catalog's package; --trust-code DIR runs code of a folder that you trust")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise AttackError(f"{path} names no function: {error}") from error
    if not callable(found) or isinstance(found, type):
        raise AttackError(f"{path} names no function, but a {type(found).__name__}")
    return found
