"""The catalog as a bundle of STIX 2.1 (OASIS, https://docs.oasis-open.org/cti/stix/v2.1/), made and checked by the library stix2.

An attack is an attack-pattern, with external references to the techniques of MITRE ATLAS that its entry is mapped to and to the
works that it cites. A defense is a course-of-action; that it helps against an attack is a relationship `mitigates`, and that it
fails against one, which STIX has no word for, is a note. What was measured is a note on the attack, or on both.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from taxonomy import clauses, defense_evidence, evidence
from taxonomy.catalog import Catalog
from taxonomy.clauses import Clause
from taxonomy.defense_evidence import Cell
from taxonomy.edition import Edition
from taxonomy.entries import Attack, Defense, Effect
from taxonomy.exports import OLD, Old, identity, library, told
from taxonomy.figures import OnTarget
from taxonomy.references import citation

AUTHORS = "The MIA Atlas authors"
# How a claim is known.
KNOWN = {"read": "read in the work", "secondary": "read in another's text about the work", "memory": "from memory, not looked up"}
ATLAS = "mitre-atlas"


def bundle(catalog: Catalog, works: Mapping[str, Any], edition: Edition, old: Old) -> dict[str, Any]:
    """Return the bundle as plain data; raise InputError where stix2 is not installed, or evidence is damaged."""
    stix2 = library("stix2", "STIX")
    own = _Objects(stix2.v21, catalog, works, edition, old)
    objects = [own.author, *own.all()]
    made = stix2.v21.Bundle(id=f"bundle--{identity('bundle', str(edition))}", objects=objects)
    plain: dict[str, Any] = json.loads(made.serialize())
    return plain


class _Objects:
    """Makes the objects of a bundle; each bears the version of the catalog as a label, and its days."""

    def __init__(self, v21: Any, catalog: Catalog, works: Mapping[str, Any], edition: Edition, old: Old):
        self.v21, self.catalog, self.works, self.edition, self.old = v21, catalog, works, edition, old
        self.common = {"created": edition.created, "modified": edition.modified, "labels": [f"mia-atlas-{edition.version}"]}
        self.author = v21.Identity(id=f"identity--{identity('identity')}", name=AUTHORS, identity_class="group", **self.common)
        self.common["created_by_ref"] = self.author.id

    def all(self) -> Iterator[Any]:
        attacks = sorted(self.catalog.attacks.values(), key=lambda entry: entry.id)
        defenses = sorted(self.catalog.defenses.values(), key=lambda entry: entry.id)
        yield from map(self.attack, attacks)
        yield from map(self.defense, defenses)
        for defense in defenses:
            yield from self.effects(defense)
        for attack in attacks:
            if found := evidence.find(self.catalog, attack.id):
                yield from (self.measured(attack, one) for one in found.targets if one.auc or one.metric)
        for name, of_defense in sorted(defense_evidence.find_all(self.catalog).items()):
            for one in of_defense.targets:
                yield from (self.defended(name, one.target, cell) for cell in one.attacks)

    # -- entries -----------------------------------------------------------------------------------------------------------

    def attack(self, attack: Attack) -> Any:
        found = clauses.of(self.catalog, attack)
        phases = dict.fromkeys(clause.tactic for clause in found if clause.tactic)
        more: dict[str, Any] = {"aliases": attack.aliases} if attack.aliases else {}
        if phases:
            more["kill_chain_phases"] = [{"kill_chain_name": ATLAS, "phase_name": phase} for phase in phases]
        return self.v21.AttackPattern(
            id=_attack(attack.id),
            name=attack.title,
            description=attack.summary,
            external_references=self.references(attack.id, found, attack.cites),
            **more,
            **self.common,
        )

    def defense(self, defense: Defense) -> Any:
        return self.v21.CourseOfAction(
            id=_defense(defense.id),
            name=defense.title,
            description=f"{defense.summary} {defense.mechanism} What it costs: {defense.utility_cost}",
            external_references=self.references(defense.id, clauses.of(self.catalog, defense), defense.cites),
            **self.common,
        )

    def references(self, name: str, found: Iterable[Clause], cites: Iterable[str]) -> list[dict[str, str]]:
        """Return what an entry refers to: itself in the catalog, clauses of others, and works."""
        own = [{"source_name": "mia-atlas", "external_id": name, "description": str(self.edition)}]
        theirs = [
            {
                "source_name": ATLAS if clause.framework == "atlas" else clauses.FRAMEWORKS[clause.framework],
                "external_id": clause.code,
                "url": clause.url,
                "description": f"{clause.title} ({clause.version})",
            }
            for clause in found
        ]
        return [*own, *theirs, *self.cited(cites)]

    def cited(self, keys: Iterable[str]) -> list[dict[str, str]]:
        return [{"source_name": key, "description": citation(self.works[key])} for key in keys if key in self.works]

    # -- what defenses were shown to do ---------------------------------------------------------------------------------------

    def effects(self, defense: Defense) -> Iterator[Any]:
        by_attack: dict[str, list[Effect]] = {}
        for effect in defense.mitigates:
            if effect.attack:
                by_attack.setdefault(effect.attack, []).append(effect)
        for attack, effects in by_attack.items():
            cites = dict.fromkeys(key for effect in effects for key in effect.cites)
            yield self.v21.Relationship(
                id=f"relationship--{identity('mitigates', defense.id, attack)}",
                source_ref=_defense(defense.id),
                relationship_type="mitigates",
                target_ref=_attack(attack),
                description=" ".join(map(_told, effects)),
                external_references=self.cited(cites),
                **self.common,
            )
        for number, effect in enumerate(defense.fails_against):
            if effect.attack:
                yield self.note(
                    "fails",
                    (defense.id, effect.attack, str(number)),
                    f"{defense.title} was shown not to help",
                    _told(effect),
                    [_defense(defense.id), _attack(effect.attack)],
                    self.cited(effect.cites),
                )

    # -- what was measured ------------------------------------------------------------------------------------------------------

    def measured(self, attack: Attack, found: OnTarget) -> Any:
        target = self.catalog.target(found.target)
        figures = [f"area under the ROC curve {told(found.auc)}"] if found.auc else []
        for fpr, rate in found.tpr_at_fpr.items():
            if rate:
                figures.append(f"true positive rate at a false positive rate of {fpr} {told(rate)}")
        if found.metric and (judged := found.seeds[0].metric):
            figures.append(f"{judged.name} {told(found.metric)}, where chance is {judged.chance:.3g}")
        told_so = [
            f"On {target.title} ({found.target}): {'; '.join(figures)}.",
            f"Means over the seeds {', '.join(str(seed.seed) for seed in found.seeds)}, with 95 % intervals.",
            *(["It is a control, on which chance is expected."] if found.role == "null" else []),
            *([OLD] if found.target in self.old.get(attack.id, ()) else []),
            target.data,
            f"Measured again by: {found.seeds[0].command}",
        ]
        abstract = f"Measured: {attack.title} on {target.title}"
        return self.note("measured", (attack.id, found.target), abstract, " ".join(told_so), [_attack(attack.id)])

    def defended(self, defense: str, target: str, cell: Cell) -> Any:
        title = self.catalog.defenses[defense].title
        after = f"{told(cell.adaptive.auc)} with it, for who knows of it" if cell.adaptive else "stopped by it"
        content = (
            f"On {self.catalog.target(target).title} ({target}): AUC {told(cell.undefended.auc)} without the defense, {after}."
        )
        refs = [_defense(defense), _attack(cell.attack)]
        return self.note("defended", (defense, cell.attack, target), f"Measured: {title} against {cell.attack}", content, refs)

    def note(
        self,
        kind: str,
        names: tuple[str, ...],
        abstract: str,
        content: str,
        refs: list[str],
        references: list[dict[str, str]] | None = None,
    ) -> Any:
        more = {"external_references": references} if references else {}
        note = f"note--{identity(kind, *names)}"
        return self.v21.Note(
            id=note, abstract=abstract, content=content, authors=[AUTHORS], object_refs=refs, **more, **self.common
        )


def _told(effect: Effect) -> str:
    return f"{effect.effect} ({effect.where + ', ' if effect.where else ''}{KNOWN[effect.source]})"


def _attack(name: str) -> str:
    return f"attack-pattern--{identity('attack', name)}"


def _defense(name: str) -> str:
    return f"course-of-action--{identity('defense', name)}"
