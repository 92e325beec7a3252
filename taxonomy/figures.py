"""What was measured, as data: figures of one run, means over seeds, how orderings did, what confirmed them since. No torch."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from taxonomy.entries import EntryId
from taxonomy.terms import Strict

Interval = tuple[float, float]
Verdict = Literal["holds", "does not hold", "undecided"]
Compared = Literal["figures", "figures and scores"]
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
    """What one run found: target, shadow models and attack are those of this seed. None is what cannot be resolved.

    `scores` tells whether another run gave the same scores (`attacks.evidence.score_records.record`); older files have none.
    """

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
    scores: list[float] | None = None
    queries: int
    models: int
    warnings: list[str] = Field(default_factory=list)
    command: str


class Confirmed(Strict):
    """What carried evidence over a change of code: one seed, run at this commit on this day, with what was measured before.

    `compared` says whether scores were recorded, so that they could be compared too.
    """

    commit: str | None = None
    date: str
    seed: int
    compared: Compared
    versions: dict[str, str]


class OnTarget(Strict):
    """What an attack found out about one target, over seeds.

    `roc` is the mean ROC: at each false positive rate (up to 60, evenly spread on a log scale, none finer than the non-members
    resolve) the mean over seeds of the true positive rate. `metric` is the mean of an attack that is judged by nothing else; a
    bound is not averaged, and stands with each seed only. `confirmed` is there if the fingerprint is of later code than the
    file's commit.
    """

    target: EntryId
    role: Role
    fingerprint: str
    auc: Average | None = None
    tpr_at_fpr: dict[str, Average | None] = Field(default_factory=dict)
    metric: Average | None = None
    set_membership: OnSets | None = None
    roc: list[tuple[float, float]] = Field(default_factory=list, max_length=60)
    confirmed: Confirmed | None = None
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
    confirmed: Confirmed | None = None


class Orderings(Strict):
    """How all orderings of the catalog did."""

    schema_: Literal[1] = Field(alias="schema")
    versions: dict[str, str]
    commit: str | None = None
    orderings: list[Ordered]


def provenance(evidence: Evidence) -> list[str]:
    """Return where evidence is from, as parts of a sentence: the commit at which it was measured, and what confirmed it since."""
    found = [f"measured at {_short(evidence.commit)}"] if evidence.commit else []
    stamps: dict[str, list[str]] = {}
    for one in evidence.targets:
        if one.confirmed:
            stamps.setdefault(confirmation(one.confirmed), []).append(one.target)
    return found + [f"{stamp}: {', '.join(targets)}" for stamp, targets in stamps.items()]


def confirmation(stamp: Confirmed) -> str:
    """Return how evidence was confirmed, in a few words."""
    commit = f" at {_short(stamp.commit)}" if stamp.commit else ""
    return f"confirmed{commit} on {stamp.date} by seed {stamp.seed} ({stamp.compared})"


def _short(commit: str) -> str:
    return commit[:12] + "+" * commit.endswith("+")
