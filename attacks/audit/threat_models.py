"""Threat models of an audit: ready ones, files, those that stand in the audit file, or all that its parts grant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from attacks.audit.file import Audit, InlineThreatModel
from taxonomy import entries
from taxonomy.answers import Atlas, Infeasible, runnable_graph
from taxonomy.catalog import Catalog
from taxonomy.entries import Limits, ReadyThreatModel
from taxonomy.findings import InputError
from taxonomy.graph import Graph
from taxonomy.ready import ready
from taxonomy.resolver import Resolver
from taxonomy.terms import ANSWERS
from taxonomy.threat import ThreatModel, from_user, owner

# Everything that the audit file grants.
ALL = "all-that-is-granted"


@dataclass(frozen=True)
class Adversary:
    """One threat model of an audit, and the target as it shows itself to it: what it offers beyond may not be used."""

    id: str
    title: str
    threat: ThreatModel
    target: entries.Target


def adversaries(
    catalog: Catalog, audit: Audit, target: entries.Target, service: bool, published: int | None = None
) -> list[Adversary]:
    """Return the threat models of an audit file; raise InputError with its line for one that is unknown or does not fit.

    Of a `service` calls are limited; of what was `published` once there are so many rows.
    """
    stated = audit.stated
    if not stated.threat_models:
        queries = audit.stated.limits.queries if service else None
        return [everything(catalog, target, audit.stated.limits.models, queries, published)]
    found = []
    for place, named in enumerate(stated.threat_models):
        try:
            found.append(_adversary(catalog, audit, named, target, service, published))
        except InputError as error:
            if hasattr(error, "findings"):
                raise
            raise audit.wrong(str(error), "threat_models", place) from error
    return found


def everything(
    catalog: Catalog, target: entries.Target, models: int | None, queries: int | None, rows: int | None = None
) -> Adversary:
    """Return the adversary who is granted all that the parts of an audit grant."""
    threat = owner(target)
    limits = Limits(queries=queries, models=models, rows=rows)
    return Adversary(ALL, "Someone who has all that the audit was given", replace(threat, limits=limits), target)


def _adversary(
    catalog: Catalog,
    audit: Audit,
    named: str | InlineThreatModel,
    target: entries.Target,
    service: bool,
    published: int | None,
) -> Adversary:
    limits = audit.stated.limits
    if isinstance(named, InlineThreatModel):
        threat = from_user(
            catalog,
            observation=named.observation,
            model=target.model,
            frame=target.frame,
            knows=named.knows,
            models=limits.models,
        )
        name, title = named.id, named.title
    else:
        one: ReadyThreatModel = ready(catalog, named, audit.folder)
        if (one.model, one.frame) != (target.model, target.frame):
            raise InputError(f"{one.id} is about a {one.model} model in the {one.frame} frame, and this is a {target.model} one")
        threat, name, title = ThreatModel.of(one), one.id, one.title
    stated = threat.limits
    threat = replace(
        threat,
        limits=Limits(
            queries=_least(stated.queries, limits.queries) if service else None,
            models=_least(stated.models, limits.models),
            rows=_least(stated.rows, published),
        ),
        answers=frozenset(),
        records=frozenset(),
        recorded=threat.recorded or target.recorded,
        knows=threat.knows | _whole(catalog, target, threat),
    )
    return Adversary(name, title, threat, shown_to(catalog, target, threat))


def _whole(catalog: Catalog, target: entries.Target, threat: ThreatModel) -> set[str]:
    """Return what the target hands over whole and the threat model states in parts, as `M2` is read, with what follows from it.

    A training function of the user's own is such a whole: no recipe can be told from it that another function would follow, and
    on how many records it trained, the audit file says.
    """
    offered = [reading for reading in catalog.readings if reading.symbol in target.offers and reading.means]
    stated = [reading for reading in offered if threat.knows.issuperset(reading.means)]
    follows = Resolver(Graph.of(catalog)).closure(term for reading in stated for term in reading.means)
    return follows.intersection(target.offers) if stated else set()


def shown_to(catalog: Catalog, target: entries.Target, threat: ThreatModel) -> entries.Target:
    """Return the target with those artifacts that the adversary could have made itself, such as reference models."""
    made = [term for term in target.offers if catalog.terms[term].aspect == "artifact"]
    closure = Resolver(runnable_graph(Atlas(catalog))).closure({*threat.knows, *threat.aspects, *_facets(target)})
    kept = [term for term in target.offers if term not in made or term in closure]
    return target.model_copy(update={"offers": kept})


def _facets(target: entries.Target) -> set[str]:
    return {*(target.answers or [ANSWERS[target.model]]), *target.records}


def granting(adversary: Adversary, catalog: Catalog) -> ThreatModel:
    """Return the threat model with the artifacts that were handed over, which in an audit can be granted."""
    made = {term for term in adversary.target.offers if catalog.terms[term].aspect == "artifact"}
    return replace(adversary.threat, knows=adversary.threat.knows | made)


def unlock(catalog: Catalog, threat: ThreatModel, names: Sequence[str], beyond: frozenset[str]) -> list[dict[str, Any]]:
    """Return what each of some infeasible attacks lacks: sets of terms of which one is enough, smallest first.

    Sets with terms that are `beyond` what can be handed over are left out.
    """
    atlas, found = Atlas(catalog), []
    for name in names:
        answer = atlas.answer(catalog.attack(name), replace(threat, limits=Limits()))
        if isinstance(answer, Infeasible) and (sets := _within(atlas.least(answer.missing, threat), beyond)):
            found.append({"attack": name, "missing": [sorted(terms) for terms in sets]})
    return found


def _within(sets: Sequence[tuple[str, ...]], beyond: frozenset[str]) -> list[tuple[str, ...]]:
    return [terms for terms in sets if not beyond.intersection(terms)]


def _least(one: int | None, other: int | None) -> int | None:
    given = [limit for limit in (one, other) if limit is not None]
    return min(given) if given else None
