"""The catalog: all entries and terms, and where they come from."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taxonomy.entries import KINDS, Attack, Defense, Entry, ReadyThreatModel, Step, Target
from taxonomy.findings import InputError, unknown_entry
from taxonomy.names import called, unknown_name
from taxonomy.terms import Implication, Reading, Term

if TYPE_CHECKING:
    from taxonomy.yamlfile import Document

ENTRY_POINTS = "mia_atlas.catalogs"


@dataclass(frozen=True)
class Source:
    """A folder of entries, and the package whose functions their `run` paths may name (None: no code is trusted)."""

    folder: Path
    package: str | None = None


@dataclass
class Catalog:
    """All entries, cross-referenced. `documents` says where each stands, unless the catalog came from the cache."""

    terms: dict[str, Term] = field(default_factory=dict)
    implications: list[Implication] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    kinds: Mapping[str, dict[str, Any]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    documents: dict[str, Document] = field(default_factory=dict)
    folders: list[Path] = field(default_factory=list)

    @property
    def attacks(self) -> dict[str, Attack]:
        """Attacks by id."""
        return self.kinds["attacks"]

    @property
    def steps(self) -> dict[str, Step]:
        """Steps by id."""
        return self.kinds["steps"]

    @property
    def acts(self) -> list[Attack | Step]:
        """Attacks and steps: the entries that are rules."""
        return [*self.attacks.values(), *self.steps.values()]

    @property
    def defenses(self) -> dict[str, Defense]:
        """Defenses by id."""
        return self.kinds["defenses"]

    @property
    def targets(self) -> dict[str, Target]:
        """Targets by id."""
        return self.kinds["targets"]

    @property
    def threat_models(self) -> dict[str, ReadyThreatModel]:
        """Ready threat models by id."""
        return self.kinds["threat-models"]

    @property
    def entries(self) -> dict[str, Entry]:
        """All entries by id; ids are unique across kinds."""
        return {name: entry for entries in self.kinds.values() for name, entry in entries.items()}

    def entry(self, name: str) -> Entry | Term:
        """Return the entry or term of this id, or the attack that people call so; raise InputError with near names."""
        for entries in self.kinds.values():
            if name in entries:
                entry: Entry = entries[name]
                return entry
        if name in self.terms:
            return self.terms[name]
        attack = called(self.attacks.values(), name)
        if attack is None:
            raise unknown_name("entry", name, self.attacks.values(), [*self.terms, *self.entries])
        return attack

    def attack(self, name: str) -> Attack:
        """Return the attack of this id, or the one that people call so; raise InputError with near names."""
        found = self.attacks.get(name) or called(self.attacks.values(), name)
        if found is None:
            raise self._of_another_kind("an attack", name) or unknown_name("attack", name, self.attacks.values())
        return found

    def target(self, name: str) -> Target:
        """Return the target of this name; raise InputError with the nearest valid name."""
        if name not in self.targets:
            raise self._of_another_kind("a target", name) or unknown_entry("target", name, self.targets)
        return self.targets[name]

    def defense(self, name: str) -> Defense:
        """Return the defense of this name; raise InputError with the nearest valid name."""
        if name not in self.defenses:
            raise self._of_another_kind("a defense", name) or unknown_entry("defense", name, self.defenses)
        return self.defenses[name]

    def _of_another_kind(self, wanted: str, name: str) -> InputError | None:
        """Return the error for a name that is that of an entry of another kind, or of a term; None of one that is neither."""
        kind = "terms" if name in self.terms else next((kind for kind, entries in self.kinds.items() if name in entries), None)
        return InputError(f"{name} is one of the {kind}, not {wanted}") if kind else None

    @functools.cached_property
    def grantable(self) -> list[str]:
        """Leaf capabilities and roles, sorted: what a threat model can grant beside the aspects."""
        return sorted(term.id for term in self.terms.values() if term.grantable)


@functools.cache
def installed_sources() -> tuple[Source, ...]:
    """Return the catalogs of installed packages, this project's first."""
    sources = []
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        spec = importlib.util.find_spec(point.value)
        if spec is None or not spec.submodule_search_locations:
            raise InputError(f"the installed catalog {point.value!r} (package {point.name!r}) is not there; reinstall it")
        sources.append(Source(Path(next(iter(spec.submodule_search_locations))), point.name))
    if not sources:
        raise InputError("no catalog is installed; install this project with `pip install -e .`")
    return tuple(sorted(set(sources), key=lambda s: (s.package != "attacks", s.package or "")))
