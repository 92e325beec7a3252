"""Factors of Section 4.1 as entries: what makes a model leak, and what is varied to see it. Loads no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from taxonomy.catalog import Catalog
from taxonomy.defended import Applied
from taxonomy.entries import Attack, Entry, EntryId, Parameter, Target
from taxonomy.findings import InputError
from taxonomy.orderings import Setting
from taxonomy.terms import Strict, Text

Value = Parameter | list[str]
# What may be varied beside parameters: which target, which attack, and which of the terms that a target offers are granted.
TARGET, ATTACK, KNOWS = "target", "attack", "knows"
OF_TARGET = TARGET + "."


class Varies(Strict):
    """One thing that is varied while all else stays: what, which values it takes, against which targets, for which attacks."""

    axis: Text = Field(description="what varies, in words for the axis of the picture")
    parameter: Annotated[str, StringConstraints(pattern=r"^(target|attack|knows|[a-z0-9.-]+\.[a-z_0-9]+)$")] = Field(
        description="target.PARAM; NAME.PARAM of an attack, step or defense; or target, attack, knows: one of several"
    )
    values: list[Value] = Field(min_length=2, description="the first is what the others are compared with")
    labels: list[Text] = Field(default_factory=list, description="how values are shown; unstated, as they are")
    targets: list[EntryId] = Field(default_factory=list, description="where it is measured, one curve for each")
    attacks: list[EntryId] = Field(default_factory=list, description="what measures the leak, one curve for each")

    @property
    def sets_parameter(self) -> bool:
        """Whether what varies is a parameter NAME.PARAM of an attack or step."""
        return "." in self.parameter and not self.parameter.startswith(OF_TARGET)

    def shown(self) -> list[str]:
        """Return the values as they are shown."""
        return list(self.labels) or [", ".join(map(str, v)) if isinstance(v, list) else str(v) for v in self.values]


class Factor(Entry):
    """Something that makes a model leak more or less (Section 4.1), and how to measure it."""

    where: Text
    measure: Text
    attacks: list[EntryId] = Field(default_factory=list)
    varies: Varies | None = None
    missing: Text | None = Field(default=None, description="why no target here can vary it")


@dataclass(frozen=True)
class Point:
    """One value of a factor: an attack against a target, with settings NAME.PARAM that differ from the catalog's.

    A `defense` may stand on the target, of which the adversary knows.
    """

    value: str
    attack: Attack
    target: Target
    settings: tuple[tuple[str, Setting], ...] = ()
    defense: Applied | None = None


@dataclass(frozen=True)
class Curve:
    """The points of one attack against one target. What is varied itself is None."""

    attack: str | None
    target: str | None
    points: tuple[Point, ...]


def curves(catalog: Catalog, factor: Factor) -> list[Curve]:
    """Return what is to be measured of a factor; raise InputError for one that nothing here varies, or of wrong values."""
    if factor.varies is None:
        raise InputError(f"{factor.id} cannot be measured here: {factor.missing}")
    varies = factor.varies
    targets: list[str | None] = [None] if varies.parameter == TARGET else [*varies.targets]
    attacks: list[str | None] = [None] if varies.parameter == ATTACK else [*varies.attacks]
    return [Curve(a, t, tuple(_points(catalog, varies, a, t))) for t in targets for a in attacks]


def _points(catalog: Catalog, varies: Varies, attack: str | None, target: str | None) -> Iterator[Point]:
    for value, label in zip(varies.values, varies.shown(), strict=True):
        entry = catalog.target(target or str(value))
        settings: tuple[tuple[str, Setting], ...] = ()
        name, _, parameter = varies.parameter.rpartition(".")
        defense = catalog.defenses.get(name)
        terms = varies.parameter == KNOWS
        if isinstance(value, list) != terms and not varies.parameter.startswith(OF_TARGET):
            raise InputError(f"{varies.parameter} is set to {'a list of terms' if terms else 'one value'} (found {label})")
        if terms:
            assert isinstance(value, list)
            entry = derived(entry, label, offers=[str(term) for term in value])
        elif varies.parameter.startswith(OF_TARGET):
            entry = derived(entry, label, params={**entry.params, varies.parameter.removeprefix(OF_TARGET): value})
        elif varies.sets_parameter and defense is None:
            assert not isinstance(value, list)
            settings = ((varies.parameter, value),)
        applied = None
        if defense is not None:
            assert not isinstance(value, list)
            applied = Applied(defense, {**defense.params, parameter: value})
        yield Point(label, catalog.attack(attack or str(value)), entry, settings, applied)


def derived(entry: Target, label: str, **changed: Any) -> Target:
    """Return a target that is another in all but what is changed; itself, if that is nothing.

    No entry can bear its name, in which stands what no id may hold.
    """
    if all(getattr(entry, name) == value for name, value in changed.items()):
        return entry
    return entry.model_copy(update={**changed, "id": f"{entry.id}~{label}"})


def with_points(catalog: Catalog, found: list[Curve]) -> Catalog:
    """Return a catalog that has the targets of some curves too."""
    more = {point.target.id: point.target for curve in found for point in curve.points}
    kinds = {**catalog.kinds, "targets": {**catalog.targets, **more}}
    return Catalog(catalog.terms, catalog.implications, catalog.readings, kinds, catalog.documents, catalog.folders)
