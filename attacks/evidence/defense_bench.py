"""What a bench finds of a defense on a target: each attack without it and with it, paired on the same records, over seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from attacks.engine.outcome import Outcome
from attacks.evidence.averages import average, short
from attacks.evidence.bench_plan import Job
from attacks.evidence.defense_places import Place, adversaries
from attacks.evidence.over_seeds import area, rates
from attacks.evidence.runs import FailedRunError, Runs
from attacks.evidence.score_records import record
from attacks.metrics import DIFFERENCE, change
from attacks.metrics.intervals import counted, difference_interval
from taxonomy.defense_evidence import (
    Accuracy,
    Cell,
    CellSeed,
    DefendedLeak,
    DefenseFingerprints,
    Leak,
    OnDefended,
    Seconds,
)
from taxonomy.entries import Attack, Defense
from taxonomy.figures import Average

SIGNIFICANT = 3


@dataclass(frozen=True)
class Found:
    """What one job found. `cost` is what the defense costs users, and `facts` what its code tells, where one stands there."""

    outcome: Outcome
    cost: dict[str, Any] | None = None
    facts: dict[str, Any] | None = None


def run(runs: Runs, job: Job) -> Found:
    """Run a job of a defense; raise FailedRunError if nothing came of it, or if its candidates are not the undefended ones.

    Nothing of the target itself is kept: a bench holds what came of all jobs of a defense.
    """
    outcome = runs.outcome(job)
    told, light = outcome.defense, replace(outcome, defense=None, exhibits=None)
    if told is None:
        return Found(light)
    if not np.array_equal(told.target.ids, runs.engine.target(job.target, job.seed).ids):
        raise FailedRunError(f"{told.applied.defense.id} changes the candidates of {job.target}, so nothing can be paired")
    return Found(light, told.utility, told.facts)


def on_target(
    prints: DefenseFingerprints, defense: Defense, place: Place, seeds: Sequence[int], found: Callable[[Job], Found | None]
) -> OnDefended | None:
    """Return what was found of a defense on a target; None if no attack came to a result there in every seed.

    `found` gives what came of a job. An attack that failed somewhere, or that the records do not suit, is absent.
    """
    cells, of_defense = list[Cell](), dict[int, Found]()
    naive, adaptive = adversaries(defense)
    entries = prints.entries(place.target, adaptive)
    for attack in place.attacks:
        faced = (None, naive, adaptive) if attack.id in place.left else (None,)
        jobs = [[Job(attack, place.target, "power", seed, (), applied) for seed in seeds] for applied in faced]
        came = [[one for job in each if (one := found(job))] for each in jobs]
        if any(len(each) < len(seeds) for each in came):
            continue
        fingerprint = prints.of(attack, entries, adaptive)
        assert fingerprint is not None, "it ran, so it has a proof"
        cells.append(_cell(attack, fingerprint, place, [[one.outcome for one in each] for each in came]))
        of_defense |= {one.outcome.seed: one for one in came[-1] if one.cost is not None}
    if not cells:
        return None
    told = [of_defense[seed] for seed in seeds] if of_defense else []
    return OnDefended(
        target=place.target, test_accuracy=_accuracy(told), training_seconds=_seconds(told), facts=_facts(told), attacks=cells
    )


def _cell(attack: Attack, fingerprint: str, place: Place, came: Sequence[Sequence[Outcome]]) -> Cell:
    """Return what an attack found, from its outcomes, one a seed: undefended, and naive and adaptive unless it is stopped."""
    plain, defended = came[0], came[1:]
    return Cell(
        attack=attack.id,
        inside=attack.id in place.inside,
        fingerprint=fingerprint,
        undefended=Leak(auc=area(_results(plain)), tpr_at_fpr=rates(_results(plain))),
        naive=_defended(plain, defended[0]) if defended else None,
        adaptive=_defended(plain, defended[1]) if defended else None,
        knowing=_changed(*defended)[0] if defended else None,
        seeds=[of_seed(each) for each in zip(*came, strict=True)],
    )


def of_seed(came: Sequence[Outcome]) -> CellSeed:
    """Return what an attack found in one seed: undefended, and naive and adaptive unless it is stopped."""
    areas = [short(outcome.results[0]["auc"]) for outcome in came]
    last = came[-1]
    return CellSeed(
        seed=last.seed,
        undefended=areas[0],
        naive=areas[1] if len(came) > 1 else None,
        adaptive=areas[2] if len(came) > 1 else None,
        scores=record(last.scores[last.results[0]["attack"]]) if len(came) > 1 else None,
    )


def _defended(plain: Sequence[Outcome], defended: Sequence[Outcome]) -> DefendedLeak:
    results = _results(defended)
    of_area, of_rates = _changed(plain, defended)
    return DefendedLeak(auc=area(results), tpr_at_fpr=rates(results), auc_change=of_area, tpr_change=of_rates)


def _changed(before: Sequence[Outcome], after: Sequence[Outcome]) -> tuple[Average, dict[str, Average | None]]:
    """Return by how much the AUC, and the TPR at each FPR, is higher in the second outcomes, over seeds.

    Within a seed both are of the same records, so the difference is paired (`attacks.metrics.change`).
    """
    pairs = [[(o.scores[o.results[0]["attack"]], o.member) for o in both] for both in zip(before, after, strict=True)]
    areas = [change.of_area(first, second, paired=True) for first, second in pairs]
    at_rates = dict[str, Average | None]()
    for rate in before[0].results[0]["tpr_at_fpr"]:
        resolved = all(o.results[0]["tpr_at_fpr"][rate] is not None for o in (*before, *after))
        of_rate = [change.of_rate(first, second, float(rate), paired=True) for first, second in pairs] if resolved else []
        at_rates[rate] = _mean(of_rate) if of_rate else None
    return _mean(areas), at_rates


def _mean(changes: Sequence[change.Change]) -> Average:
    return average([one.difference for one in changes], [one.ci for one in changes], DIFFERENCE)


def _results(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    return [outcome.results[0] for outcome in outcomes]


# -- what it costs ---------------------------------------------------------------------------------------------------------


def _accuracy(told: Sequence[Found]) -> Accuracy | None:
    """Return accuracies over seeds; None if one is not known. They are shares of the candidates that are no members.

    The interval of the change is that of two shares of independent records, which is wider than that of the same records.
    """
    both = [(one.cost or {}).get("test_accuracy") for one in told]
    if not both or any(each is None or None in each.values() for each in both):
        return None
    others = [int((~one.outcome.member).sum()) for one in told]
    found = {side: [each[side] for each in both if each] for side in ("undefended", "defended")}
    hits = {side: [round(share * n) for share, n in zip(found[side], others, strict=True)] for side in found}
    means = {side: average(found[side], [counted(hit, n) for hit, n in zip(hits[side], others, strict=True)]) for side in found}
    counts = zip(hits["defended"], hits["undefended"], others, strict=True)
    ends = [difference_interval(after, n, before, n) for after, before, n in counts]
    changes = [after - before for before, after in zip(found["undefended"], found["defended"], strict=True)]
    return Accuracy(undefended=means["undefended"], defended=means["defended"], change=average(changes, ends, DIFFERENCE))


def _seconds(told: Sequence[Found]) -> Seconds | None:
    """Return how long trainings took, mean over seeds, to three digits; None if one is not known."""
    both = [(one.cost or {})["training_seconds"] for one in told]
    if not both or any(None in each.values() for each in both):
        return None
    means = {side: float(np.mean([each[side] for each in both])) for side in ("undefended", "defended")}
    return Seconds(**{side: float(f"{mean:.{SIGNIFICANT}g}") for side, mean in means.items()})


def _facts(told: Sequence[Found]) -> dict[str, list[float]]:
    """Return the numbers that the defense's code told in every seed."""
    every = [one.facts or {} for one in told]
    names = [name for name, value in every[0].items() if isinstance(value, int | float)] if every else []
    return {name: [short(float(facts[name])) for facts in every] for name in names if all(name in facts for facts in every)}
