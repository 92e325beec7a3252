"""What the survey states about causes and defenses, as entries, each with what measures it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from taxonomy.entries import Entry, EntryId
from taxonomy.terms import Strict, Text

# How the AUC at the last value of a factor is to that at the first; what a defense does to a target.
Direction = Literal["rises", "falls"]
Does = Literal["lowers AUC", "raises accuracy"]


class Measure(Strict):
    """What bears a statement out: all that is named must."""

    factors: dict[EntryId, Direction] = Field(
        default_factory=dict, description="what leaks more or less, and how its AUC goes from the first to the last value"
    )
    orderings: list[EntryId] = Field(default_factory=list, description="orderings that the statement implies")
    succeeds: dict[EntryId, list[EntryId]] = Field(
        default_factory=dict, description="attacks that the statement says succeed: above chance on these targets"
    )
    defenses: dict[EntryId, Does] = Field(default_factory=dict, description="defenses, and what the statement says of them")
    to_chance: dict[EntryId, list[EntryId]] = Field(
        default_factory=dict, description="defenses, and the attacks that the statement says they bring to chance"
    )


class Statement(Entry):
    """What the survey states about a cause or a defense, in our own words, and what measures it, or why nothing here can."""

    kind: Literal["cause", "defense"]
    where: Text
    measured_by: Measure | None = None
    untestable: Text | None = Field(default=None, description="why it cannot be tested here")
