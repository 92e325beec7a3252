"""ThreatModel: what an adversary is granted. Reading of bare symbols, contradictions, projection."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from taxonomy.entries import Guarantee, Limits, ReadyThreatModel, Setting, SurveyRow, Target
from taxonomy.findings import InputError, unknown
from taxonomy.terms import FRAMES, MODEL_TYPES, OBSERVATIONS, SYMBOLS

if TYPE_CHECKING:
    from taxonomy.catalog import Catalog


@dataclass(frozen=True)
class ThreatModel:
    """Terms granted to an adversary, with limits. The same type serves questions, papers and the survey."""

    observation: str
    model: str
    frame: str = "stand-alone"
    knows: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)
    guarantee: Guarantee | None = None

    def with_grants(self, grants: Iterable[str]) -> ThreatModel:
        """Return the same adversary with these grants instead of its own; aspects among them count as its own."""
        return replace(self, knows=frozenset(grants) - set(self.aspects))

    @property
    def aspects(self) -> tuple[str, ...]:
        """What frames the threat model and cannot be withdrawn."""
        return self.observation, self.model, self.frame

    @property
    def grants(self) -> list[str]:
        """Aspects, roles and stated terms, sorted, without implied terms."""
        return sorted({*self.aspects, *self.knows})

    @property
    def symbols(self) -> tuple[str, ...]:
        """The projection on the survey's symbols: set arithmetic on the first segment of stated terms."""
        heads = {term.split(".")[0] for term in self.knows}
        return tuple(symbol for symbol in SYMBOLS if symbol in heads)

    def as_json(self) -> dict[str, Any]:
        """Return the threat model as plain data."""
        return {
            "observation": self.observation,
            "knows": sorted(self.knows),
            "model": self.model,
            "frame": self.frame,
            "limits": {"queries": self.limits.queries, "models": self.limits.models, "rows": self.limits.rows},
            "guarantee": self.guarantee.model_dump(mode="json") if self.guarantee else None,
            "grants": self.grants,
        }

    @classmethod
    def of(cls, stated: Setting | SurveyRow | ReadyThreatModel) -> ThreatModel:
        """Return what an entry states, word for word; readings are not applied."""
        ready = stated if isinstance(stated, ReadyThreatModel) else None
        limits, guarantee = (ready.limits, ready.guarantee) if ready else (Limits(), None)
        return cls(stated.observation, stated.model, stated.frame, frozenset(stated.knows), limits, guarantee)


def owner(target: Target) -> ThreatModel:
    """Return the threat model of someone who is granted all that the target offers."""
    inside = any(term.startswith("M1") for term in target.offers)
    return ThreatModel("white-box" if inside else "black-box", target.model, target.frame, frozenset(target.offers))


def with_what_roles_see(catalog: Catalog, terms: Iterable[str]) -> frozenset[str]:
    """Return the terms, and what follows from the roles among them alone: only the target can show it to who has the role."""
    stated = frozenset(terms)
    roles = {term for term in stated if catalog.terms[term].aspect == "role"}
    return stated | {rule.yields for rule in catalog.implications if roles.issuperset(rule.needs)}


def from_user(
    catalog: Catalog,
    *,
    observation: str | None,
    model: str | None,
    frame: str | None = None,
    knows: Iterable[str] = (),
    queries: int | None = None,
    models: int | None = None,
    rows: int | None = None,
    guarantee: Guarantee | None = None,
) -> ThreatModel:
    """Read what a user typed: apply the readings of taxonomy.yaml, refuse unknown and contradictory terms.

    Raises InputError with the nearest valid name, or with the reason.
    """
    _must_be("observation", observation, OBSERVATIONS)
    _must_be("model type", model, MODEL_TYPES)
    frame = frame or "stand-alone"
    _must_be("frame", frame, FRAMES)
    assert observation is not None and model is not None
    for name, limit in (("queries", queries), ("models", models), ("rows", rows)):
        if limit is not None and limit < 0:
            raise InputError(f"the limit --{name} must be at least 0 (found {limit})")
    stated = set(knows)
    for term in sorted(stated):
        if term not in catalog.terms:
            raise unknown("term", term, [*catalog.grantable, *SYMBOLS])
    typed, stated = stated, _read(catalog, observation, model, stated)
    for term in sorted(stated):
        if not catalog.terms[term].grantable:
            raise InputError(f"{term} cannot be granted: {_why_not_grantable(catalog, term)}")
    limits = Limits(queries=queries, models=models, rows=rows)
    threat = ThreatModel(observation, model, frame, frozenset(stated), limits, guarantee)
    reasons = contradictions(catalog, threat, typed)
    if reasons:
        raise InputError("the threat model contradicts itself: " + "; ".join(reasons))
    return threat


def _must_be(what: str, value: str | None, valid: tuple[str, ...]) -> None:
    if value is None:
        flag = "--model" if what == "model type" else f"--{what}"
        raise InputError(f"the threat model states no {what}: add {flag} ({', '.join(valid)}), or --threat-model ID")
    if value not in valid:
        raise unknown(what, value, valid)


def _why_not_grantable(catalog: Catalog, term: str) -> str:
    aspect = catalog.terms[term].aspect
    if aspect == "artifact":
        return "it is an artifact that the adversary makes; grant what its steps need"
    if aspect in ("observation", "model-type", "frame"):
        return "it is an aspect; state it with --observation, --model or --frame"
    return "it has no reading for this model type"


def _read(catalog: Catalog, observation: str, model: str, stated: set[str]) -> set[str]:
    """Replace every bare symbol, and the observation, by what taxonomy.yaml says they mean."""
    result = set(stated)
    read = set[str]()
    for reading in catalog.readings:
        symbol = reading.symbol
        if symbol in read or (reading.models is not None and model not in reading.models):
            continue
        if symbol != observation and symbol not in stated:
            continue
        read.add(symbol)
        result.discard(symbol)
        refined = {term.split(".")[0] for term in with_what_roles_see(catalog, stated)}
        if reading.unless_stated not in refined:
            result.update(reading.means)
    return result


def contradictions(catalog: Catalog, threat: ThreatModel, typed: Collection[str] | None = None) -> list[str]:
    """Return why no adversary can be like this; empty if one can.

    `typed` is what a user wrote, if it was read: what stands in the threat model without it is explained.
    """
    knows, reasons = threat.knows, []
    white = sorted(term for term in knows if catalog.terms[term].symbol == "M1")
    if threat.observation == "black-box" and white:
        reasons.append(f"black-box with {', '.join(white)}, which is what white-box means")
    if threat.observation == "white-box" and threat.model == "aggregate":
        reasons.append("white-box on published statistics, which have no inside")
    for term in sorted(knows):
        if not catalog.terms[term].applies(threat.model, threat.frame):
            article = "an" if threat.model[0] in "aeiou" else "a"
            where = f"{article} {threat.model} model in the {threat.frame} frame"
            reasons.append(f"{term} does not apply to {where}{_whence(catalog, threat, term, typed)}")
    roles = {"participant", "server"} & knows
    if "active" in knows and not roles:
        reasons.append("active without a role: add participant or server")
    if "M1.updates" in knows and roles == {"participant"}:
        reasons.append("M1.updates with participant alone: a participant never sees another's upload")
    return reasons


def _whence(catalog: Catalog, threat: ThreatModel, term: str, typed: Collection[str] | None) -> str:
    """Return from what a term was read that nobody typed."""
    if typed is None or term in typed:
        return ""
    symbols = [r.symbol for r in catalog.readings if term in r.means and r.symbol in {threat.observation, *typed}]
    return f", and it follows from {symbols[0]}" if symbols else ""


@dataclass(frozen=True)
class Fit:
    """How further grants fit a threat model: the observation that they need instead of its own, and what else contradicts."""

    observation: str | None
    contradictions: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Whether an adversary as stated can have them."""
        return self.observation is None and not self.contradictions

    def __str__(self) -> str:
        remarks = [f"needs {self.observation} observation"] if self.observation else []
        remarks += [f"contradicts itself: {reason}" for reason in self.contradictions]
        return f" ({'; '.join(remarks)})" if remarks else ""


def fit(catalog: Catalog, threat: ThreatModel, terms: Iterable[str]) -> Fit:
    """Return how further grants fit a threat model."""
    terms = frozenset(terms)
    inside = any(catalog.terms[term].symbol == "M1" for term in terms)
    observation = "white-box" if inside and threat.observation == "black-box" else None
    granted = replace(threat, observation=observation or threat.observation, knows=threat.knows | terms)
    return Fit(observation, tuple(contradictions(catalog, granted)))
