"""Measures every running attack over fixed seeds on the targets that its entry names, and writes the evidence.

Finished work lies in the store, so that a second run measures nothing anew, and an interrupted one goes on. The files hold
nothing that differs between two runs: no times, no dates. Every run is planned by itself, exactly as `mia run ATTACK --target
TARGET --seed SEED` plans it, so that this command reproduces the figures whatever else is in the catalog. What is said of a later
change of code stands in `attacks.evidence.confirm`.
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks import metrics
from attacks.engine import drafts
from attacks.engine.commit import commit
from attacks.engine.outcome import Outcome
from attacks.engine.places import Progress, Silent
from attacks.engine.runner import Engine
from attacks.engine.versions import environment
from attacks.evidence import defense_bench
from attacks.evidence.averages import average, short
from attacks.evidence.bench_plan import Group, Job, Key, targets_of
from attacks.evidence.comparisons import compare
from attacks.evidence.over_seeds import area, rates
from attacks.evidence.runs import FailedRunError, Runs, UnsuitedRunError
from attacks.evidence.score_records import record
from taxonomy.catalog import Catalog
from taxonomy.defense_evidence import DefenseEvidence, DefenseFingerprints
from taxonomy.evidence import ORDERINGS
from taxonomy.figures import (
    Average,
    BlindFigures,
    Evidence,
    MetricFigures,
    OnSets,
    OnTarget,
    Ordered,
    Orderings,
    Role,
    SeedFigures,
    SetFigures,
)
from taxonomy.fingerprints import Fingerprints

POINTS = 60


# -- measuring -------------------------------------------------------------------------------------------------------------


@dataclass
class Measured:
    """What came of a run of the bench: files written, how the orderings did, and what failed."""

    written: list[Path] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    ordered: list[Ordered] = field(default_factory=list)
    defenses: list[DefenseEvidence] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)
    trained: int = 0


class Bench:
    """Measures groups with one engine, and writes one file an attack into a folder."""

    def __init__(self, catalog: Catalog, engine: Engine, folder: Path, progress: Progress | None = None):
        self.catalog, self.engine, self.folder = catalog, engine, folder
        self.progress = progress or Silent()
        self.runs = Runs(catalog, engine)
        self.fingerprints = Fingerprints(catalog, engine.code.digest)

    def run(self, chosen: Sequence[Group], seeds: Sequence[int]) -> Measured:
        """Measure the groups one after the other. An attack that fails anywhere gets no new file; the others do."""
        result = Measured()
        for group in chosen:
            if group.defense is not None:
                self._defense(group, seeds, result)
                continue
            outcomes = self._outcomes(group, seeds, result)
            if group.orderings:
                self._orderings(group, seeds, outcomes, result)
            else:
                self._attacks(group, seeds, outcomes, result)
        result.trained = self.engine.workshop.trained
        return result

    def _outcomes(self, group: Group, seeds: Sequence[int], result: Measured) -> dict[Key, Outcome]:
        """Run every job of a group; note the failures."""
        jobs, found = group.jobs(seeds), dict[Key, Outcome]()
        self.progress.start(f"Measuring {group.name}", len(jobs))
        for job in jobs:
            try:
                found[job.key] = self.runs.outcome(job)
            except FailedRunError as error:
                _note(result, job, error)
            self.progress.advance()
        return found

    def _defense(self, group: Group, seeds: Sequence[int], result: Measured) -> None:
        """Measure a defense on its targets. An attack that fails is absent, and one that records do not suit is no failure."""
        assert group.defense is not None
        jobs, found = group.jobs(seeds), dict[Key, defense_bench.Found]()
        self.progress.start(f"Measuring {group.name}", len(jobs))
        for job in jobs:
            try:
                found[job.key] = defense_bench.run(self.runs, job)
            except UnsuitedRunError:
                pass
            except FailedRunError as error:
                _note(result, job, error)
            self.progress.advance()
        prints = DefenseFingerprints(self.fingerprints)
        every = [
            defense_bench.on_target(prints, group.defense, place, seeds, lambda job: found.get(job.key)) for place in group.places
        ]
        if targets := [one for one in every if one]:
            parts: dict[str, Any] = {"defense": group.defense.id, "params": group.defense.params, "targets": targets}
            evidence = DefenseEvidence(schema=1, versions=versions(), commit=commit(), **parts)
            result.defenses.append(evidence)
            result.written.append(write(self.folder, group.files[0], evidence))

    def _attacks(self, group: Group, seeds: Sequence[int], outcomes: Mapping[Key, Outcome], result: Measured) -> None:
        for attack in group.attacks:
            places = targets_of(attack)
            if any((attack.id, target, seed, ()) not in outcomes for target in places for seed in seeds):
                continue
            measured = []
            for target, role in places.items():
                fingerprint = self.fingerprints.of(attack, self.catalog.target(target))
                assert fingerprint is not None, "it ran, so it has a proof"
                runs = [outcomes[attack.id, target, seed, ()] for seed in seeds]
                measured.append(on_target(attack.id, target, role, fingerprint, runs))
            evidence = Evidence(schema=1, attack=attack.id, versions=versions(), commit=commit(), targets=measured)
            result.evidence.append(evidence)
            result.written.append(write(self.folder, attack.id, evidence))

    def _orderings(self, group: Group, seeds: Sequence[int], outcomes: Mapping[Key, Outcome], result: Measured) -> None:
        for ordering in group.orderings:
            for sides in ordering.sides():
                keys = [[(side.attack, side.target, seed, side.settings) for side in sides] for seed in seeds]
                pairs = [(outcomes[one], outcomes[other]) for one, other in keys if one in outcomes and other in outcomes]
                fingerprint = self.fingerprints.ordering(ordering, sides)
                if len(pairs) == len(seeds) and fingerprint is not None:
                    result.ordered.append(compare(ordering, sides, fingerprint, pairs))
        whole = Orderings(schema=1, versions=versions(), commit=commit(), orderings=result.ordered)
        result.written.append(write(self.folder, ORDERINGS, whole))


def _note(result: Measured, job: Job, error: FailedRunError) -> None:
    """Note what failed, once."""
    note = {"attack": job.attack.id, "target": job.target, "seed": str(job.seed)}
    if job.defense is not None:
        note |= {"defense": job.defense.defense.id, "adversary": "adaptive" if job.defense.adaptive else "naive"}
    note |= {"error": str(error)}
    result.failures += [note] if note not in result.failures else []


def write(folder: Path, name: str, evidence: Evidence | Orderings | DefenseEvidence, *, as_read: bool = False) -> Path:
    """Write a file of evidence, whole or not at all; return its path.

    With `as_read`, what an older file did not hold stays out of it: absent is not the same as measured and found to be nothing.
    """
    path = folder / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    data = evidence.model_dump(mode="json", by_alias=True, exclude_unset=as_read)
    drafts.replace({path: (json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()})
    return path


def versions() -> dict[str, str]:
    """Return the versions that figures depend on."""
    found = environment()
    return {"mia-atlas": importlib.metadata.version("mia-atlas")} | {n: found[n] for n in ("torch", "numpy", "scikit-learn")}


# -- figures ---------------------------------------------------------------------------------------------------------------


def on_target(attack: str, target: str, role: Role, fingerprint: str, outcomes: Sequence[Outcome]) -> OnTarget:
    """Return what an attack found out about one target, from one outcome a seed."""
    results = [outcome.results[0] for outcome in outcomes]
    seeds = [figures(attack, target, outcome) for outcome in outcomes]
    parts: dict[str, Any] = {"target": target, "role": role, "fingerprint": fingerprint, "seeds": seeds}
    if "auc" not in results[0]:
        judged = [r["metric"] for r in results]
        mean = average([m["value"] for m in judged], [m["ci"] for m in judged], tuple(judged[0]["range"]))
        return OnTarget(**parts, metric=mean)
    curves = [(outcome.scores[attack], outcome.member) for outcome in outcomes]
    roc = mean_roc(curves)
    return OnTarget(**parts, auc=area(results), tpr_at_fpr=rates(results), set_membership=_on_sets(results), roc=roc)


def _on_sets(results: Sequence[Mapping[str, Any]]) -> OnSets | None:
    """Return how an attack does on sets, over seeds; None where a target has too few records."""
    found = [figures for result in results if (figures := result.get("set_membership"))]
    if len(found) < len(results):
        return None

    def mean(name: str) -> Average:
        return average([f[name] for f in found], [f[f"{name}_ci"] for f in found])

    return OnSets(size=found[0]["size"], set_accuracy=mean("set_accuracy"), single_accuracy=mean("single_accuracy"))


def figures(attack: str, target: str, outcome: Outcome) -> SeedFigures:
    """Return what one run found, rounded as files hold it."""
    found = outcome.results[0]
    names = ("auc", "auc_ci", "tpr_at_fpr", "tpr_at_fpr_ci", "balanced_accuracy", "balanced_accuracy_ci")
    parts: dict[str, Any] = {name: _rounded(found[name]) for name in names if name in found}
    parts |= {name: found[name] for name in ("members", "non_members", "unresolved") if name in found}
    return SeedFigures(
        seed=outcome.seed,
        target=_rounded(outcome.target_facts),
        blind_baseline=_blind(outcome),
        **parts,
        metric=MetricFigures(**_rounded(found["metric"])) if "metric" in found else None,
        set_membership=SetFigures(**_rounded(found["set_membership"])) if found.get("set_membership") else None,
        scores=record(outcome.scores[attack]) if attack in outcome.scores else None,
        queries=found["queries"],
        models=found["models"],
        warnings=[*outcome.warnings, *found["warnings"]],
        command=f"mia run {attack} --target {target} --seed {outcome.seed}",
    )


def _blind(outcome: Outcome) -> BlindFigures | None:
    found = outcome.blind_baseline
    return BlindFigures(**_rounded(found.as_json())) if found else None


def mean_roc(curves: Sequence[tuple[NDArray[np.float64], NDArray[np.bool_]]]) -> list[tuple[float, float]]:
    """Return at most 60 points (FPR, mean TPR over seeds) for a log-log picture.

    At each rate the mean is over the best TPR of a threshold whose FPR is at most that (Fawcett 2006, vertical averaging):
    scores of two seeds have no common scale, so they are not thrown together. Rates are whole numbers of the non-members.
    """
    others = min(int((~member).sum()) for _, member in curves)
    alarms = np.unique(np.rint(np.geomspace(1, others, POINTS)).astype(int))
    found = [metrics.roc(score, member) for score, member in curves]
    points = []
    for rate in alarms / others:
        heights = [curve.true_positive_rate[curve.false_positive_rate <= rate + 1e-12].max() for curve in found]
        points.append((short(float(rate)), short(float(np.mean(heights)))))
    return points


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return short(value)
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    return tuple(_rounded(inner) for inner in value) if isinstance(value, list) else value
