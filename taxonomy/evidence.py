"""What was measured, as data: one file an attack in a catalog's folder `evidence`, and how its orderings did. No torch.

A file is stale when its fingerprint is no longer the one that the catalog and the code give today. The fingerprint is read off
entries and source text, so that nothing has to be imported or run to see it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError

from taxonomy import digests, source
from taxonomy.answers import Atlas, runnable_graph
from taxonomy.catalog import Catalog
from taxonomy.entries import Attack, EntryId, Params, Step, Target
from taxonomy.files import UnreadableError, content
from taxonomy.findings import Finding, InputError, nearest, relative
from taxonomy.graph import Price, Rule, goal, price, wanted
from taxonomy.orderings import Ordering, Side
from taxonomy.resolver import Resolver
from taxonomy.terms import Strict
from taxonomy.threat import owner, with_facets

FOLDER = "evidence"
ORDERINGS = "orderings"
# Figures also follow from how models are trained, how they answer, and how scores become figures.
MEASURED_BY = ("attacks.models.training:fit", "attacks.models.training:Model", "attacks.metrics:summarize")

Interval = tuple[float, float]
Digest = Callable[[str], str]
Verdict = Literal["holds", "does not hold", "undecided"]
Role = Literal["power", "other", "null"]


class Average(Strict):
    """Mean over seeds, and its 95 % interval (`attacks.evidence.averages.average` says how)."""

    mean: float
    ci: Interval


class MetricFigures(Strict):
    """What the target's judge found of an attack with another goal than membership, or of an audit's guesses.

    A figure that is itself the end of an interval, such as a lower bound, has no `ci`. `range` is where the figure can lie.
    """

    name: str
    value: float
    ci: Interval | None = None
    chance: float
    range: Interval | None = None
    details: dict[str, float] = Field(default_factory=dict)


class SetFigures(Strict):
    """How an attack does on sets of `size` members and as many non-members (`attacks.metrics.set_membership` says how)."""

    size: int
    set_accuracy: float
    set_accuracy_ci: Interval
    single_accuracy: float
    single_accuracy_ci: Interval


class OnSets(Strict):
    """The same, over seeds."""

    size: int
    set_accuracy: Average
    single_accuracy: Average


class BlindFigures(Strict):
    """What a classifier that never sees the model tells about the target's members: its AUC, and whether it may be chance."""

    auc: float
    auc_ci: Interval
    exchangeable: bool


class SeedFigures(Strict):
    """What one run found: target, shadow models and attack are those of this seed. None is what cannot be resolved."""

    seed: int
    target: dict[str, Any]
    blind_baseline: BlindFigures | None = None
    members: int | None = None
    non_members: int | None = None
    auc: float | None = None
    auc_ci: Interval | None = None
    tpr_at_fpr: dict[str, float | None] = Field(default_factory=dict)
    tpr_at_fpr_ci: dict[str, Interval | None] = Field(default_factory=dict)
    unresolved: dict[str, str] = Field(default_factory=dict)
    balanced_accuracy: float | None = None
    balanced_accuracy_ci: Interval | None = None
    metric: MetricFigures | None = None
    set_membership: SetFigures | None = None
    queries: int
    models: int
    warnings: list[str] = Field(default_factory=list)
    command: str


class OnTarget(Strict):
    """What an attack found out about one target, over seeds.

    `roc` is the mean ROC: at each false positive rate (up to 60, evenly spread on a log scale, none finer than the non-members
    resolve) the mean over seeds of the true positive rate. `metric` is the mean of an attack that is judged by nothing else; a
    bound is not averaged, and stands with each seed only.
    """

    target: EntryId
    role: Role
    fingerprint: str
    auc: Average | None = None
    tpr_at_fpr: dict[str, Average | None] = Field(default_factory=dict)
    metric: Average | None = None
    set_membership: OnSets | None = None
    roc: list[tuple[float, float]] = Field(default_factory=list, max_length=60)
    seeds: list[SeedFigures] = Field(min_length=1)


class Evidence(Strict):
    """What was measured of one attack, with which versions, and at which commit of the code (None outside a checkout)."""

    schema_: Literal[1] = Field(alias="schema")
    attack: EntryId
    versions: dict[str, str]
    commit: str | None = None
    targets: list[OnTarget] = Field(min_length=1)


class SeedDifference(Strict):
    """One seed of an ordering: both figures, their difference and its standard error (paired if on the same records)."""

    seed: int
    better: float
    worse: float
    difference: float
    se: float


class Ordered(Strict):
    """How one ordering did on one target. Without seeds there is a reason why it could not be measured.

    `against` is the target of the worse side, where that is another one.
    """

    ordering: EntryId
    target: EntryId
    against: EntryId | None = None
    fingerprint: str
    difference: Average | None = None
    verdict: Verdict
    unresolved: str | None = None
    seeds: list[SeedDifference] = Field(default_factory=list)


class Orderings(Strict):
    """How all orderings of the catalog did."""

    schema_: Literal[1] = Field(alias="schema")
    versions: dict[str, str]
    commit: str | None = None
    orderings: list[Ordered]


# -- fingerprints ----------------------------------------------------------------------------------------------------------


class Fingerprints:
    """Names what evidence rests on: the code, the parameters and the proof of an attack, and the target's code and parameters.

    Titles, citations, prices and what else a target offers do not count. `digest` gives the hash of the code behind a path.
    """

    def __init__(self, catalog: Catalog, digest: Digest):
        self.catalog, self.digest = catalog, digest
        self.resolver = Resolver(runnable_graph(Atlas(catalog)))
        self.views = {rule.id: rule.view for rule in catalog.implications}

    def proof(self, attack: Attack, target: Target) -> list[Rule]:
        """Return the rules by which the attack alone runs on the target, as `mia run` does; [] if it does not."""
        steps, catalog = self.catalog.steps, self.catalog
        own: dict[str, Params] = {name: wanted(attack, step, step.params) for name, step in steps.items()}

        def pricing(rule: Rule) -> Price:
            entry = steps.get(rule.id) or catalog.attacks.get(rule.id)
            return price(entry.cost, own.get(rule.id, entry.params)) if entry else Price()

        found = self.resolver.derivation([goal(attack.id)], with_facets(catalog, owner(target)).grants, pricing)
        return list(found.rules) if found else []

    def of(self, attack: Attack, target: Target) -> str | None:
        """Return the fingerprint of an attack on a target; None where it cannot run."""
        rules = self.proof(attack, target)
        if not rules or target.run is None:
            return None
        parts = [self._rule(attack, rule) for rule in sorted(rules, key=lambda r: r.id)]
        judged = [self.digest(run) for run in MEASURED_BY]
        return _hash([parts, self.digest(target.run), target.params, judged])

    def models(self, attack: Attack, target: Target) -> int:
        """Return the number of models that the proof trains, the target not counted."""
        found = (self.catalog.steps.get(rule.id) for rule in self.proof(attack, target))
        return sum(price(step.cost, wanted(attack, step, step.params)).models for step in found if step)

    def ordering(self, ordering: Ordering, sides: tuple[Side, Side]) -> str | None:
        """Return the fingerprint of one comparison of an ordering; None where one of its attacks cannot run."""
        both = [self.of(self.catalog.attack(side.attack), self.catalog.target(side.target)) for side in sides]
        settings = [side.settings for side in sides if side.settings]
        return None if None in both else _hash([both, ordering.metric, ordering.within, *settings])

    def _rule(self, attack: Attack, rule: Rule) -> list[Any]:
        entry: Attack | Step | None = self.catalog.steps.get(rule.id) or self.catalog.attacks.get(rule.id)
        if entry is None:
            view = self.views[rule.id]
            return [rule.id, self.digest(view) if view else None, rule.needs, rule.yields]
        assert entry.run is not None
        params = wanted(attack, entry, entry.params) if isinstance(entry, Step) else entry.params
        return [rule.id, self.digest(entry.run), params, rule.needs, rule.yields]


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def code_digests(packages: Iterable[source.Package]) -> Digest:
    """Return a function that gives the hash of the code behind a path, or "missing" for a path that names nothing readable."""
    known, found = list(packages), dict[str, str]()

    def digest(run: str) -> str:
        if run not in found:
            try:
                found[run] = digests.digest(known, run)
            except (LookupError, InputError):
                found[run] = "missing"
        return found[run]

    return digest


# -- files -----------------------------------------------------------------------------------------------------------------

File = TypeVar("File", Evidence, Orderings)


def files(catalog: Catalog) -> Iterator[Path]:
    """Yield the evidence files of every folder of the catalog."""
    for folder in catalog.folders:
        yield from sorted((folder / FOLDER).glob("*.json"))


def _read(model: type[File], path: Path) -> File:
    """Return an evidence file; raise InputError with one sentence if it is none."""
    try:
        return model.model_validate_json(content(path))
    except UnreadableError as error:
        raise InputError(f"the file cannot be read ({error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{place or 'the file'}: {first['msg'][0].lower()}{first['msg'][1:]}") from error


def read(path: Path) -> Evidence | Orderings:
    """Return the evidence in a file, or how orderings did if it is named so; raise InputError if it holds none."""
    return _read(Orderings, path) if path.stem == ORDERINGS else _read(Evidence, path)


def find(catalog: Catalog, attack: str) -> Evidence | None:
    """Return what was measured of an attack, or None; raise InputError if its file is damaged."""
    for path in files(catalog):
        if path.stem == attack:
            try:
                return _read(Evidence, path)
            except InputError as error:
                raise InputError(f"{relative(path)}: {error}") from error
    return None


def find_orderings(catalog: Catalog) -> list[Ordered]:
    """Return how the orderings did; a later folder goes before an earlier one. Raises InputError if a file is damaged."""
    found: dict[tuple[str, str, str | None], Ordered] = {}
    for path in files(catalog):
        if path.stem == ORDERINGS:
            try:
                found |= {(one.ordering, one.target, one.against): one for one in _read(Orderings, path).orderings}
            except InputError as error:
                raise InputError(f"{relative(path)}: {error}") from error
    return list(found.values())


def orderings_of(catalog: Catalog, attack: str) -> list[Ordered]:
    """Return what was measured of the orderings that compare this attack with another."""
    entries: dict[str, Ordering] = catalog.kinds[ORDERINGS]
    mine = {name for name, entry in entries.items() if attack in (entry.better, entry.worse)}
    return [one for one in find_orderings(catalog) if one.ordering in mine]


def stale(fingerprints: Fingerprints, evidence: Evidence) -> list[str]:
    """Return the targets on which the attack, the target or what lies between has changed since it was measured."""
    catalog = fingerprints.catalog
    attack = catalog.attack(evidence.attack)
    return [m.target for m in evidence.targets if fingerprints.of(attack, catalog.target(m.target)) != m.fingerprint]


def check(catalog: Catalog, packages: Iterable[source.Package]) -> Iterator[Finding]:
    """Yield what is wrong with the evidence of a catalog: MIA029 where it is of nothing that exists, MIA028 where it is stale."""
    fingerprints: Fingerprints | None = None
    known = list(packages)
    for path in files(catalog):
        place = relative(path)
        try:
            found = read(path)
        except InputError as error:
            yield Finding("MIA029", str(error), place)
            continue
        unknown = list(_unknown(catalog, found, path.stem))
        if unknown:
            yield from (Finding("MIA029", message, place, hint=hint) for message, hint in unknown)
            continue
        fingerprints = fingerprints or Fingerprints(catalog, code_digests(known))
        again = f"measure again with `mia bench {path.stem}`"
        if isinstance(found, Evidence):
            old, lacking = stale(fingerprints, found), unmeasured(catalog, found)
            message = f"the attack or {', '.join(old)} has changed since it was measured"
        else:
            again = "measure again with `mia bench --only orderings`"
            old, lacking = stale_orderings(fingerprints, found), unmeasured_orderings(catalog, found, path)
            message = f"what was compared has changed since in {', '.join(old)}"
        if old:
            yield Finding("MIA028", message, place, hint=again)
        if lacking:
            yield Finding("MIA028", f"not measured yet: {', '.join(lacking)}", place, hint=again)


def stale_orderings(fingerprints: Fingerprints, found: Orderings) -> list[str]:
    """Return the orderings whose attacks or targets have changed since they were measured."""
    orderings: dict[str, Ordering] = fingerprints.catalog.kinds[ORDERINGS]
    today = {fingerprints.ordering(entry, sides) for entry in orderings.values() for sides in entry.sides()}
    return list(dict.fromkeys(o.ordering for o in found.orderings if o.fingerprint not in today))


def unmeasured(catalog: Catalog, found: Evidence) -> list[str]:
    """Return the targets that the attack's entry names and its evidence lacks."""
    targets = catalog.attack(found.attack).targets
    named = [*targets.power, *targets.others, *([targets.null] if targets.null else [])]
    measured = {m.target for m in found.targets}
    return [name for name in named if name not in measured]


def unmeasured_orderings(catalog: Catalog, found: Orderings, path: Path) -> list[str]:
    """Return the orderings beside a file of evidence (in the same catalog's folder) of which it lacks a target."""
    measured = {(o.ordering, o.target, o.against or o.target) for o in found.orderings}
    entries: dict[str, Ordering] = catalog.kinds[ORDERINGS]
    lacking = [
        name
        for name, entry in entries.items()
        if catalog.documents[name].path.parents[1] == path.parents[1]
        for better, worse in entry.sides()
        if (name, better.target, worse.target) not in measured
    ]
    return list(dict.fromkeys(lacking))


def _unknown(catalog: Catalog, found: Evidence | Orderings, stem: str) -> Iterator[tuple[str, str]]:
    """Yield a message and a hint for every name in evidence that nothing bears."""
    if isinstance(found, Evidence):
        if found.attack != stem:
            yield f"the file is named after {stem}, but is about {found.attack}", ""
        if found.attack not in catalog.attacks:
            yield f"unknown attack {found.attack!r}", nearest(found.attack, catalog.attacks)
        targets = [m.target for m in found.targets]
    else:
        for o in found.orderings:
            if o.ordering not in catalog.kinds[ORDERINGS]:
                yield f"unknown ordering {o.ordering!r}", nearest(o.ordering, catalog.kinds[ORDERINGS])
        targets = [name for o in found.orderings for name in (o.target, o.against) if name]
    for name in dict.fromkeys(targets):
        if name not in catalog.targets:
            yield f"unknown target {name!r}", nearest(name, catalog.targets)
