"""What a user sets: parameters of attacks, steps and artifacts, each as the type of its default. Loads no torch."""

from __future__ import annotations

from collections.abc import Mapping

from taxonomy.catalog import Catalog
from taxonomy.entries import Attack, Params, Step
from taxonomy.findings import InputError, nearest, unknown
from taxonomy.parameters import check_range, value_of


def parameters(catalog: Catalog, overrides: Mapping[str, Mapping[str, str]]) -> tuple[dict[str, Params], set[tuple[str, str]]]:
    """Return the parameters of every attack and step, and which of them the user set; raise InputError on a bad one.

    The user names an attack, a step, or an artifact; an artifact stands for all steps that yield it.
    """
    entries: dict[str, Attack | Step] = {**catalog.attacks, **catalog.steps}
    result: dict[str, Params] = {name: dict(entry.params) for name, entry in entries.items()}
    set_by_user = set[tuple[str, str]]()
    for name, values in overrides.items():
        found = owners(catalog, name)
        if not found:
            if name in catalog.defenses:
                raise InputError(
                    f"{name} is a defense that this run does not have: add --defense {name} to mia run, or its id and params "
                    "under `defense` to an audit file"
                )
            known = [*entries, *(s.yields for s in catalog.steps.values()), *catalog.defenses]
            raise unknown("attack, step, artifact or defense", name, known)
        for parameter, text in values.items():
            having = [entry for entry in found if parameter in entries[entry].params]
            if not having:
                having_none = nearest(parameter, {p for entry in found for p in entries[entry].params}) or "it has none"
                raise InputError(f"{name} has no parameter {parameter!r}: {having_none}")
            for entry in having:
                value = value_of(f"{name}.{parameter}", text, entries[entry].params[parameter])
                check_range(entries[entry], parameter, value, name)
                result[entry][parameter] = value
                set_by_user.add((entry, parameter))
    return result, set_by_user


def owners(catalog: Catalog, name: str) -> list[str]:
    """Return the attack or step of this name, or all steps that yield the artifact of this name."""
    if name in catalog.attacks or name in catalog.steps:
        return [name]
    return [s.id for s in catalog.steps.values() if s.yields == name or s.yields.startswith(name + ".")]
