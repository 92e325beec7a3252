"""Measures a factor: one attack after the other against targets that differ in one thing, over seeds.

Every run is planned by itself, exactly as `mia run` plans it against such a target, and finished work lies in the store, so that
a second run measures nothing anew.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attacks.engine import drafts
from attacks.engine.commit import commit
from attacks.engine.outcome import Outcome
from attacks.engine.places import Progress, Silent
from attacks.engine.runner import Engine
from attacks.evidence.averages import average, short
from attacks.evidence.bench import versions
from attacks.evidence.comparisons import difference
from attacks.evidence.factor_jobs import job_of, jobs
from attacks.evidence.runs import FailedRunError, Runs
from attacks.seeds import digest_arrays
from taxonomy.factor_evidence import FactorEvidence, MeasuredCurve, MeasuredPoint, PointSeed, fingerprint
from taxonomy.factors import Curve, Factor, Point
from taxonomy.figures import Average
from taxonomy.fingerprints import Fingerprints

# The false positive rate at which a factor is looked at beside the AUC: one that a few hundred records resolve.
RATE = "0.01"


@dataclass
class Measured:
    """What came of measuring a factor: its evidence if every run came to a result, and what failed."""

    evidence: FactorEvidence | None
    failures: list[dict[str, str]] = field(default_factory=list)
    trained: int = 0


@dataclass(frozen=True)
class _Found:
    """What one seed found at a point, and of which records."""

    outcome: Outcome
    records: str


def measure(
    factor: Factor, curves: Sequence[Curve], engine: Engine, seeds: Sequence[int], progress: Progress | None = None
) -> Measured:
    """Run every attack at every value with every seed; `engine` has a catalog with the targets of the curves."""
    assert factor.varies is not None, "it has curves"
    runs, found, result = Runs(engine.catalog, engine), dict[Any, _Found](), Measured(None)
    work, bars = jobs(curves, seeds), progress or Silent()
    bars.start(f"Measuring {factor.id}", len(work))
    for job in work:
        try:
            outcome = runs.outcome(job)
            if outcome.results[0].get("auc") is None:
                raise FailedRunError(f"{job.attack.id} has no AUC, so that a factor cannot be measured by it")
            # What was just attacked is still there.
            found[job.key] = _Found(outcome, digest_arrays(engine.target(job.target, job.seed).ids))
        except FailedRunError as error:
            failure = {"attack": job.attack.id, "target": job.target, "seed": str(job.seed), "error": str(error)}
            result.failures.append(failure)
        bars.advance()
    result.trained = engine.workshop.trained
    if not result.failures:
        prints = Fingerprints(engine.catalog, engine.code.digest)
        measured = []
        for curve in curves:
            points = [[found[job_of(point, seed).key] for seed in seeds] for point in curve.points]
            shown = [_point(prints, point, mine, points[0]) for point, mine in zip(curve.points, points, strict=True)]
            measured.append(MeasuredCurve(attack=curve.attack, target=curve.target, points=shown))
        result.evidence = FactorEvidence(
            schema=1, factor=factor.id, axis=factor.varies.axis, versions=versions(), commit=commit(), curves=measured
        )
    return result


def _point(prints: Fingerprints, point: Point, found: Sequence[_Found], first: Sequence[_Found]) -> MeasuredPoint:
    """Return what was found at a point, and how it differs from what was found at the first."""
    name = fingerprint(prints, point)
    assert name is not None, "it ran, so it has a proof"
    results = [one.outcome.results[0] for one in found]
    rates = [(r["tpr_at_fpr"][RATE], r["tpr_at_fpr_ci"][RATE], r["tpr_at_fpr_middle"][RATE]) for r in results]
    resolved = all(value is not None for value, *_ in rates)
    paired = all(one.records == other.records for one, other in zip(found, first, strict=True))
    changes = dict[str, Average | None]()
    for metric in ("auc", f"tpr_at_fpr_{RATE}"):
        pairs = [(one.outcome, other.outcome) for one, other in zip(found, first, strict=True)]
        change = None if found is first else difference(metric, pairs, paired=paired)
        changes[metric] = change[0] if change else None
    return MeasuredPoint(
        value=point.value,
        fingerprint=name,
        auc=average([r["auc"] for r in results], [r["auc_ci"] for r in results]),
        tpr=average([r[0] for r in rates], [r[1] for r in rates], middles=[r[2] for r in rates]) if resolved else None,
        paired=paired,
        auc_change=changes["auc"],
        tpr_change=changes[f"tpr_at_fpr_{RATE}"],
        seeds=[_seed(one.outcome) for one in found],
    )


def _seed(outcome: Outcome) -> PointSeed:
    result = outcome.results[0]
    rate, ends = result["tpr_at_fpr"][RATE], result["tpr_at_fpr_ci"][RATE]
    facts = {name: short(value) if isinstance(value, float) else value for name, value in outcome.target_facts.items()}
    return PointSeed(
        seed=outcome.seed,
        target=facts,
        auc=short(result["auc"]),
        auc_ci=(short(result["auc_ci"][0]), short(result["auc_ci"][1])),
        tpr=None if rate is None else short(rate),
        tpr_ci=None if rate is None or ends is None else (short(ends[0]), short(ends[1])),
        warnings=[*outcome.warnings, *result["warnings"]],
    )


def write(folder: Path, evidence: FactorEvidence, picture: str | None = None) -> list[Path]:
    """Write what was measured of a factor, with its picture if there is one, whole or not at all; return the paths."""
    data = evidence.model_dump(mode="json", by_alias=True)
    text = json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    files = {folder / f"{evidence.factor}.json": text.encode()}
    if picture is not None:
        files[folder / f"{evidence.factor}.svg"] = (picture + "\n").encode()
    drafts.replace(files)
    return list(files)
