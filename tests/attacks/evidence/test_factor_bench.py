"""A factor is measured on real targets that differ in one thing: figures, changes, the same bytes, and nothing done twice."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from attacks.engine import plan as plans
from attacks.engine.code import Code
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.evidence import factor_bench, factor_jobs, factor_picture
from taxonomy import defended, factor_evidence, factors
from taxonomy.findings import InputError
from taxonomy.fingerprints import Fingerprints
from taxonomy.loading import load

TINY = Path(__file__).parents[2] / "data" / "tiny"
FACTOR = """\
schema: 1
id: {id}
title: A factor
summary: For tests.
where: Nowhere
measure: Somehow.
varies:
  axis: {axis}
  parameter: {parameter}
  values: {values}
  targets: [tiny]
  attacks: [{attacks}]
"""
EPOCHS = FACTOR.format(
    id="tiny-epochs", axis="epochs", parameter="target.epochs", values="[1, 40]", attacks="yeom-2018-gap, yeom-2018-loss"
)
MEMBERS = FACTOR.format(
    id="tiny-members", axis="records", parameter="target.members", values="[60, 120]", attacks="yeom-2018-gap"
)
DATA = FACTOR.format(
    id="tiny-data", axis="data", parameter="target.data", values="[digits, nothing-such]", attacks="yeom-2018-gap"
)

DEFENSE = FACTOR.format(
    id="tiny-rounded", axis="digits", parameter="rounded-scores.digits", values="[1, 4]", attacks="yeom-2018-loss"
)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "own" / "factors").mkdir(parents=True)
    for name, text in (("tiny-epochs", EPOCHS), ("tiny-members", MEMBERS), ("tiny-data", DATA), ("tiny-rounded", DEFENSE)):
        (tmp_path / "own" / "factors" / f"{name}.yaml").write_text(text)
    return tmp_path / "own"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


def measure(own: Path, name: str, store: Store, seeds: int = 2) -> tuple[factor_bench.Measured, Engine]:
    catalog = load([TINY, own])
    factor = catalog.kinds["factors"][name]
    found = factors.curves(catalog, factor)
    engine = Engine(factors.with_points(catalog, found), store, code=Code())
    return factor_bench.measure(factor, found, engine, range(seeds)), engine


def test_a_parameter_of_a_defense_is_varied_on_the_defended_target(own, tmp_path):
    measured, engine = measure(own, "tiny-rounded", Store(tmp_path / "store"), 1)
    assert measured.failures == [] and measured.evidence is not None
    points = measured.evidence.curves[0].points
    assert points[0].fingerprint != points[1].fingerprint
    for point, digits in zip(points, ("1", "4"), strict=True):
        defense = defended.apply(engine.catalog, "rounded-scores", {"digits": digits})
        plan = plans.make(engine.catalog, engine.catalog.target("tiny"), None, ["yeom-2018-loss"], None, defense)
        outcome = engine.run(plan, 0)
        assert point.seeds[0].auc == pytest.approx(outcome.results[0]["auc"], abs=1e-5)
        assert point.seeds[0].target.keys() == outcome.target_facts.keys()


@pytest.mark.slow
def test_a_factor_is_what_runs_find(own, tmp_path, store):
    measured, engine = measure(own, "tiny-epochs", store)
    evidence = measured.evidence
    assert measured.failures == [] and evidence is not None and measured.trained == 4, "two values with two seeds"
    assert [(c.attack, c.target) for c in evidence.curves] == [("yeom-2018-gap", "tiny"), ("yeom-2018-loss", "tiny")]
    loss = evidence.curves[1]
    assert [p.value for p in loss.points] == ["1", "40"] and loss.points[0].auc_change is None
    # What was seen forty times is better known than what was seen once.
    assert loss.points[1].paired and loss.points[1].auc_change.mean > 0
    assert loss.points[1].auc_change.mean == pytest.approx(loss.points[1].auc.mean - loss.points[0].auc.mean, abs=2e-5)
    facts = [point.seeds[0].target["training_accuracy"] for point in loss.points]
    assert facts[0] < facts[1]
    outcome = engine.run(plans.make(engine.catalog, engine.catalog.target("tiny"), None, ["yeom-2018-loss"]), 1)
    assert loss.points[1].seeds[1].auc == pytest.approx(outcome.results[0]["auc"], abs=1e-5)
    prints = Fingerprints(engine.catalog, engine.code.digest)
    assert factor_evidence.stale(prints, evidence) == []
    again, _ = measure(own, "tiny-epochs", store)
    assert again.trained == 0 and again.evidence == evidence
    files = [factor_bench.write(tmp_path, one.evidence)[0].read_bytes() for one in (measured, again)]
    assert files[0] == files[1] and factor_evidence.read(tmp_path / "tiny-epochs.json") == evidence
    with pytest.raises(InputError, match="holds 2 seeds, and 1 would replace them"):
        factor_jobs.keep_fuller(tmp_path / "tiny-epochs.json", 1)
    factor_jobs.keep_fuller(tmp_path / "tiny-epochs.json", 2)


@pytest.mark.slow
def test_other_candidates_are_not_paired(own, store):
    evidence = measure(own, "tiny-members", store)[0].evidence
    assert evidence is not None
    assert [(p.paired, p.auc_change is None) for p in evidence.curves[0].points] == [(True, True), (False, False)]


def test_what_cannot_be_made_leaves_no_evidence(own, store):
    measured, _ = measure(own, "tiny-data", store, seeds=1)
    assert measured.evidence is None
    (failure,) = measured.failures
    assert failure["target"] == "tiny~nothing-such" and "unknown data set 'nothing-such'" in failure["error"]


def test_jobs_come_target_by_target(own):
    catalog = load([TINY, own])
    jobs = factor_jobs.jobs(factors.curves(catalog, catalog.kinds["factors"]["tiny-epochs"]), [0, 1])
    assert [(j.target, j.seed, j.attack.id) for j in jobs] == [
        (target, seed, attack)
        for target in ("tiny", "tiny~1")
        for seed in (0, 1)
        for attack in ("yeom-2018-gap", "yeom-2018-loss")
    ]


def evidence_of(values: list[str], title: str = "one") -> factor_evidence.FactorEvidence:
    mean = {"mean": 0.6, "ci": [0.55, 0.65]}
    seeds = [{"seed": 0, "target": {}, "auc": 0.6, "auc_ci": [0.5, 0.7]}]
    points = [{"value": v, "fingerprint": "f", "auc": mean, "tpr": mean if v == "2" else None, "seeds": seeds} for v in values]
    curves = [{"attack": title, "target": None, "points": points}, {"attack": "two", "target": "tiny", "points": points}]
    whole = {"schema": 1, "factor": "f", "axis": "a < b", "versions": {}, "curves": curves}
    return factor_evidence.FactorEvidence.model_validate_json(json.dumps(whole))


def test_the_picture_stands_alone_and_joins_only_numbers():
    drawn = factor_picture.svg(evidence_of(["1", "2", "1,000"]), "A & B")
    root = ElementTree.fromstring(drawn)  # noqa: S314  (it is ours)
    space = "{http://www.w3.org/2000/svg}"
    assert root.get("aria-label") == "A & B" and root.find(f"{space}desc") is not None
    circles = root.findall(f".//{space}circle")
    assert len(circles) == 2 * 3 + 2 * 1, "every point with its AUC, and each rate that was resolved"
    lines = [p for p in root.findall(f".//{space}path") if "L" in p.get("d", "")]
    assert len(lines) == 2, "one line a curve in the first panel; a rate alone has none"
    apart = ElementTree.fromstring(factor_picture.svg(evidence_of(["tree", "forest"]), "A"))  # noqa: S314
    assert [p for p in apart.findall(f".//{space}path") if "L" in p.get("d", "")] == []
