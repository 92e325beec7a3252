"""The rest of what the survey tells, as entries: data sets, errata, glossary, directions, road map, elements."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from taxonomy.entries import Entry, EntryId, Known
from taxonomy.terms import Strict, TermId, Text


class DataSet(Entry):
    """A data set on which attacks are reported: what it holds, who used it, how a user gets it and under which terms."""

    names: list[Text] = Field(default_factory=list, description="other names, by which papers and `reported` speak of it")
    holds: Text
    obtain: Text
    licence: Text = Field(description="its terms and how we know them, or that they were not looked up")
    used_by: list[str] = Field(default_factory=list, description="keys of the works that attack models trained on it")
    simulated: bool = False


class Erratum(Entry):
    """A contradiction or an error of the survey: where it stands, what it says, and what the original says."""

    where: Text
    says: Text
    original: Text
    source: Known
    attacks: list[EntryId] = Field(default_factory=list)


class GlossaryTerm(Entry):
    """A word of the field, as Section 2.1 introduces it and as this project uses it."""

    where: Text


class Direction(Entry):
    """A research direction of Section 5, and what the catalog has on it today."""

    where: Text
    today: Text
    entries: list[EntryId] = Field(default_factory=list)


class Milestone(Entry):
    """A step on the survey's road map (Figure 2, Section 2.2)."""

    year: int = Field(description="year under which the survey has it; an attack's own year is that of its first appearance")
    entries: list[EntryId] = Field(default_factory=list)


class Element(Entry):
    """An element of Figure 3 or Figure 4, and the terms that express it here."""

    figure: Literal["Figure 3", "Figure 4"]
    terms: list[TermId] = Field(default_factory=list)


class Perturbation(Entry):
    """A method for adversarial examples that Section 4.4 cites."""

    needs_gradient: bool
    norm: Text


# What a survey may tell attacks and adversaries apart by, in the order of the page.
Distinguished = Literal[
    "observation",
    "knowledge",
    "model-type",
    "frame",
    "records",
    "stage",
    "granularity",
    "adaptivity",
    "prior",
    "split",
    "insight",
]


class Distinction(Strict):
    """What a survey tells apart in one respect, in our words, and the terms by which it is said here; none, where it is not."""

    what: Distinguished
    says: Text
    terms: list[TermId] = Field(default_factory=list)
    source: Known
    where: Text | None = None


class Vocabulary(Entry):
    """The words of a survey: by what it tells attacks and adversaries apart, as far as we know."""

    year: int
    distinguishes: list[Distinction] = Field(min_length=1)
