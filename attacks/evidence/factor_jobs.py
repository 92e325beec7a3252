"""What is to be run to measure a factor. Loads no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attacks.evidence.bench_plan import Job, refuse_fewer
from taxonomy.factor_evidence import read
from taxonomy.factors import Curve, Point
from taxonomy.findings import InputError


def jobs(curves: Sequence[Curve], seeds: Sequence[int]) -> list[Job]:
    """Return what is to be run, a target and seed after the other, so that each target is built once."""
    points = [point for curve in curves for point in curve.points]
    found = {job_of(point, seed).key: job_of(point, seed) for point in points for seed in seeds}
    return sorted(found.values(), key=lambda job: (job.target, job.seed, job.attack.id, str(job.settings)))


def job_of(point: Point, seed: int) -> Job:
    """Return the run of one point with one seed."""
    return Job(point.attack, point.target.id, "other", seed, point.settings, point.defense)


def keep_fuller(path: Path, seeds: int) -> None:
    """Raise InputError if evidence over more seeds would be replaced by evidence over fewer."""
    try:
        most = max(len(point.seeds) for curve in read(path).curves for point in curve.points)
    except InputError:
        return  # it is missing or damaged, so there is nothing to keep
    refuse_fewer(path.stem, most, seeds)
