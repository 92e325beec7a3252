"""A wrong call on a handle names what there is: names that it lacks, and calls with other arguments than it takes.

This is words alone. Types get the answer from outside (attacks/handles/__init__.py), so that evidence does not hang on it.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

from taxonomy.findings import InputError
from taxonomy.offers import Type, Types
from taxonomy.source import Package

HOOK = "__getattr__"
MORE = "`mia terms --handles` says what each gives"
# As Python and torch write them: "ScoreOracle.__call__() takes 2 ...", "'ScoreOracle' object is not iterable", "... not Records".
CALL = re.compile(r"(?:^|\.)(\w+)\.(\w+)\(\) ")
OBJECT = re.compile(r"'(?:\w+\.)*(\w+)'|not (?:\w+\.)*(\w+)$")

_known: dict[str, type] = {}


def answer_for(types: Iterable[type]) -> None:
    """Let objects of these types name what they offer, where code asks for a public name that they lack."""
    for kind in types:
        _known[kind.__name__] = kind
        setattr(kind, HOOK, _no_such_name)


def hint(error: BaseException) -> str:
    """Return what a call with wrong arguments should have been, to follow the error's message; nothing for other errors."""
    if not isinstance(error, TypeError):
        return ""
    message = str(error)
    called = CALL.search(message)
    if called and (offers := _offers(_known.get(called[1]))):
        found = next((offer for offer in offers.offers if offer.name == called[2]), None)
        return f"; it is called as {found.typed}" if found else ""
    used = next((name for found in OBJECT.finditer(message) if (name := found[1] or found[2]) in _known), "")
    offers = _offers(_known.get(used))
    return f"; {_a(used)} is no tensor: {_offered(offers)}" if offers else ""


def _no_such_name(self: Any, name: str) -> Any:
    """Raise AttributeError for a name that an object lacks; for a public one it names those that there are."""
    kind: type = type(self)
    if hasattr(kind, name):
        return object.__getattribute__(self, name)  # a property raised AttributeError: its own is the one to tell
    if name.startswith("_"):
        raise AttributeError(f"{kind.__name__!r} object has no attribute {name!r}")
    own = vars(self).get("_name", "")
    who = f"{own} ({_a(kind.__name__)})" if own else _a(kind.__name__)
    offers = _offers(kind)
    raise AttributeError(f"{who} has no {name!r}" + (f"; {_offered(offers, own)}" if offers else ""))


def _offered(offers: Type, name: str = "") -> str:
    """Return what a type offers, as code writes it that has it by this name."""
    unnamed = {"__call__": "a call with ", "__len__": "its length"}
    found = [
        o.called if o.called.startswith(".") else o.written(name) if name else unnamed[o.name] + o.called for o in offers.offers
    ]
    return f"it offers: {', '.join(found)}; {MORE}" if found else "it offers nothing to call or read"


def _a(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


@functools.cache
def _offers(kind: Hashable) -> Type | None:
    """Return what a class offers, or the nearest of its bases whose source can be read."""
    for one in kind.__mro__ if isinstance(kind, type) else ():
        root = sys.modules.get(one.__module__.partition(".")[0])
        file = Path(getattr(root, "__file__", None) or "")
        if root is None or file.suffix != ".py":
            continue
        package = Package(root.__name__, file.parent if file.name == "__init__.py" else file)
        try:
            found = Types({package.name: package}).find(one.__module__, one.__name__)
        except (InputError, OSError):
            continue
        if found is not None:
            return found
    return None
