"""The catalog in the formats of other knowledge bases, one file a format. No torch; identities are the same each time."""

from __future__ import annotations

import importlib
import uuid
from collections.abc import Mapping
from types import ModuleType

from taxonomy.figures import Average
from taxonomy.findings import InputError

# What is told of evidence whose code, entry or target has changed since it was measured.
OLD = "Code, entry or target has changed since this was measured."
# Of which targets the evidence on an attack is old, by attack (`taxonomy.current.measured`).
Old = Mapping[str, frozenset[str]]
# What identities are made from; it never changes, or everything exported before would become something else.
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "mia-atlas")


def identity(kind: str, *names: str) -> str:
    """Return the identity of something of the catalog, a UUID of version 5 of its kind and names."""
    return str(uuid.uuid5(NAMESPACE, "\0".join([kind, *names])))


def library(name: str, form: str) -> ModuleType:
    """Return a library that an export is made with; raise InputError saying how to get it where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(f"{form} is written by {name}: pip install 'mia-atlas[export]'") from error


def told(average: Average) -> str:
    """Return a mean with its interval, as a sentence has it."""
    return f"{average.mean:.3f} [{average.ci[0]:.3f}, {average.ci[1]:.3f}]"
