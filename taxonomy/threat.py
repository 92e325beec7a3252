"""ThreatModel: what an adversary is granted. Reading of bare symbols, contradictions, projection."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from taxonomy.entries import Guarantee, Limits, ReadyThreatModel, Setting, SurveyRow, Target
from taxonomy.findings import InputError, unknown
from taxonomy.terms import ANSWERS, ANSWERS_OF_TEXT, FACETS, FRAMES, MODEL_TYPES, OBSERVATIONS, RECORDED, SYMBOLS

if TYPE_CHECKING:
    from taxonomy.catalog import Catalog
    from taxonomy.terms import Reading


@dataclass(frozen=True)
class ThreatModel:
    """Terms granted to an adversary, with limits. The same type serves questions, papers and the survey.

    `answers`, `records` and `differentiable` are what was stated of the model, `stage` and `granularity` what was stated of the
    records that are asked about; `facets` are these aspects after reading (`with_facets`), and empty before; `said` are those of
    them that do not follow from the model type alone. With `recorded` answers no question can depend on an earlier one. `prior`
    is the share of members among those who are accused or cleared: it makes nothing feasible, and says what an accusation is
    worth.
    """

    observation: str
    model: str
    frame: str = "stand-alone"
    knows: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)
    guarantee: Guarantee | None = None
    answers: frozenset[str] = frozenset()
    records: frozenset[str] = frozenset()
    differentiable: bool = True
    stage: frozenset[str] = frozenset()
    granularity: frozenset[str] = frozenset()
    recorded: bool = False
    prior: float | None = None
    facets: frozenset[str] = field(default=frozenset(), compare=False)
    said: frozenset[str] = field(default=frozenset(), compare=False)

    def with_grants(self, grants: Iterable[str]) -> ThreatModel:
        """Return the same adversary with these grants instead of its own; aspects among them count as its own."""
        return replace(self, knows=frozenset(grants) - set(self.aspects))

    @property
    def aspects(self) -> tuple[str, ...]:
        """What frames the threat model, and says what is attacked, and cannot be withdrawn."""
        said = self.answers | self.records | self.stage | self.granularity | self.said
        return self.observation, self.model, self.frame, *sorted(said | ({RECORDED} if self.recorded else set()))

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
            "answers": sorted(self.answers),
            "records": sorted(self.records),
            "differentiable": self.differentiable,
            "stage": sorted(self.stage),
            "granularity": sorted(self.granularity),
            "recorded": self.recorded,
            "prior": self.prior,
            "limits": {"queries": self.limits.queries, "models": self.limits.models, "rows": self.limits.rows},
            "guarantee": self.guarantee.model_dump(mode="json") if self.guarantee else None,
            "grants": self.grants,
        }

    @classmethod
    def of(cls, stated: Setting | SurveyRow | ReadyThreatModel) -> ThreatModel:
        """Return what an entry states, word for word; readings are not applied."""
        found = cls(stated.observation, stated.model, stated.frame, frozenset(stated.knows))
        if not isinstance(stated, ReadyThreatModel):
            return found
        found = replace(found, limits=stated.limits, guarantee=stated.guarantee, recorded=stated.recorded, prior=stated.prior)
        return replace(
            found,
            answers=frozenset(stated.answers),
            records=frozenset(stated.records),
            differentiable=stated.differentiable,
            stage=frozenset(stated.stage),
            granularity=frozenset(stated.granularity),
        )


def owner(target: Target) -> ThreatModel:
    """Return the threat model of someone who is granted all that the target offers."""
    inside = any(term.startswith("M1") for term in target.offers)
    observation = "white-box" if inside else "black-box"
    return about(target, ThreatModel(observation, target.model, target.frame, frozenset(target.offers)))


def about(target: Target, threat: ThreatModel) -> ThreatModel:
    """Return a threat model with what the target is: what it answers, what its records are, whether it has gradients."""
    return replace(
        threat,
        answers=threat.answers or frozenset(target.answers),
        records=threat.records or frozenset(target.records),
        differentiable=threat.differentiable and target.differentiable,
        recorded=threat.recorded or target.recorded,
        facets=frozenset(),
        said=frozenset(),
    )


def with_facets(catalog: Catalog, threat: ThreatModel) -> ThreatModel:
    """Return the threat model with its facets: what is stated, and what is read where nothing is.

    What the model answers is what terms say that belong to one kind of answer alone, else what models of its type answer; a
    record is of any kind; a model is differentiable; records went in at any stage, and a candidate is anything.
    """
    if threat.facets:
        return threat
    known = {name: term for name, term in catalog.terms.items() if term.aspect in FACETS}
    answers = threat.answers or _answers(catalog, threat)
    facets = set(answers)
    for aspect, stated in (("records", threat.records), ("stage", threat.stage), ("granularity", threat.granularity)):
        facets |= stated or {name for name, term in known.items() if term.aspect == aspect}
    facets |= {name for name, term in known.items() if term.aspect == "differentiable" and threat.differentiable}
    kept = frozenset(n for n in facets if n in threat.answers or (n in known and known[n].applies(threat.model, "")))
    return replace(threat, facets=kept, said=kept & answers - {ANSWERS.get(threat.model, "")})


def _answers(catalog: Catalog, threat: ThreatModel) -> set[str]:
    """Return what a model answers of which it is not stated."""
    said = (catalog.terms[name].answers for name in threat.knows if name in catalog.terms)
    if alone := {answers[0] for answers in said if answers and len(answers) == 1}:
        return alone
    usual = _of_text(threat.model, threat.records) or ANSWERS.get(threat.model)
    return {usual} if usual else set()


def _of_text(model: str, records: frozenset[str]) -> str | None:
    """Return what a model of this type answers if its records are texts and nothing else is stated."""
    return ANSWERS_OF_TEXT.get(model) if records == {"text"} else None


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
    answers: Iterable[str] = (),
    records: Iterable[str] = (),
    differentiable: bool = True,
    stage: Iterable[str] = (),
    granularity: Iterable[str] = (),
    recorded: bool = False,
    prior: float | None = None,
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
    if prior is not None and not 0 < prior < 1:
        raise InputError(f"--prior must lie between 0 and 1, e.g. 0.01 where one in a hundred is a member (found {prior:g})")
    kinds = frozenset(answers), frozenset(records)
    about = {"stage": frozenset(stage), "granularity": frozenset(granularity)}
    for aspect, names in {"answers": kinds[0], "records": kinds[1], **about}.items():
        valid = [term.id for term in catalog.terms.values() if term.aspect == aspect]
        for name in sorted(names - set(valid)):
            raise unknown(f"value of --{aspect}", name, valid)
    text = _of_text(model, kinds[1])
    typed, stated = stated, _read(catalog, observation, model, stated, kinds[0] or frozenset([text] if text else ()))
    for term in sorted(stated):
        if not catalog.terms[term].grantable:
            raise InputError(f"{term} cannot be granted: {_why_not_grantable(catalog, term)}")
    limits = Limits(queries=queries, models=models, rows=rows)
    threat = ThreatModel(observation, model, frame, frozenset(stated), limits, guarantee, *kinds, differentiable)
    threat = replace(threat, stage=about["stage"], granularity=about["granularity"], recorded=recorded, prior=prior)
    threat = with_facets(catalog, threat)
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
    if aspect in ("stage", "granularity"):
        return f"it says what is asked about; state it with --{aspect}"
    if aspect == "asking":
        return "state with --recorded that answers are recorded; else questions may depend on earlier answers"
    if aspect in FACETS:
        return "it says what is attacked; state it with --answers, --records or --not-differentiable"
    return "it has no reading for this model type"


def read(catalog: Catalog, threat: ThreatModel, terms: Iterable[str]) -> frozenset[str]:
    """Return terms with every bare symbol replaced by what it means in a threat model."""
    return frozenset(_read(catalog, "", threat.model, set(terms), threat.answers))


def _read(catalog: Catalog, observation: str, model: str, stated: set[str], answers: frozenset[str]) -> set[str]:
    """Replace every bare symbol, and the observation, by what taxonomy.yaml says they mean; what that means is read in turn."""
    result = set(stated)
    seen = with_what_roles_see(catalog, stated)
    refined = {term.split(".")[0] for term in seen if not catalog.terms[term].reading}
    read = set[str]()
    while fitting := [r for r in catalog.readings if _fits(r, model, answers) and r.symbol in {observation, *result} - read]:
        reading = fitting[0]
        read.add(reading.symbol)
        result.discard(reading.symbol)
        if not (refined | stated).intersection(reading.unless_stated):
            result.update(reading.means)
    return result


def _fits(reading: Reading, model: str, answers: frozenset[str]) -> bool:
    of_model = reading.models is None or model in reading.models
    return of_model and (reading.answers is None or bool(answers.intersection(reading.answers)))


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
            where = f"{_a(threat.model)} model in the {threat.frame} frame"
            reasons.append(f"{term} does not apply to {where}{_whence(catalog, threat, term, typed)}")
    for term in sorted(knows):
        needed = catalog.terms[term].answers
        if threat.answers and needed and not threat.answers.intersection(needed):
            reasons.append(f"{term}, which a model has that has {' or '.join(needed)}, with {', '.join(sorted(threat.answers))}")
    for term in sorted(knows):
        about = [name for name in catalog.terms[term].about or () if catalog.terms[name].aspect == "stage"]
        if threat.stage and about and not threat.stage.intersection(about):
            reasons.append(f"{term}, which is about {' or '.join(about)}, with {', '.join(sorted(threat.stage))}")
    for facet in sorted(threat.answers | threat.records | threat.stage):
        if facet in catalog.terms and not catalog.terms[facet].applies(threat.model, threat.frame):
            what = f"{_a(threat.model)} model" if threat.model != "aggregate" else "published statistics"
            reasons.append(f"{facet} does not apply to {what}")
    roles = {"participant", "server"} & knows
    if "active" in knows and not roles | {"secure-aggregation"} & knows:
        reasons.append("active without a role: add participant or server")
    if {"server", "secure-aggregation"} <= knows:
        reasons.append("server with secure-aggregation: the one sees every upload, the other none by itself")
    if {"M1.updates", "secure-aggregation"} <= knows and not roles:
        reasons.append("M1.updates with secure-aggregation: that server sees sums of uploads only")
    if "M1.updates" in knows and roles == {"participant"}:
        reasons.append("M1.updates with participant alone: a participant never sees another's upload")
    return reasons


def _a(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


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
