"""Terms, the implications between them, and how a bare symbol is read: the models of taxonomy.yaml."""

from __future__ import annotations

from collections.abc import Container
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

Aspect = Literal[
    "observation",
    "model-type",
    "frame",
    "answers",
    "records",
    "differentiable",
    "stage",
    "granularity",
    "asking",
    "role",
    "model",
    "training-data",
    "query",
    "candidate",
    "artifact",
]
Holder = Literal["owner", "adversary", "nobody"]
TermId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9]*([.-][A-Za-z0-9]+)*$", max_length=60)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=4000, strip_whitespace=True)]
RunPath = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*$")]

SYMBOLS = ("M1", "M2", "M3", "M4", "D1", "D2", "Q")
MODEL_TYPES = ("discriminative", "generative", "aggregate")
FRAMES = ("stand-alone", "federated")
OBSERVATIONS = ("black-box", "white-box")
# Aspects that refine what is attacked, beyond the survey's four: what the model answers, what a record is, whether there are
# gradients, where in the pipeline records went in, and what a candidate is. An attack that needs another one does not apply.
FACETS = ("answers", "records", "differentiable", "stage", "granularity")
# What an attack is about that says nothing of a facet: any training, and one record where it judges candidates.
USUAL_STAGES = ("pre-training", "fine-tuning")
USUAL_GRANULARITY = ("about-record",)
# Goals whose attacks judge candidates.
JUDGED = ("membership", "risk")
# What every adversary has unless it states the other: who is shown recorded answers cannot ask by what it was told.
ASSUMED = {"adaptive-questions": "recorded-answers"}
RECORDED = "recorded-answers"
# What a model answers of which nothing else is said; a generative model of text writes sequences.
ANSWERS = {"discriminative": "answers-classes", "generative": "answers-record", "aggregate": "answers-statistic"}
ANSWERS_OF_TEXT = {"generative": "answers-sequence"}
HOLDERS: dict[str, Holder] = {
    "role": "owner",
    "model": "owner",
    "query": "owner",
    "training-data": "adversary",
    "candidate": "adversary",
}
WEAKER = (
    "it makes attacks weaker, so a proof does without it where that costs no more models or queries; 2: all the more so, "
    "since it guesses what a weaker way still knows"
)
# Whether, and how much; catalogs say `true` or 2.
Weaker = bool | Literal[2]


class Strict(BaseModel):
    """Every model of the catalog: unknown keys are errors, values are not converted, objects don't change."""

    # Validators are built when first used: a question needs few of the models.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class Term(Strict):
    """One capability of the adversary, e.g. `Q.scores`, or an aspect, a role or an artifact."""

    id: TermId
    title: Text
    aspect: Aspect
    definition: Text
    cites: list[str] = Field(default_factory=list)
    extension: bool = False
    handle: str | None = None
    models: list[str] | None = None
    frames: list[str] | None = None
    answers: list[TermId] | None = Field(default=None, description="what a model answers that this belongs to; any, if absent")
    about: list[TermId] | None = Field(
        default=None, description="the stage of the pipeline, or the kind of candidate, that this is about; any, if absent"
    )
    reading: bool = Field(default=False, description="a bare symbol of the survey, which a reading replaces")
    held_by: Holder | None = Field(default=None, description="who could withdraw it; unstated, what its aspect says")

    @property
    def symbol(self) -> str | None:
        """The survey's symbol that this term refines, or None outside Table 1."""
        head = self.id.split(".")[0]
        return head if head in SYMBOLS else None

    @property
    def holder(self) -> Holder:
        """In whose hand it is: the owner of the model could withdraw it, the adversary has it of its own, or nobody can."""
        return self.held_by or HOLDERS.get(self.aspect, "nobody")

    def fits(self, facets: Container[str]) -> bool:
        """Whether the term has a meaning where these facets hold: by what the model answers, and what is asked about."""
        return all(kinds is None or any(kind in facets for kind in kinds) for kinds in (self.answers, self.about))

    @property
    def grantable(self) -> bool:
        """Whether a threat model can grant it: a leaf capability or a role."""
        return self.aspect in ("role", "model", "training-data", "query", "candidate") and not self.reading

    def applies(self, model: str, frame: str) -> bool:
        """Whether the term has a meaning for this model type in this frame."""
        return (self.models is None or model in self.models) and (self.frames is None or frame in self.frames)


class Implication(Strict):
    """A rule between terms that needs no training; `view` makes the handle of the result from handles."""

    needs: list[TermId] = Field(min_length=1)
    yields: TermId
    because: Text
    weaker: Weaker = Field(default=False, description=WEAKER)
    view: RunPath | None = None
    unpriced: bool = Field(
        default=False, description="a query of what it yields takes many of what it needs; how many depends on the record"
    )

    @property
    def id(self) -> str:
        """Name of the rule in derivations."""
        return f"{'+'.join(self.needs)}->{self.yields}"


class Reading(Strict):
    """What a bare symbol or aspect in a user's threat model means, by model type; the first that fits counts."""

    symbol: TermId
    models: list[str] | None = None
    answers: list[TermId] | None = Field(default=None, description="only for a model of which it is stated that it answers so")
    means: list[TermId]
    unless_stated: list[str] = Field(
        default_factory=list, description="symbols and terms; the reading is empty if one of them is refined or stated"
    )

    @field_validator("unless_stated", mode="before")
    @classmethod
    def _one(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value


class Taxonomy(Strict):
    """The whole of taxonomy.yaml."""

    schema_: Literal[1] = Field(alias="schema")
    terms: list[Term]
    implications: list[Implication] = Field(default_factory=list)
    readings: list[Reading] = Field(default_factory=list)
