"""What a user sets a parameter of an attack, a step or a defense to: as the type of its default, and in its range. No torch."""

from __future__ import annotations

import math

from taxonomy.entries import Attack, Defense, Range, Step
from taxonomy.findings import InputError


def check_range(entry: Attack | Step | Defense, parameter: str, value: object, name: str = "") -> None:
    """Raise InputError for a number that lies outside the range of an entry's parameter, or is none.

    An entry states the range; what it leaves unstated and is a whole number by default counts something: it is not negative,
    unless its default is, and of models there is one at least. `name` is what the user called the entry.
    """
    allowed = entry.ranges.get(parameter)
    default = entry.params[parameter]
    if allowed is None and isinstance(default, int) and not isinstance(default, bool) and default >= 0:
        trained = not isinstance(entry, Defense) and entry.cost is not None and entry.cost.models == parameter
        allowed = Range(least=1 if trained else 0)
    if allowed is not None and isinstance(value, int | float) and not allowed.holds(value):
        raise InputError(f"{name or entry.id}.{parameter} must be {allowed} (found {value})")


def value_of(name: str, text: str, like: object) -> bool | int | float | str:
    """Return what a user set a parameter to, as the type of its default; raise InputError for text that is none."""
    try:
        if isinstance(like, bool):
            return {"true": True, "false": False}[text.lower()]
        if isinstance(like, int):
            return int(text)
        if isinstance(like, float):
            if not math.isfinite(number := float(text)):
                raise ValueError
            return number
    except (KeyError, ValueError) as error:
        kind = {bool: "true or false", int: "a whole number", float: "a finite number"}[type(like)]
        raise InputError(f"{name} must be {kind} (found {text!r})") from error
    if isinstance(like, list):
        raise InputError(f"{name} is a list and cannot be set on the command line")
    return text
