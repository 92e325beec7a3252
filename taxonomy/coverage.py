"""Where the gaps are: which combinations of observation and knowledge an attack covers, and which a running one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from taxonomy.answers import Atlas, runnable_graph
from taxonomy.entries import NO_LIMITS, Limits
from taxonomy.graph import goal
from taxonomy.terms import FACETS, FRAMES, MODEL_TYPES, OBSERVATIONS
from taxonomy.threat import ThreatModel


@dataclass(frozen=True)
class Cell:
    """One combination of observation, model type, frame and kinds of knowledge.

    `published` are attacks with a published setting in this very cell; `feasible` those that an adversary with all terms of
    these kinds can mount, `running` those of them that have code all the way.
    """

    observation: str
    model: str
    frame: str
    knowledge: tuple[str, ...]
    published: tuple[str, ...]
    feasible: tuple[str, ...]
    running: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the cell as plain data."""
        return {
            "observation": self.observation,
            "model": self.model,
            "frame": self.frame,
            "knowledge": list(self.knowledge),
            "published": list(self.published),
            "feasible": list(self.feasible),
            "running": list(self.running),
        }


KNOWLEDGE = {"M": "model", "D": "training-data", "Q": "query"}


def gaps(atlas: Atlas, limits: Limits = NO_LIMITS) -> list[Cell]:
    """Return every cell that is not a contradiction, in the order of Table 2's columns.

    Knowledge is a subset of M (the model), D (the training data) and Q (queries). White-box always knows of the model. With
    limits, what does not fit them is not feasible.
    """
    catalog = atlas.catalog
    runnable = Atlas(catalog, runnable_graph(atlas))
    where: dict[tuple[str, str, str, tuple[str, ...]], set[str]] = {}
    for attack in catalog.attacks.values():
        for setting in attack.published:
            kinds = {catalog.terms[name].aspect for name in setting.knows}
            knowledge = tuple(k for k, aspect in KNOWLEDGE.items() if aspect in kinds)
            if setting.frame == "federated" and "role" in kinds and "M" not in knowledge:
                knowledge = ("M", *knowledge)
            where.setdefault((setting.observation, setting.model, setting.frame, knowledge), set()).add(attack.id)
    cells = []
    subsets = [c for n in range(4) for c in itertools.combinations(KNOWLEDGE, n)]
    for observation, model, frame in itertools.product(OBSERVATIONS, MODEL_TYPES, FRAMES):
        if observation == "white-box" and model == "aggregate":
            continue
        for knowledge in subsets:
            if observation == "white-box" and "M" not in knowledge:
                continue
            grants = _everything(atlas, observation, model, frame, knowledge)
            threat = ThreatModel(observation, model, frame, limits=limits).with_grants(grants)
            feasible, running = _standing(atlas, threat), _standing(runnable, threat)
            cells.append(
                Cell(
                    observation,
                    model,
                    frame,
                    knowledge,
                    tuple(sorted(where.get((observation, model, frame, knowledge), ()))),
                    tuple(feasible),
                    tuple(running),
                )
            )
    return cells


def _standing(atlas: Atlas, threat: ThreatModel) -> list[str]:
    """Return the attacks that are feasible within the limits, sorted."""
    closure = atlas.resolver.closure(threat.grants)
    derivable = (attack for attack in atlas.catalog.attacks.values() if goal(attack.id) in closure)
    return sorted(attack.id for attack in derivable if not threat.limits.any or atlas.stands(attack, threat))


def _everything(atlas: Atlas, observation: str, model: str, frame: str, knowledge: Sequence[str]) -> list[str]:
    """Return all that an adversary with these kinds of knowledge could be granted, the candidates' labels included."""
    aspects = {KNOWLEDGE[k] for k in knowledge} | {"candidate"}
    # A seat in a federation sees inside the model, so who has one is not black-box; one in split learning is.
    if "M" in knowledge and (frame == "stand-alone" or observation == "white-box"):
        aspects.add("role")
    terms = [atlas.catalog.terms[name] for name in atlas.catalog.grantable]
    fitting = [t for t in terms if t.aspect in aspects and t.applies(model, frame)]
    inside = observation == "white-box"
    facets = [t.id for t in atlas.catalog.terms.values() if t.aspect in FACETS and t.applies(model, frame)]
    return [model, frame, observation, *facets, *(t.id for t in fitting if inside or t.symbol != "M1")]
