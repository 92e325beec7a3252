"""Questions asked of the graph: what would change, where the gaps are, how two attacks compare."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from taxonomy.answers import Atlas, Feasible
from taxonomy.entries import Attack, Limits
from taxonomy.graph import Graph, goal
from taxonomy.survey import surveyed_rows
from taxonomy.terms import FACETS, FRAMES, MODEL_TYPES, OBSERVATIONS
from taxonomy.threat import ThreatModel, contradictions, with_what_roles_see

NO_LIMITS = Limits()
# What frames a threat model and says what is attacked.
ASPECTS = ("observation", "model-type", "frame", *FACETS)

# -- what if ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """What changes if some terms are granted and others withdrawn.

    `weaker` and `stronger` are attacks that stand before and after, in a weaker or less weak way.
    Of what was to be withdrawn, `still_implied` follows from what is left, and `not_granted` nobody had to begin with.
    """

    add: tuple[str, ...]
    remove: tuple[str, ...]
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    weaker: tuple[str, ...]
    stronger: tuple[str, ...]
    still_implied: tuple[str, ...]
    not_granted: tuple[str, ...]
    contradictions: tuple[str, ...]
    after: ThreatModel

    def as_json(self) -> dict[str, Any]:
        """Return the difference as plain data."""
        return {
            "add": list(self.add),
            "remove": list(self.remove),
            "gained": list(self.gained),
            "lost": list(self.lost),
            "weaker": list(self.weaker),
            "stronger": list(self.stronger),
            "still_implied": list(self.still_implied),
            "not_granted": list(self.not_granted),
            "contradictions": list(self.contradictions),
            "threat_model": self.after.as_json(),
        }


def what_if(atlas: Atlas, threat: ThreatModel, add: Iterable[str], remove: Iterable[str]) -> Difference:
    """Return which attacks are gained and lost, and which change their strength.

    A withdrawn grant is one that was stated; what follows from it goes with it.
    """
    add, remove = tuple(sorted(set(add))), tuple(sorted(set(remove)))
    threat = atlas.stated(threat)
    after = replace(threat, knows=(threat.knows - set(remove)) | set(add))
    # What was read of the model stays true: a capability more never takes an attack away, and one less changes no model.
    anew = atlas.stated(replace(after, facets=frozenset()))
    after = replace(after, facets=threat.facets | anew.facets, said=threat.said | anew.said)
    before, later = ({a.attack.id: a for a in atlas.answers(t) if isinstance(a, Feasible)} for t in (threat, after))
    both = sorted(before.keys() & later.keys())
    closure = atlas.resolver.closure(after.grants)
    return Difference(
        add,
        remove,
        tuple(sorted(later.keys() - before.keys())),
        tuple(sorted(before.keys() - later.keys())),
        tuple(name for name in both if later[name].weakness > before[name].weakness),
        tuple(name for name in both if later[name].weakness < before[name].weakness),
        tuple(name for name in remove if name in closure),
        tuple(name for name in remove if name not in threat.knows and name not in closure),
        tuple(contradictions(atlas.catalog, after)),
        after,
    )


# -- gaps ------------------------------------------------------------------------------------------------------------------


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
    if frame == "federated" and observation == "white-box":
        aspects.add("role")
    terms = [atlas.catalog.terms[name] for name in atlas.catalog.grantable]
    fitting = [t for t in terms if t.aspect in aspects and t.applies(model, frame)]
    inside = observation == "white-box"
    facets = [t.id for t in atlas.catalog.terms.values() if t.aspect in FACETS and t.applies(model, frame)]
    return [model, frame, observation, *facets, *(t.id for t in fitting if inside or t.symbol != "M1")]


def runnable_graph(atlas: Atlas) -> Graph:
    """Return the graph of the rules that code can carry out."""
    catalog = atlas.catalog
    idle = {entry.id for entry in catalog.acts if entry.run is None}
    idle |= {r.id for r in catalog.implications if r.view is None and catalog.terms[r.yields].handle is not None}
    return Graph((rule for rule in atlas.resolver.graph.rules if rule.id not in idle), catalog.terms)


# -- compare ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Comparison:
    """What one attack needs that another does not, and whether it dominates it. None is what the search did not decide.

    `orderings` are entries on what papers say of the two.
    """

    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    shared: tuple[str, ...]
    first_needs_no_more: bool | None
    second_needs_no_more: bool | None
    figures: tuple[dict[str, Any], ...]
    orderings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the comparison as plain data."""
        return {
            "orderings": list(self.orderings),
            "only_first": list(self.only_first),
            "only_second": list(self.only_second),
            "shared": list(self.shared),
            "first_needs_no_more": self.first_needs_no_more,
            "second_needs_no_more": self.second_needs_no_more,
            "figures": list(self.figures),
            "dominates": self.dominates,
        }

    @property
    def dominates(self) -> str | None:
        """Which attack needs no more and has every comparable figure at least as high, one of them higher."""
        if not self.figures:
            return None
        first_wins = all(f["first"] >= f["second"] for f in self.figures) and any(f["first"] > f["second"] for f in self.figures)
        second_wins = all(f["second"] >= f["first"] for f in self.figures) and any(f["second"] > f["first"] for f in self.figures)
        if first_wins and self.first_needs_no_more:
            return "first"
        return "second" if second_wins and self.second_needs_no_more else None


def compare(atlas: Atlas, first: Attack, second: Attack, limits: Limits = NO_LIMITS) -> Comparison:
    """Return how two attacks compare in what they need, and in the figures reported for both on the same data.

    With limits, an adversary that can mount an attack is one that can do so within them.
    """
    a, b = set(first.needs), set(second.needs)
    orderings: Mapping[str, Any] = atlas.catalog.kinds["orderings"]
    return Comparison(
        tuple(sorted(a - b)),
        tuple(sorted(b - a)),
        tuple(sorted(a & b)),
        _needs_no_more(atlas, first, second, limits),
        _needs_no_more(atlas, second, first, limits),
        tuple(_common_figures(first, second)),
        tuple(sorted(name for name, o in orderings.items() if {o.better, o.worse} == {first.id, second.id})),
    )


def _needs_no_more(atlas: Atlas, attack: Attack, other: Attack, limits: Limits) -> bool | None:
    """Whether every adversary that can mount the other attack can mount this one: so on each minimal environment.

    None if that holds on all that were found, and the search for them was cut short, or if there is no such adversary.
    """
    terms = atlas.catalog.terms
    aspects = [name for name in other.needs if terms[name].aspect in ASPECTS]
    aspects += [name for name, term in terms.items() if term.aspect in FACETS and term.models and set(term.models) & set(aspects)]
    model = next((name for name in aspects if name in MODEL_TYPES), MODEL_TYPES[0])
    threat = ThreatModel("white-box", model, "federated" if "federated" in aspects else "stand-alone", limits=limits)
    environments = atlas.missing(other, threat, aspects, atlas.catalog.grantable)
    if not environments.sets and limits.any:
        return None
    for environment in environments.sets:
        closure = atlas.resolver.closure([*aspects, *environment])
        if goal(attack.id) not in closure:
            return False
        if limits.any and not atlas.stands(attack, threat.with_grants([*aspects, *environment])):
            return False
    return None if environments.truncated else bool(environments.sets)


def _common_figures(first: Attack, second: Attack) -> Iterable[dict[str, Any]]:
    """Yield figures that one table of one work reports for both attacks on the same data by the same metric."""
    for a, b in itertools.product(first.reported, second.reported):
        works = [claim.by or next(iter(attack.cites), None) for claim, attack in ((a, first), (b, second))]
        if works[0] == works[1] and (a.dataset, a.metric, a.where) == (b.dataset, b.metric, b.where):
            yield {
                "dataset": a.dataset,
                "metric": a.metric,
                "first": a.value,
                "second": b.value,
                "work": works[0],
                "where": a.where,
                "settings": [a.setting, b.setting],
            }


# -- the survey's own answer -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SurveyedAnswer:
    """What the survey's row says of an attack, beside what the resolver says."""

    attack: str
    row: str
    feasible: bool
    missing: tuple[str, ...]
    resolved: bool

    def as_json(self) -> dict[str, Any]:
        """Return the answer as plain data."""
        return {
            "id": self.attack,
            "row": self.row,
            "feasible": self.feasible,
            "missing": list(self.missing),
            "resolved": self.resolved,
        }


def symbols(atlas: Atlas, threat: ThreatModel) -> tuple[str, ...]:
    """Return the survey's symbols of what is stated, and of what roles see: the survey names that, and knows no roles."""
    return replace(threat, knows=with_what_roles_see(atlas.catalog, threat.knows)).symbols


def as_surveyed(atlas: Atlas, threat: ThreatModel) -> list[SurveyedAnswer]:
    """Return the answer by the survey's rows alone: observation, model type, frame and symbols, nothing finer."""
    result, known = [], symbols(atlas, threat)
    for row in surveyed_rows(atlas.catalog):
        attack = atlas.catalog.attacks[row.attack]
        surveyed = attack.surveyed
        assert surveyed is not None
        missing = [symbol for symbol in surveyed.knows if symbol not in known]
        missing += [v for v, have in ((surveyed.model, threat.model), (surveyed.frame, threat.frame)) if v != have]
        if surveyed.observation == "white-box" and threat.observation != "white-box":
            missing.append("white-box")
        resolved = isinstance(atlas.answer(attack, threat), Feasible)
        result.append(SurveyedAnswer(attack.id, row.name, not missing, tuple(missing), resolved))
    return result
