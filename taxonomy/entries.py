"""What a catalog holds: attacks, steps, defenses, targets and ready threat models, one file an entry."""

from __future__ import annotations

import importlib
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from taxonomy.terms import WEAKER, RunPath, Strict, TermId, Text, Weaker

EntryId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
# A `risk` is no secret that is found out: it says how exposed each record of one's own training set is. `dataset` asks whether a
# set of records was trained on, `usage` how large a share of it was.
Goal = Literal["membership", "reconstruction", "property", "extraction", "inversion", "attribute", "risk", "dataset", "usage"]
Known = Literal["read", "secondary", "memory"]
Observation = Literal["black-box", "white-box"]
ModelType = Literal["discriminative", "generative", "aggregate"]
Frame = Literal["stand-alone", "federated"]


def _parameter(value: object) -> object:
    """Return what may be a parameter; raise ValueError for anything else, in one sentence for all kinds that there are."""
    numbers = isinstance(value, list) and all(isinstance(one, int | float) and not isinstance(one, bool) for one in value)
    if numbers or isinstance(value, bool | int | float | str):
        return value
    raise ValueError("expected true or false, a number, text or a list of numbers")


Parameter = Annotated[bool | int | float | str | list[int] | list[float], BeforeValidator(_parameter)]
Params = dict[str, Parameter]


class Entry(Strict):
    """What all entries have in common."""

    schema_: Literal[1] = Field(alias="schema")
    id: EntryId
    title: Text
    summary: Text
    cites: list[str] = Field(default_factory=list)


class Cost(Strict):
    """Price of one run: each a number or the name of a parameter."""

    models: int | str = 0
    trainings: int | str = Field(
        default=0, description="how many of the models take as long as the target: its own recipe, on as many records"
    )
    queries: int | str = 0
    queries_per_record: int | str = 0


class Setting(Strict):
    """The threat model under which a paper ran its attack. Readings are never applied to it."""

    name: EntryId
    observation: Observation
    knows: list[TermId]
    model: ModelType
    frame: Frame
    source: Known
    where: Text | None = None


class SurveyRow(Strict):
    """One row of the survey's Table 2, cell for cell."""

    row: Text
    setting: EntryId
    observation: Observation
    knows: list[str]
    model: ModelType
    frame: Frame


# What one score, or one artifact, depends on of the candidates.
DependsOn = Literal["record", "candidates"]
DEPENDS_ON = "a score depends on its own record alone, or, where the method works on the set, on the other candidates too"


class AttackTargets(Strict):
    """Targets on which the attack is tested: where it works, and where it must be at chance.

    On `others` it is measured too, without a claim that it works there: they show what makes it weaker.
    """

    power: list[EntryId] = Field(default_factory=list)
    null: EntryId | None = None
    others: list[EntryId] = Field(default_factory=list)


class Claim(Strict):
    """A figure that a paper reports, with where it stands and how we know."""

    dataset: Text
    metric: Text
    value: float
    where: Text
    by: str | None = Field(default=None, description="the work that reports it, where that is not the attack's own")
    source: Known
    setting: Text | None = None


class Maps(Strict):
    """Which clauses of other knowledge bases speak of an entry, by their codes; only where the clause was read."""

    atlas: list[Text] = Field(default_factory=list, description="techniques or mitigations of MITRE ATLAS")
    owasp: list[Text] = Field(default_factory=list, description="risks and requirements of OWASP")
    nist: list[Text] = Field(default_factory=list, description="attacks of NIST AI 100-2")

    @property
    def codes(self) -> dict[str, list[str]]:
        """The codes by framework, of frameworks that say something of the entry."""
        return {name: codes for name in ("atlas", "owasp", "nist") if (codes := getattr(self, name))}


class Answer(Strict):
    """What an attack with another goal than membership answers: for which unit, with what, judged by which metric."""

    unit: Literal["record", "round", "input", "target", "batch", "class", "model", "set"]
    result: Text
    metric: Text


class Range(Strict):
    """What a number may be: at least, or above, and at most; what is not stated has no end."""

    least: float | None = None
    above: float | None = None
    most: float | None = None

    def holds(self, value: float) -> bool:
        """Return whether a number lies in the range."""
        at_least = self.least is None or value >= self.least
        return at_least and (self.above is None or value > self.above) and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        ends = (("at least", self.least), ("above", self.above), ("at most", self.most))
        return " and ".join(f"{words} {end:g}" for words, end in ends if end is not None) or "any number"


RANGES = "what a user may set a parameter to; unstated, a whole number that is not negative by default may not be made so"
LOOKS_INSIDE = "it looks inside models of the adversary's own, so that it takes none that show nothing of their inside"
HOSTED = "the models that it yields lie on somebody's platform, where they answer and show nothing of their inside"


class Attack(Entry):
    """One attack of one paper: a rule that yields `attack:<id>` from the terms that it needs."""

    goal: Goal = "membership"
    year: int | None = Field(default=None, description="year in which the work first appeared")
    standing: Literal["table", "named", "later"] = Field(
        default="later", description="in the survey's Table 2, named in its text, or later than the survey"
    )
    aliases: list[Text] = Field(default_factory=list, description="nicknames by which a reader may search")
    answers: Answer | None = Field(default=None, description="required for goals other than membership")
    needs: list[TermId] = Field(min_length=1)
    uses: dict[TermId, dict[str, int]] = Field(default_factory=dict)
    least: dict[str, dict[str, int]] = Field(
        default_factory=dict,
        description="the least amounts with which the method still is the paper's, by artifact, or by the attack's own id",
    )
    depends_on: DependsOn = Field(default="record", description=DEPENDS_ON)
    looks_inside: bool = Field(default=False, description=LOOKS_INSIDE)
    published: list[Setting] = Field(default_factory=list)
    surveyed: SurveyRow | None = None
    differs: Text | None = None
    run: RunPath | None = None
    params: Params = Field(default_factory=dict)
    ranges: dict[str, Range] = Field(default_factory=dict, description=RANGES)
    cost: Cost | None = Field(default=None, description="absent where it is not known")
    targets: AttackTargets = Field(default_factory=AttackTargets)
    reported: list[Claim] = Field(default_factory=list)
    maps: Maps = Field(default_factory=Maps)


class Step(Entry):
    """A rule whose function makes an artifact."""

    needs: list[TermId] = Field(min_length=1)
    yields: TermId
    because: Text
    weaker: Weaker = Field(default=False, description=WEAKER)
    hosted: bool = Field(default=False, description=HOSTED)
    depends_on: DependsOn = Field(default="record", description=DEPENDS_ON)
    run: RunPath | None = None
    params: Params = Field(default_factory=dict)
    ranges: dict[str, Range] = Field(default_factory=dict, description=RANGES)
    cost: Cost | None = None


ANSWERED = "what the model answers; unstated, what its Q terms say, else classes, a record or a statistic by the model type"
RECORDS = "what a record is; unstated, any kind"
STAGE = "where in the pipeline the records went in that are asked about; unstated, anywhere"
GRANULARITY = "what a candidate is: one record, a person, a set or a range of records; unstated, any of these"
RECORDED = "whether answers were recorded, or all are given at once, so that no question can depend on an earlier answer"
PRIOR = "the share of members among those whom the adversary accuses or clears; unstated, nothing is said of precision"
DIFFERENTIABLE = "whether the model has gradients, as networks have and trees and neighbours have not"


class Target(Entry):
    """A really trained model with known members and non-members, and the terms that it can offer."""

    model: ModelType
    frame: Frame
    data: Text
    offers: list[TermId]
    run: RunPath | None = None
    params: Params = Field(default_factory=dict)
    control: bool = Field(default=False, description="attacks with the goal that it is a control for must be at chance here")
    answers: list[TermId] = Field(default_factory=list, description=ANSWERED)
    records: list[TermId] = Field(default_factory=list, description=RECORDS)
    differentiable: bool = Field(default=True, description=DIFFERENTIABLE)
    recorded: bool = Field(default=False, description=RECORDED)


class Limits(Strict):
    """How much an adversary may spend; None is no limit.

    `queries` are calls to a service, `rows` those of what was published once, such as a synthetic table: where they are stated,
    samples are rows of a file and no calls. What is asked of a copy at home counts as neither.
    """

    queries: int | None = Field(default=None, ge=0)
    models: int | None = Field(default=None, ge=0)
    rows: int | None = Field(default=None, ge=0)

    @property
    def any(self) -> bool:
        """Whether anything is limited."""
        return (self.queries, self.models, self.rows) != (None, None, None)


NO_LIMITS = Limits()


class Guarantee(Strict):
    """A proven bound of differential privacy under which the target was trained, and for whose data it holds."""

    epsilon: float = Field(ge=0)
    delta: float = Field(default=0.0, ge=0, le=1)
    protects: Literal["record", "sequence", "user"] = "record"


class ReadyThreatModel(Entry):
    """A threat model that a practitioner recognises, ready to be named on the command line."""

    observation: Observation
    knows: list[TermId]
    model: ModelType
    frame: Frame = "stand-alone"
    limits: Limits = Field(default_factory=Limits)
    answers: list[TermId] = Field(default_factory=list, description=ANSWERED)
    records: list[TermId] = Field(default_factory=list, description=RECORDS)
    differentiable: bool = Field(default=True, description=DIFFERENTIABLE)
    stage: list[TermId] = Field(default_factory=list, description=STAGE)
    granularity: list[TermId] = Field(default_factory=list, description=GRANULARITY)
    recorded: bool = Field(default=False, description=RECORDED)
    prior: float | None = Field(default=None, gt=0, lt=1, description=PRIOR)
    guarantee: Guarantee | None = None


class Effect(Strict):
    """What a defense was shown to do, or not to do, against an attack."""

    attack: EntryId | None = None
    effect: Text
    cites: list[str] = Field(min_length=1)
    where: Text | None = None
    source: Known


class Hindered(Strict):
    """Attacks that find less where they know of a defense than where they do not, as was measured here, and why."""

    attacks: list[EntryId] = Field(min_length=1)
    because: Text


# What a defense changes: what is answered, how the model is trained, the trained model, how answers or updates are computed.
Changes = Literal["answers", "training", "model", "channel"]


class Defense(Entry):
    """Something that takes a grant away or changes the target. Never a rule, so gaining a capability never hurts."""

    category: Literal["generalization", "cryptography", "adversarial", "output-masking"]
    standing: Literal["section-4", "named", "later"] = Field(
        description="surveyed in Section 4, named elsewhere in the survey, or later than it"
    )
    mechanism: Text
    changes: Changes = Field(description="what is answered, how it is trained, the trained model, or how answers are computed")
    fits: list[TermId] = Field(
        default_factory=list,
        description="what a target must be: a model type, a frame, what it answers or takes, `differentiable`; any if unstated",
    )
    replaces: dict[TermId, TermId] = Field(
        default_factory=dict, description="a grant, and the poorer one that is left in its place"
    )
    withdraws: list[TermId] = Field(
        default_factory=list, description="grants of which nothing is left, and `differentiable` where no gradients are"
    )
    utility_cost: Text
    mitigates: list[Effect] = Field(default_factory=list)
    fails_against: list[Effect] = Field(default_factory=list)
    run: RunPath | None = Field(default=None, description="its function; what it takes hangs on what it changes")
    params: Params = Field(default_factory=dict)
    ranges: dict[str, Range] = Field(default_factory=dict, description=RANGES)
    targets: list[EntryId] = Field(default_factory=list, description="targets that `mia bench` puts it on")
    most_questions: dict[TermId, Annotated[int, Field(ge=1)]] = Field(
        default_factory=dict,
        description="where answers take long: attacks that need such a one and ask more about a candidate `mia bench` leaves out",
    )
    weaker_if_known: list[Hindered] = Field(
        default_factory=list, description="attacks that find less where they know of it, as `mia bench` measured, and why"
    )
    maps: Maps = Field(default_factory=Maps)


# Every kind of entry, named as its folder is, and the module that holds its model. Entries that no question needs have a
# module of their own, so that asking one does not wait for their models.
KINDS = {
    "attacks": "taxonomy.entries:Attack",
    "steps": "taxonomy.entries:Step",
    "defenses": "taxonomy.entries:Defense",
    "targets": "taxonomy.entries:Target",
    "threat-models": "taxonomy.entries:ReadyThreatModel",
    "datasets": "taxonomy.knowledge:DataSet",
    "errata": "taxonomy.knowledge:Erratum",
    "glossary": "taxonomy.knowledge:GlossaryTerm",
    "factors": "taxonomy.factors:Factor",
    "statements": "taxonomy.statements:Statement",
    "directions": "taxonomy.knowledge:Direction",
    "milestones": "taxonomy.knowledge:Milestone",
    "elements": "taxonomy.knowledge:Element",
    "perturbations": "taxonomy.knowledge:Perturbation",
    "vocabularies": "taxonomy.knowledge:Vocabulary",
    "orderings": "taxonomy.orderings:Ordering",
    "clauses": "taxonomy.clauses:Clause",
}


def model_of(kind: str) -> type[Entry]:
    """Return the model of one kind of entry."""
    module, _, name = KINDS[kind].partition(":")
    model: type[Entry] = getattr(importlib.import_module(module), name)
    return model
