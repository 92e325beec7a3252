"""Orderings of attacks that papers report, as entries: what `mia bench` measures and holds against them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from taxonomy.entries import Entry, EntryId, Known
from taxonomy.terms import Text

# Figures by which two attacks can be compared; a rate is the true positive rate at that false positive rate.
Figure = Literal["auc", "tpr_at_fpr_0.001", "tpr_at_fpr_0.01", "balanced_accuracy"]


class Ordering(Entry):
    """An ordering that papers report: `better` has the higher figure or, with `within`, both are equal up to that margin."""

    better: EntryId
    worse: EntryId
    metric: Figure
    within: float | None = Field(default=None, gt=0, description="if given, the claim is that they differ by no more than this")
    targets: list[EntryId] = Field(min_length=1)
    where: Text
    source: Known
    safe: bool = Field(description="whether the papers' ordering is expected to hold on small targets too")
