"""The name of a signal: the path to its code, and its settings. Only what has a name can be kept."""

from __future__ import annotations

import functools

from attacks.models import signals
from attacks.models.signals import Signal

Setting = bool | int | float | str


def named(of: Signal) -> tuple[str, dict[str, Setting]] | None:
    """Return the path to the code of a signal, and its settings; None if it is no signal of `attacks.models.signals`."""
    function, settings = (of.func, of.keywords) if isinstance(of, functools.partial) and not of.args else (of, {})
    name = getattr(function, "__name__", "")
    plain = all(isinstance(value, Setting) for value in settings.values())
    return (f"{signals.__name__}:{name}", settings) if plain and vars(signals).get(name) is function else None
