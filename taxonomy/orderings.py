"""Orderings of attacks that papers report, as entries: what `mia bench` measures and holds against them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from taxonomy.entries import Entry, EntryId, Known
from taxonomy.terms import Strict, Text

# Figures by which two sides can be compared; a rate is the true positive rate at that false positive rate, precision the share of
# members among the candidates that the attack calls so, and `judged` what the target's judge finds where the goal is another one.
Figure = Literal["auc", "tpr_at_fpr_0.001", "tpr_at_fpr_0.01", "balanced_accuracy", "precision", "judged"]


Setting = bool | int | float | str


class Pair(Strict):
    """Two targets: on the first the attack has the higher figure."""

    better: EntryId
    worse: EntryId


class Settings(Strict):
    """Parameters NAME.PARAM that either side is run with, as `mia run --set` takes them; the others stay as they are."""

    better: dict[str, Setting] = Field(default_factory=dict)
    worse: dict[str, Setting] = Field(default_factory=dict)


@dataclass(frozen=True)
class Side:
    """One side of an ordering on a target: the attack, where it runs, and the parameters that are set, by NAME.PARAM."""

    attack: str
    target: str
    settings: tuple[tuple[str, Setting], ...] = ()


class Ordering(Entry):
    """An ordering that papers report: `better` has the higher figure or, with `within`, both are equal up to that margin.

    Two attacks are compared on one target, or one attack with itself: on two targets that differ in one thing, or with two
    settings of a parameter.
    """

    better: EntryId
    worse: EntryId
    metric: Figure
    within: float | None = Field(default=None, gt=0, description="if given, the claim is that they differ by no more than this")
    settings: Settings = Field(default_factory=Settings)
    targets: list[EntryId | Pair] = Field(min_length=1)
    where: Text
    source: Known
    safe: bool = Field(description="whether the papers' ordering is expected to hold on small targets too")

    def sides(self) -> Iterator[tuple[Side, Side]]:
        """Yield the better and the worse side of every comparison."""
        for target in self.targets:
            pair = target if isinstance(target, Pair) else Pair(better=target, worse=target)
            better = Side(self.better, pair.better, tuple(sorted(self.settings.better.items())))
            yield better, Side(self.worse, pair.worse, tuple(sorted(self.settings.worse.items())))
