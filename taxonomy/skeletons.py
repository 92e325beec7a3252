"""What a new entry must say to be right at once: its aspects, a setting under which it is feasible, and targets that test it."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import yaml

from taxonomy.answers import Atlas, runnable_graph
from taxonomy.catalog import Catalog
from taxonomy.check import CANDIDATES
from taxonomy.code_checks import SEED
from taxonomy.entries import Attack, Target
from taxonomy.findings import InputError, quoted, unknown
from taxonomy.graph import Graph, goal
from taxonomy.resolver import Resolver
from taxonomy.terms import FRAMES, MODEL_TYPES, SYMBOLS
from taxonomy.threat import ThreatModel, contradictions, owner, with_facets

ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
TERM = re.compile(r"[A-Za-z][A-Za-z0-9]*([.-][A-Za-z0-9]+)*")
LONGEST = 60
# Who alters what is exchanged has one of these roles.
ROLES = ((), ("participant",), ("server",), ("secure-aggregation",))
# So many ways to have what is missing are weighed against each other.
WEIGHED = 40


@dataclass(frozen=True)
class Framed:
    """What a new rule needs, with the model type and frame that its terms belong to; `stated` are those that were put in."""

    needs: tuple[str, ...]
    model: str
    frame: str
    stated: tuple[str, ...]


@dataclass(frozen=True)
class Tested:
    """A new attack: what it needs, what an adversary knows that makes it feasible, a target to run it on, and a control."""

    framed: Framed
    observation: str
    knows: tuple[str, ...]
    target: str
    null: str


def new_id(catalog: Catalog, name: str) -> None:
    """Raise InputError unless an id has the right form and nothing bears it."""
    if not ID.fullmatch(name) or len(name) > LONGEST:
        meant = "-".join(re.findall(r"[a-z0-9]+", name.lower()))[:LONGEST].strip("-")
        hint = f", e.g. {meant}" if meant else ""
        raise InputError(f"{quoted(name)} is no id: small letters and digits, in words joined by '-', at most {LONGEST}{hint}")
    if not name[0].isalpha() or not isinstance(yaml.safe_load(name), str):
        raise InputError(f"{quoted(name)} is no id: YAML may read it as no text; begin with a word, e.g. my-{name}")
    if name in catalog.entries or name in catalog.terms:
        raise InputError(f"the id {name} is taken: mia show {name}")


def known(catalog: Catalog, names: Iterable[str]) -> list[str]:
    """Return terms as they were named, each once; raise InputError for a name that no term bears, and if there is none."""
    found = list(dict.fromkeys(names))
    for name in found:
        if name not in catalog.terms:
            raise unknown("term", name, catalog.terms)
    return found


def framed(catalog: Catalog, needs: Sequence[str], *, state: bool) -> list[Framed]:
    """Return every reading of what a rule needs: model type and frame are put in where its terms belong to one alone.

    With `state` the model type is always put in. Raises InputError for what no rule may need, for terms that no model has
    together, and for two that are one argument.
    """
    graph = Graph.of(catalog)
    for name in needs:
        term = catalog.terms[name]
        if term.aspect == "observation" or name == "stand-alone":
            raise InputError(f"no rule may need {name}: gaining a capability must never hurt")
        if term.reading and not graph.yielded_by[graph.index[name]]:
            finer = sorted(other for other in catalog.terms if other.startswith(f"{name}."))
            raise InputError(f"no rule may need {name}, a bare symbol: name a refinement ({', '.join(finer)})")
    _one_argument_each(catalog, needs)
    terms = [catalog.terms[name] for name in needs]
    models = [m for m in MODEL_TYPES if all((t.models is None or m in t.models) and _is(t.id, m, MODEL_TYPES) for t in terms)]
    frames = [f for f in FRAMES if all((t.frames is None or f in t.frames) and _is(t.id, f, FRAMES) for t in terms)]
    if not models or not frames:
        kind, names = ("models", MODEL_TYPES) if not models else ("frames", FRAMES)
        raise InputError(f"nothing has all of {', '.join(needs)}: " + _belong(catalog, needs, kind, names))
    found = []
    for frame in frames:
        for model in models:
            belongs = len(models) == 1 and _belong(catalog, needs, "models", ()) != ""
            stated = [model] if model not in needs and (state or belongs) else []
            stated += ["federated"] if frames == ["federated"] and "federated" not in needs else []
            first = [name for name in (*stated, *needs) if name in (*MODEL_TYPES, *FRAMES)]
            rest = [name for name in needs if name not in first]
            found.append(Framed((*first, *rest), model, frame, tuple(stated)))
    return found


def _is(name: str, value: str, names: Sequence[str]) -> bool:
    return name not in names or name == value


def _belong(catalog: Catalog, needs: Sequence[str], kind: str, names: Sequence[str]) -> str:
    """Return in words which of the terms belong to some model types or frames only."""
    found = [(name, [name] if name in names else getattr(catalog.terms[name], kind)) for name in needs]
    return ", ".join(f"{name} is {' or '.join(which)}" for name, which in found if which)


def _one_argument_each(catalog: Catalog, needs: Sequence[str]) -> None:
    names: dict[str, str] = {}
    for need in needs:
        handle = catalog.terms[need].handle
        if handle and names.setdefault(handle, need) != need:
            raise InputError(f"{names[handle]} and {need} are one argument ({handle}); need one of them")


def attack(catalog: Catalog, name: str, needs: Sequence[str]) -> Tested:
    """Return what an entry of a new attack says; raise InputError where no adversary, or no target, has all that it needs."""
    problems = []
    for one in framed(catalog, needs, state=True):
        entry = Attack(schema=1, id=name, title=name, summary=name, needs=list(one.needs), run="attacks:new")
        with_it = replace(catalog, kinds={**catalog.kinds, "attacks": {name: entry}})
        found = _targets(catalog, with_it, one, name)
        if not isinstance(found, tuple):
            problems.append(found)
            continue
        target, null = found
        setting = _setting(with_it, one, name, target)
        if setting is not None:
            return Tested(one, *setting, target.id, null.id)
        problems.append(f"no adversary has all of {', '.join(one.needs)}")
    raise InputError(problems[0])


def _targets(catalog: Catalog, with_it: Catalog, one: Framed, name: str) -> tuple[Target, Target] | str:
    """Return a target on which the attack can run, with a control: the pair on which most attacks are tested; or why not."""
    atlas = Atlas(with_it)
    resolver = Resolver(runnable_graph(atlas))
    fitting = [t for t in catalog.targets.values() if t.run and (t.model, t.frame) == (one.model, one.frame)]
    has = {t.id: {*resolver.closure(with_facets(catalog, owner(t)).grants), *_facets(catalog, t)} for t in fitting}
    new = with_it.attacks[name]
    suited = [t for t in fitting if goal(name) in has[t.id] and atlas.inapplicable(new, owner(t)) is None]
    pairs = Counter[tuple[str, str | None]]()
    for other in catalog.attacks.values():
        if other.goal == "membership":
            # Where others work, there is something to find; that decides before the number of attacks without a claim.
            pairs.update({(target, other.targets.null): 3 for target in other.targets.power})
            pairs.update((target, other.targets.null) for target in other.targets.others)
    found = [
        (target, null)
        for target in suited
        for null in suited
        if null.control and not target.control and any(null.id == other for _, other in pairs)
    ]
    if found:
        # What a setting says that is silent on what the model answers, the target should answer.
        own = [need for need in one.needs if catalog.terms[need].grantable]
        usual = {facet for facet in _threat(catalog, one, own).facets if catalog.terms[facet].aspect == "answers"}
        rank = {t.id: usual.isdisjoint(_facets(catalog, t)) for t in suited}
        return min(found, key=lambda pair: (rank[pair[0].id], -pairs[pair[0].id, pair[1].id], pair[0].id, pair[1].id))
    what = "control" if any(not t.control for t in suited) else "target"
    lacks = {t.id: [need for need in one.needs if need not in has[t.id]] for t in fitting if t.control == (what == "control")}
    nearest = min((t for t in lacks if lacks[t]), key=lambda t: (len(lacks[t]), t), default=None)
    hint = f"; {nearest} lacks {', '.join(lacks[nearest])}" if nearest else ""
    return f"no {what} of the catalog offers all of {', '.join(one.needs)}, so nothing could test the attack{hint}"


def _facets(catalog: Catalog, target: Target) -> frozenset[str]:
    return with_facets(catalog, owner(target)).facets


def _setting(catalog: Catalog, one: Framed, name: str, target: Target) -> tuple[str, tuple[str, ...]] | None:
    """Return the observation and the terms of a setting under which the attack is feasible and nothing is idle."""
    atlas = Atlas(catalog)
    resolver, own = atlas.resolver, [need for need in one.needs if catalog.terms[need].grantable]
    offered = resolver.closure(with_facets(catalog, owner(target)).grants)
    best: tuple[tuple[int, int, str, int, tuple[str, ...]], ThreatModel] | None = None
    for role in ROLES:
        if best is not None or not all(
            term in catalog.terms and catalog.terms[term].applies(one.model, one.frame) for term in role
        ):
            continue
        base = _threat(catalog, one, [*own, *role])
        sets = resolver.missing(goal(name), base.grants, atlas.grantable(base)).sets
        fitting = [terms for terms in sets if offered.issuperset(terms)] or list(sets)
        for terms in fitting[:WEIGHED]:
            threat = _threat(catalog, one, [*base.knows, *terms])
            proof = resolver.derivation([goal(name)], threat.grants)
            if contradictions(catalog, threat) or proof is None:
                continue
            weaker, follows = sum(rule.weaker for rule in proof.rules), len(resolver.closure(threat.grants))
            rank = weaker, len(terms), threat.observation, follows, terms
            if best is None or rank < best[0]:
                best = rank, threat
    if best is None:
        return None
    threat = _without_idle(catalog, resolver, one, goal(name), best[1])
    first = [need for need in one.needs if need in threat.knows]
    return threat.observation, (*first, *sorted(threat.knows - set(first)))


def _threat(catalog: Catalog, one: Framed, knows: Sequence[str]) -> ThreatModel:
    inside = any(catalog.terms[term].symbol == "M1" for term in knows)
    return with_facets(catalog, ThreatModel("white-box" if inside else "black-box", one.model, one.frame, frozenset(knows)))


def _without_idle(catalog: Catalog, resolver: Resolver, one: Framed, wanted: str, threat: ThreatModel) -> ThreatModel:
    """Return the setting without terms that change neither feasibility nor what can be made."""
    artifacts = {term.id for term in catalog.terms.values() if term.aspect == "artifact"}
    for term in sorted(threat.knows, key=lambda term: (term in one.needs, term)):
        less = _threat(catalog, one, sorted(threat.knows - {term}))
        closure, rest = resolver.closure(threat.grants), resolver.closure(less.grants)
        if wanted in rest and closure & artifacts == rest & artifacts and not contradictions(catalog, less):
            threat = less
    return threat


def step(catalog: Catalog, needs: Sequence[str], yields: str) -> Framed:
    """Return what an entry of a new step needs; raise InputError where no adversary has it, or it yields what no step may."""
    if not TERM.fullmatch(yields) or len(yields) > LONGEST:
        raise InputError(f"{quoted(yields)} is no term: words joined by '-' or '.', at most {LONGEST}, e.g. shadow-data.rare")
    if yields in needs:
        raise InputError(f"the step needs {yields}, which it is to yield")
    if yields in catalog.terms and catalog.terms[yields].aspect != "artifact":
        raise InputError(f"a step yields an artifact, and {yields} is none")
    if yields not in catalog.terms and yields.split(".")[0] in SYMBOLS:
        raise unknown("term", yields, (term.id for term in catalog.terms.values() if term.aspect == "artifact"))
    resolver = Resolver(Graph.of(catalog))
    for one in framed(catalog, needs, state=False):
        everything = _threat(catalog, one, [])
        grants = {*Atlas(catalog, resolver.graph).grantable(everything), *everything.grants, *one.needs}
        artifacts = {need for need in one.needs if catalog.terms[need].aspect == "artifact"}
        if resolver.closure(grants - artifacts).issuperset(one.needs):
            return one
    raise InputError(f"no adversary has all of {', '.join(needs)}")


def handle_of(catalog: Catalog, term: str) -> str:
    """Return the handle of a term, or that of a new artifact: its name in front of the first dot, as all of its grades have."""
    if term in catalog.terms:
        return catalog.terms[term].handle or ""
    root = term.split(".")[0]
    name = root.replace("-", "_").lower()
    others = [other.id for other in catalog.terms.values() if other.handle == name and other.id.split(".")[0] != root]
    if others or name in (CANDIDATES, SEED) or keyword.iskeyword(name):
        whose = f"that of {others[0]}" if others else "taken"
        raise InputError(f"the argument {name} is {whose}; call the new term something else")
    return name
