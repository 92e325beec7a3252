"""What a target offers, and an adversary is granted, once a defense stands: what a defense's code does to grants. No torch.

A service that masks its answers gives nothing else beside them, so what it left in the place of its scores, and the predicted
label, is all that is offered of them; everything else is derived from that by the views of the taxonomy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from taxonomy.catalog import Catalog
from taxonomy.entries import Defense, Params, Target
from taxonomy.findings import InputError, nearest
from taxonomy.graph import Graph, Rule
from taxonomy.parameters import check_range, value_of
from taxonomy.resolver import Resolver
from taxonomy.terms import FACETS
from taxonomy.threat import ThreatModel, owner, with_facets

# What a mask changes, and what it always leaves: the label is the answer itself.
SCORES, LABELS = "Q.scores", "Q.labels"
STATISTICS = "Q.aggregates"
# What a model may be before a defense stands, and not behind it: one with gradients.
DIFFERENTIABLE = "differentiable"
# What a mask may leave in the place of scores, or of statistics: terms whose handles code can make of what it shows
# (attacks/defenses/answers.py, attacks/engine/defending.py).
LEFT = {
    SCORES: (SCORES, "Q.rounded-scores", "Q.noisy-scores", "Q.top-k", LABELS),
    STATISTICS: ("Q.noisy-aggregates", "Q.suppressed-aggregates", "Q.beacon"),
}


@dataclass(frozen=True)
class Applied:
    """A defense with its parameters, and whether the adversary knows of it and applies it to models of its own."""

    defense: Defense
    params: Params
    adaptive: bool = True

    @property
    def masks(self) -> str:
        """What it masks, if it changes answers: scores, or the statistics of a group."""
        return STATISTICS if STATISTICS in self.defense.replaces else SCORES

    @property
    def left(self) -> str | None:
        """The term that stands in the place of what it masks, of a defense that changes what is answered; None of others."""
        changed = self.defense.changes in ("answers", "channel")
        return self.defense.replaces.get(self.masks, self.masks) if changed else None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"id": self.defense.id, "params": dict(self.params), "adaptive": self.adaptive}

    @property
    def code(self) -> tuple[str, ...]:
        """The paths of the code that puts it on a target: its own function, and what hands that on."""
        return str(self.defense.run), *(TRAINED if self.left is None else MASKED)


# By what a defense is put on a target and on an adversary's own models: one that changes the training or the model, or a mask.
TRAINED = ("attacks.defenses.owner:Trained",)
MASKED = tuple(f"attacks.defenses.answers:{name}" for name in ("scores_shown", "label_shown", "answering"))


# Handles of models that stand for the target, or that train such: these an adversary masks too who knows of a mask.
STAND_INS = ("shadow_models", "reference_models", "trainer")


def imitated(catalog: Catalog, applied: Applied, rules: Iterable[Rule]) -> bool:
    """Return whether a proof is carried out in another way by who knows of a defense than by who does not.

    Of a mask that is so where the proof asks for answers that are masked, and has models of the adversary's own to mask alike.
    """
    if applied.left is None:
        return applied.adaptive
    rules = list(rules)
    needs = {need for rule in rules for need in rule.needs}
    asked = applied.left != LABELS and applied.left in needs - {rule.yields for rule in rules}
    return applied.adaptive and asked and any(catalog.terms[need].handle in STAND_INS for need in needs)


def apply(catalog: Catalog, name: str, settings: Mapping[str, str], *, adaptive: bool = True) -> Applied:
    """Return a defense by its id with what the user set; raise InputError for a bad name or value, or one without code."""
    defense = catalog.defense(name)
    if defense.run is None:
        raise InputError(
            f"the defense {name} has no code: a function must be written that puts it on a target, and named under `run` in its "
            'entry (CONTRIBUTING.md, "A defense"); mia defenses says which of the others have one'
        )
    params = dict(defense.params)
    for parameter, text in settings.items():
        if parameter not in params:
            raise InputError(f"{name} has no parameter {parameter!r}: {nearest(parameter, params) or 'it has none'}")
        params[parameter] = value_of(f"{name}.{parameter}", text, params[parameter])
    for parameter in params:
        check_range(defense, parameter, params[parameter])
    return Applied(defense, params, adaptive)


@dataclass(frozen=True)
class Took:
    """What a defense on a target took away, and what it left in place of it: None where there is no such thing."""

    defense: str
    terms: set[str]
    left: str | None

    def told(self, needed: set[str], enough: bool) -> str:
        """Return what it took of what an attack would need, to be added to a sentence, or what it left if that is `enough`."""
        lost = sorted(needed & self.terms)
        if lost and enough:
            return f", of which {self.defense} leaves {self.left}"
        return f", and {self.defense} takes {' and '.join(lost)} away" if lost else ""


def taken(catalog: Catalog, entry: Target, applied: Applied) -> set[str]:
    """Return what a target offers no more once a defense stands; what is poorer, and left in its place, is there anew."""
    return {*entry.offers} - {*target(catalog, entry, applied).offers}


def of_uploads(entry: Target, defense: Defense) -> bool:
    """Return whether a defense is about how the uploads of a federation are added up: then the terms say all that it does."""
    return defense.changes == "channel" and entry.frame == "federated"


def from_outside(entry: Target, applied: Applied) -> bool:
    """Return whether a defense changes what the target's service answers, and nothing for who holds the model."""
    return applied.left is not None and not of_uploads(entry, applied.defense)


def inside(catalog: Catalog, entry: Target) -> set[str]:
    """Return what a target offers to nobody outside: the model itself, and seats in the federation."""
    return {term for term in entry.offers if catalog.terms[term].symbol == "M1" or catalog.terms[term].aspect == "role"}


def outside(catalog: Catalog, entry: Target) -> Target:
    """Return the entry of a target as it offers itself to somebody outside."""
    withheld = inside(catalog, entry)
    return entry.model_copy(update={"offers": [term for term in entry.offers if term not in withheld]}) if withheld else entry


def target(catalog: Catalog, entry: Target, applied: Applied) -> Target:
    """Return the entry of a defended target: what it still offers. Raises InputError if the defense does not fit the target."""
    defense = applied.defense
    _check_fit(catalog, entry, defense)
    taken = {*defense.withdraws, *defense.replaces}
    left = [defense.replaces[term] for term in entry.offers if term in defense.replaces]
    if applied.left is not None and not of_uploads(entry, defense):
        taken |= _service(catalog, entry, applied)
        left = [applied.left, *([LABELS] if LABELS in entry.offers else []), *left]
    offers = list(dict.fromkeys([*(term for term in entry.offers if term not in taken), *left]))
    return entry.model_copy(update={"offers": offers, DIFFERENTIABLE: entry.differentiable and DIFFERENTIABLE not in taken})


def faced(
    catalog: Catalog, entry: Target, applied: Applied | None, stated: ThreatModel | None = None
) -> tuple[Target, ThreatModel]:
    """Return the entry of a target as it stands, and who faces it: as stated, with what the defense leaves of the grants.

    If nothing was stated, the adversary is granted all that the target offers. Of one that masks its answers these are the
    answers and what is known besides: who holds the model itself, or a seat in the federation, asks past the mask.
    """
    if applied is None:
        return entry, stated or owner(entry)
    after, defense = target(catalog, entry, applied), applied.defense
    if from_outside(entry, applied) and not (stated and inside(catalog, after) & stated.knows):
        after = outside(catalog, after)
    if stated is None:
        return after, owner(after)
    kept = {defense.replaces.get(term, term) for term in stated.knows if term not in defense.withdraws}
    return after, replace(stated, knows=frozenset(kept))


def _check_fit(catalog: Catalog, entry: Target, defense: Defense) -> None:
    is_target = {entry.model, entry.frame, *with_facets(catalog, owner(entry)).facets}
    if lacking := [term for term in defense.fits if term not in is_target]:
        raise InputError(f"{defense.id} is for targets that are {_listed(defense.fits)}; {entry.id} is not {_listed(lacking)}")
    applied = Applied(defense, {})
    if applied.left is not None and not of_uploads(entry, defense) and applied.masks not in entry.offers:
        raise InputError(f"{defense.id} masks {applied.masks}, which {entry.id} does not offer")


def _listed(terms: list[str]) -> str:
    return " and ".join(terms)


def _service(catalog: Catalog, entry: Target, applied: Applied) -> set[str]:
    """Return the answers that are masked with others; raise InputError for one from which what is masked follows as it was."""
    masked = applied.masks
    graph = Graph.of(catalog)
    exact = Resolver(Graph((rule for rule in graph.rules if not rule.weaker), catalog.terms))
    every = Resolver(graph)
    of_masked, found = every.closure([masked]), {masked}
    for term in entry.offers:
        if catalog.terms[term].aspect != "query" or term == masked:
            continue
        facets = [entry.model, entry.frame, *with_facets(catalog, owner(entry)).facets]
        if masked in exact.closure([term, *facets]):
            raise InputError(
                f"{applied.defense.id} hides nothing of {entry.id}: it also offers {term}, from which {masked} follow unmasked"
            )
        if term in of_masked or masked in every.closure([term]):
            found.add(term)
    return found


def wrong_in(catalog: Catalog, defense: Defense) -> tuple[str, str] | None:
    """Return the key at which an entry says what no code can do, and why; None where all is well."""
    kinds = (*FACETS, "model-type", "frame")
    for term in defense.fits:
        if catalog.terms[term].aspect not in kinds:
            known = ", ".join(name for name, one in catalog.terms.items() if one.aspect in kinds)
            return "fits", f"{term} says nothing of what a target is; that do {known}"
    for term in defense.withdraws:
        if catalog.terms[term].aspect in kinds and term != DIFFERENTIABLE:
            return "withdraws", f"{term} is what a target is, and no grant; of that a defense can only take away {DIFFERENTIABLE}"
    for term in sorted(LEFT.keys() & {*defense.withdraws}):
        if defense.run and defense.changes == "answers":
            poorest = LEFT[term][-1]
            return "withdraws", f"code that masks {term} leaves something poorer: say what, e.g. replaces: {{{term}: {poorest}}}"
    applied = Applied(defense, {})
    left, can = applied.left, LEFT[applied.masks]
    if defense.run and left is not None and left not in can:
        return "replaces", f"code can leave {', '.join(can)} in the place of {applied.masks}, and {left} is none of them"
    return None
