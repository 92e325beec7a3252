"""Functions of a catalog's own code that parameters of an entry name by path: a data set, an architecture, a trainer."""

from __future__ import annotations

import re

from taxonomy.entries import Params

PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def is_path(name: str) -> bool:
    """Return whether a name is the path of a function, and not the name of something of ours."""
    return PATH.fullmatch(name) is not None


def named(params: Params) -> dict[str, str]:
    """Return the paths `package.module:function` among the values of some parameters, by the parameter."""
    return {name: value for name, value in params.items() if isinstance(value, str) and is_path(value)}
