"""What `--set` says: NAME.PARAM=VALUE of attacks, steps, artifacts and defenses."""

from __future__ import annotations

from collections.abc import Iterable

from taxonomy.catalog import Catalog
from taxonomy.findings import InputError
from taxonomy.names import called


def settings(catalog: Catalog, texts: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return parameters by name of their owner; raise InputError for text of another form."""
    result: dict[str, dict[str, str]] = {}
    own = {*catalog.attacks, *catalog.steps, *catalog.terms, *catalog.defenses}
    for text in texts:
        path, equals, value = text.partition("=")
        name, dot, parameter = path.rpartition(".")
        if not equals or not dot or not name or not parameter:
            raise InputError(f"--set {text!r}: expected NAME.PARAM=VALUE, e.g. shadow-models.count=32")
        attack = None if name in own else called(catalog.attacks.values(), name)
        of_owner = result.setdefault(attack.id if attack else name, {})
        if of_owner.setdefault(parameter, value) != value:
            raise InputError(f"--set {path} is given two values: {of_owner[parameter]} and {value}")
    return result
