"""Measures every running attack over fixed seeds on the targets that its entry names, and writes the evidence.

Finished work lies in the store, so that a second run measures nothing anew, and an interrupted one goes on. The files hold
nothing that differs between two runs: no times, no dates. Every run is planned by itself, exactly as `mia run ATTACK --target
TARGET --seed SEED` plans it, so that this command reproduces the figures whatever else is in the catalog.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
import math
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from attacks import metrics
from attacks import plan as plans
from attacks.bench_plan import Group, Key, Settings, targets_of
from attacks.engine import Engine, Outcome
from attacks.report import replace
from attacks.store import StoreError
from attacks.workshop import Progress, Silent, environment
from taxonomy.catalog import Catalog
from taxonomy.evidence import (
    ORDERINGS,
    Average,
    Evidence,
    Fingerprints,
    Interval,
    MetricFigures,
    OnSets,
    OnTarget,
    Ordered,
    Orderings,
    Role,
    SeedDifference,
    SeedFigures,
    SetFigures,
    Verdict,
)
from taxonomy.findings import InputError
from taxonomy.orderings import Ordering, Side

POINTS = 60
DIGITS = 5
RESAMPLES = 1000


# -- measuring -------------------------------------------------------------------------------------------------------------


@dataclass
class Measured:
    """What came of a run of the bench: files written, how the orderings did, and what failed."""

    written: list[Path] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    ordered: list[Ordered] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)
    trained: int = 0


class Bench:
    """Measures groups with one engine, and writes one file an attack into a folder."""

    def __init__(self, catalog: Catalog, engine: Engine, folder: Path, progress: Progress | None = None):
        self.catalog, self.engine, self.folder = catalog, engine, folder
        self.progress = progress or Silent()
        self.fingerprints = Fingerprints(catalog, engine.code.digest)

    def run(self, chosen: Sequence[Group], seeds: Sequence[int]) -> Measured:
        """Measure the groups one after the other. An attack that fails anywhere gets no new file; the others do."""
        result = Measured()
        for group in chosen:
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
        planned = functools.cache(
            lambda attack, target, settings: plans.make(
                self.catalog, self.catalog.target(target), None, [attack], overrides(settings)
            )
        )
        self.progress.start(f"Measuring {group.name}", len(jobs))
        for job in jobs:
            try:
                outcome = self.engine.run(planned(job.attack.id, job.target, job.settings), job.seed)
            except StoreError:
                raise
            except InputError as error:
                failed: str | None = str(error)
            else:
                failed = next(iter([*(f["error"] for f in outcome.failures), *(why for _, why in outcome.unsuited)]), None)
            if failed is None:
                found[job.key] = outcome
            else:
                note = {"attack": job.attack.id, "target": job.target, "seed": str(job.seed), "error": failed}
                result.failures += [note] if note not in result.failures else []
            self.progress.advance()
        return found

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
            result.written.append(self._write(attack.id, evidence))

    def _orderings(self, group: Group, seeds: Sequence[int], outcomes: Mapping[Key, Outcome], result: Measured) -> None:
        for ordering in group.orderings:
            for sides in ordering.sides():
                keys = [[(side.attack, side.target, seed, side.settings) for side in sides] for seed in seeds]
                pairs = [(outcomes[one], outcomes[other]) for one, other in keys if one in outcomes and other in outcomes]
                fingerprint = self.fingerprints.ordering(ordering, sides)
                if len(pairs) == len(seeds) and fingerprint is not None:
                    result.ordered.append(compare(ordering, sides, fingerprint, pairs))
        whole = Orderings(schema=1, versions=versions(), commit=commit(), orderings=result.ordered)
        result.written.append(self._write(ORDERINGS, whole))

    def _write(self, name: str, evidence: Evidence | Orderings) -> Path:
        path = self.folder / f"{name}.json"
        data = evidence.model_dump(mode="json", by_alias=True)
        replace(path, (json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode())
        return path


def overrides(settings: Settings) -> dict[str, dict[str, str]]:
    """Return settings NAME.PARAM as a plan takes them: as they are typed behind `--set`."""
    found: dict[str, dict[str, str]] = {}
    for path, value in settings:
        name, _, parameter = path.rpartition(".")
        found.setdefault(name, {})[parameter] = str(value).lower() if isinstance(value, bool) else str(value)
    return found


def versions() -> dict[str, str]:
    """Return the versions that figures depend on."""
    found = environment()
    return {"mia-atlas": importlib.metadata.version("mia-atlas")} | {n: found[n] for n in ("torch", "numpy", "scikit-learn")}


def commit() -> str | None:
    """Return the commit of this code, with "+" where it has changed since; None where no git checkout tracks it."""
    places = [":/attacks", ":/taxonomy", ":/catalog", ":!/catalog/evidence"]
    try:
        _git("ls-files", "--error-unmatch", Path(__file__).name)
        return _git("rev-parse", "HEAD") + ("+" if _git("status", "--porcelain", "--", *places) else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603  (all of it is ours)


# -- figures ---------------------------------------------------------------------------------------------------------------


def average(values: Sequence[float], errors: Sequence[float], low: float = 0.0, high: float = 1.0) -> Average:
    """Return the mean over k seeds with a 95 % interval that counts both seeds and records.

    Every seed has another split, target and shadow models. The interval is Student's t over seeds (k - 1 degrees of freedom);
    but never narrower than what the standard errors within the seeds alone would give (normal), since few seeds may agree by
    chance. With one seed only the latter is known. Seeds draw their candidates from one data set, so the interval says how the
    figure varies on this data, not on others.
    """
    found, k = np.asarray(values, dtype=np.float64), len(values)
    half = float(stats.norm.ppf(0.975)) * math.sqrt(float(np.mean(np.square(errors))) / k)
    if k > 1:
        half = max(half, float(stats.t.ppf(0.975, k - 1)) * float(found.std(ddof=1)) / math.sqrt(k))
    mean = float(found.mean())
    return Average(mean=_short(mean), ci=(_short(max(low, mean - half)), _short(min(high, mean + half))))


def on_target(attack: str, target: str, role: Role, fingerprint: str, outcomes: Sequence[Outcome]) -> OnTarget:
    """Return what an attack found out about one target, from one outcome a seed."""
    results = [outcome.results[0] for outcome in outcomes]
    seeds = [_figures(attack, target, outcome) for outcome in outcomes]
    parts: dict[str, Any] = {"target": target, "role": role, "fingerprint": fingerprint, "seeds": seeds}
    if "auc" not in results[0]:
        # A judge gives an interval; a quarter of its width is near enough to a standard error. What judges give are shares,
        # differences of shares, and correlations: none lies beyond 1.
        judged = [r["metric"] for r in results]
        errors = [(m["ci"][1] - m["ci"][0]) / 4 for m in judged]
        return OnTarget(**parts, metric=average([m["value"] for m in judged], errors, -1.0, 1.0))
    area = average([r["auc"] for r in results], [_error_of(r["auc_se"], r["auc_ci"]) for r in results])
    rates = dict[str, Average | None]()
    for rate in results[0]["tpr_at_fpr"]:
        found = [r["tpr_at_fpr"][rate] for r in results]
        intervals = [r["tpr_at_fpr_ci"][rate] for r in results]
        rates[rate] = None
        if None not in found:
            errors = [math.sqrt(f * (1 - f) / r["members"]) for f, r in zip(found, results, strict=True)]
            rates[rate] = average(found, [_error_of(e, ci) for e, ci in zip(errors, intervals, strict=True)])
    curves = [(outcome.scores[attack], outcome.member) for outcome in outcomes]
    return OnTarget(**parts, auc=area, tpr_at_fpr=rates, set_membership=_on_sets(results), roc=mean_roc(curves))


def _error_of(error: float, interval: Sequence[float]) -> float:
    """Return a standard error, or a quarter of the interval's width where it is 0: at a figure of 0 or 1 nothing is certain."""
    return error or (interval[1] - interval[0]) / 4


def _on_sets(results: Sequence[Mapping[str, Any]]) -> OnSets | None:
    """Return how an attack does on sets, over seeds; None where a target has too few records."""
    found = [figures for result in results if (figures := result.get("set_membership"))]
    if len(found) < len(results):
        return None

    def mean(name: str) -> Average:
        # As with what judges give: a quarter of an interval's width is near enough to a standard error.
        low, high = (np.array([f[f"{name}_ci"][end] for f in found]) for end in (0, 1))
        return average([f[name] for f in found], (high - low) / 4)

    return OnSets(size=found[0]["size"], set_accuracy=mean("set_accuracy"), single_accuracy=mean("single_accuracy"))


def _figures(attack: str, target: str, outcome: Outcome) -> SeedFigures:
    found = outcome.results[0]
    names = ("auc", "auc_ci", "tpr_at_fpr", "tpr_at_fpr_ci", "balanced_accuracy", "balanced_accuracy_ci")
    parts: dict[str, Any] = {name: _rounded(found[name]) for name in names if name in found}
    parts |= {name: found[name] for name in ("members", "non_members", "unresolved") if name in found}
    return SeedFigures(
        seed=outcome.seed,
        target=_rounded(outcome.target_facts),
        **parts,
        metric=MetricFigures(**_rounded(found["metric"])) if "metric" in found else None,
        set_membership=SetFigures(**_rounded(found["set_membership"])) if found.get("set_membership") else None,
        queries=found["queries"],
        models=found["models_trained"],
        warnings=found["warnings"],
        command=f"mia run {attack} --target {target} --seed {outcome.seed}",
    )


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
        points.append((_short(float(rate)), _short(float(np.mean(heights)))))
    return points


# -- orderings -------------------------------------------------------------------------------------------------------------


def compare(ordering: Ordering, sides: tuple[Side, Side], fingerprint: str, pairs: Sequence[tuple[Outcome, Outcome]]) -> Ordered:
    """Return how an ordering did: the difference of its two sides, seed by seed, and a verdict.

    Within a seed the standard error is paired where both sides are attacks on membership of the same records (`paired_error`),
    and else that of the difference of two independent figures, which is too wide where they are not. The interval over seeds is
    that of `average`. The ordering holds
    if the interval lies on its side of zero, and does not if it lies on the other; one that claims equality holds if the
    interval lies within the margin, and does not if it lies outside.
    """
    target, against = sides[0].target, sides[1].target
    parts: dict[str, Any] = {"ordering": ordering.id, "target": target, "fingerprint": fingerprint}
    parts |= {"against": against} if against != target else {}
    seeds = []
    for better, worse in pairs:
        values = [_figure(outcome, ordering.metric) for outcome in (better, worse)]
        if values[0] is None or values[1] is None:
            return Ordered(**parts, verdict="undecided", unresolved=_why_not(ordering, (better, worse)))
        error = _error(ordering.metric, (better, worse), paired=target == against)
        difference = values[0] - values[1]
        seeds.append((better.seed, values[0], values[1], difference, error))
    mean = average([s[3] for s in seeds], [s[4] for s in seeds], -1.0)
    rows = [
        SeedDifference(seed=s, better=_short(b), worse=_short(w), difference=_short(d), se=_short(e)) for s, b, w, d, e in seeds
    ]
    return Ordered(**parts, difference=mean, verdict=verdict(mean.ci, ordering.within), seeds=rows)


def verdict(ci: Interval, within: float | None) -> Verdict:
    """Return whether an interval of differences settles an ordering."""
    low, high = ci
    if within is None:
        return "holds" if low > 0 else "does not hold" if high < 0 else "undecided"
    if -within <= low and high <= within:
        return "holds"
    return "does not hold" if low > within or high < -within else "undecided"


def _figure(outcome: Outcome, metric: str) -> float | None:
    result = outcome.results[0]
    if metric == "judged":
        return float(result["metric"]["value"]) if "metric" in result else None
    if metric == "precision":
        if result.get("cut") is None:
            return None
        called = outcome.scores[result["attack"]] >= result["cut"]
        return float(outcome.member[called].mean()) if called.any() else None
    rate = metric.removeprefix("tpr_at_fpr_")
    value: float | None = result.get("tpr_at_fpr", {}).get(rate) if rate != metric else result.get(metric)
    return value


def _why_not(ordering: Ordering, outcomes: Sequence[Outcome]) -> str:
    reasons = [reason for outcome in outcomes for reason in outcome.results[0].get("unresolved", {}).values()]
    lacking = [outcome.results[0]["attack"] for outcome in outcomes if _figure(outcome, ordering.metric) is None]
    return reasons[0] if reasons and ordering.metric.startswith("tpr") else f"{', '.join(lacking)} has no {ordering.metric}"


def _error(metric: str, outcomes: tuple[Outcome, Outcome], *, paired: bool) -> float:
    """Return the standard error of the difference of a figure of two outcomes."""
    results = [outcome.results[0] for outcome in outcomes]
    if metric == "judged":
        # As where judged figures are averaged: a quarter of an interval's width is near enough to a standard error.
        return math.hypot(*((r["metric"]["ci"][1] - r["metric"]["ci"][0]) / 4 for r in results))
    first, second = ((o.scores[r["attack"]], r.get("cut")) for o, r in zip(outcomes, results, strict=True))
    if paired:
        return paired_error(metric, first, second, outcomes[0].member)
    return math.hypot(*(own_error(metric, each, o.member) for each, o in zip((first, second), outcomes, strict=True)))


Judged = tuple[NDArray[np.float64], float | None]


def own_error(metric: str, judged: Judged, member: NDArray[np.bool_]) -> float:
    """Return the standard error of a figure of one attack: DeLong's of an area, else that of a bootstrap as in `paired_error`.

    Where no draw differs, it is that of a share of all members.
    """
    if metric == "auc":
        return _error_of(math.sqrt(metrics.auc_variance(judged[0], member)), metrics.auc_interval(judged[0], member))
    figure, members = _figure_of_draw(metric, *judged, member), int(member.sum())
    error = float(np.std([figure(times) for times in _draws(member)], ddof=1))
    return _error_of(error, metrics.binomial_interval(members, members))


def paired_error(metric: str, first: Judged, second: Judged, member: NDArray[np.bool_]) -> float:
    """Return the standard error of the difference of a figure of two attacks on the same records.

    Of areas it is DeLong's (1988) for correlated curves; of other figures that of a paired bootstrap of 1,000 draws (Efron
    1979), members and non-members drawn apart, from a fixed generator.
    """
    if metric == "auc":
        return metrics.auc_difference_error(first[0], second[0], member)
    figures = [_figure_of_draw(metric, *judged, member) for judged in (first, second)]
    return float(np.std([figures[0](times) - figures[1](times) for times in _draws(member)], ddof=1))


def _draws(member: NDArray[np.bool_]) -> Iterator[NDArray[np.int64]]:
    """Yield how often each record is drawn in every resample, int64 (n,)."""
    inside, outside = np.flatnonzero(member), np.flatnonzero(~member)
    generator = np.random.default_rng(0)
    for _ in range(RESAMPLES):
        times = np.zeros(len(member), dtype=np.int64)
        for rows in (inside, outside):
            times[rows] = np.bincount(generator.integers(len(rows), size=len(rows)), minlength=len(rows))
        yield times


def _figure_of_draw(
    metric: str, score: NDArray[np.float64], cut: float | None, member: NDArray[np.bool_]
) -> Callable[[NDArray[np.int64]], float]:
    """Return a function of how often each record was drawn that gives the figure of that draw; scores are sorted only once."""
    members, others = int(member.sum()), int((~member).sum())
    if metric in ("balanced_accuracy", "precision"):
        assert cut is not None, "it has a balanced accuracy or a precision, so it has a cut"
        found, alarmed = (score >= cut) & member, (score >= cut) & ~member
        if metric == "precision":
            return lambda times: float(times[found].sum() / max(1, times[found].sum() + times[alarmed].sum()))
        return lambda times: float(times[found].sum() / members + 1 - times[alarmed].sum() / others) / 2
    order = np.argsort(-score, kind="stable")
    truth, last = member[order], np.append(np.nonzero(np.diff(score[order]))[0], len(score) - 1)
    allowed = float(metric.removeprefix("tpr_at_fpr_")) * others + 1e-9

    def rate(times: NDArray[np.int64]) -> float:
        drawn = times[order]
        alarms, hits = np.cumsum(drawn * ~truth)[last], np.cumsum(drawn * truth)[last]
        within = int(np.searchsorted(alarms, allowed, side="right"))
        return float(hits[within - 1]) / members if within else 0.0

    return rate


# -- rounding --------------------------------------------------------------------------------------------------------------


def _short(value: float) -> float:
    """Return a number to five decimals, and never a negative zero: what is finer differs between machines."""
    return round(value, DIGITS) + 0.0


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return _short(value)
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    return tuple(_rounded(inner) for inner in value) if isinstance(value, list) else value
