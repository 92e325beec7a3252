"""The matrix of defenses and attacks: what a bench measures of a defense, paired with the undefended target; what is stale."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from attacks.engine import plan as plans
from attacks.engine.code import Code
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.evidence import bench, bench_plan, confirm_plan
from attacks.evidence.confirm import Confirming
from attacks.evidence.defense_places import Places
from taxonomy import defended, defense_evidence
from taxonomy.check import check, package
from taxonomy.defense_matrix import matrices
from taxonomy.findings import CatalogError, InputError
from taxonomy.fingerprints import Fingerprints
from taxonomy.loading import load

pytestmark = pytest.mark.slow

TINY = Path(__file__).parents[2] / "data" / "tiny"
DEFENSE = """\
schema: 1
id: {id}
title: {id}
summary: For tests.
category: output-masking
standing: later
mechanism: What it does.
changes: {changes}
utility_cost: Not known.
targets: [{targets}]
{more}"""
PACKAGES = [package("attacks"), package("taxonomy")]
OWN = {
    "tiny-labels": DEFENSE.format(
        id="tiny-labels",
        changes="answers",
        targets="tiny",
        more="replaces: {Q.scores: Q.labels}\nrun: attacks.defenses.masks:hide_scores\n",
    ),
    "tiny-dropout": DEFENSE.format(
        id="tiny-dropout",
        changes="training",
        targets="tiny",
        more="fits: [discriminative, stand-alone, differentiable]\nrun: attacks.defenses.regularised:dropout\n"
        "params: {inputs: 0.5, hidden: 0.5}\n",
    ),
}
# Of all attacks that are feasible on the tiny target, these: by loss, by label, by reference models, and by weights.
SOME = ("yeom-2018-loss", "yeom-2018-gap", "carlini-2022-lira-offline", "watson-2022-gradient-norm")


def write(folder: Path) -> Path:
    """Write a catalog with a mask and a training that are put on the tiny target."""
    (folder / "defenses").mkdir(parents=True)
    for name, text in OWN.items():
        (folder / "defenses" / f"{name}.yaml").write_text(text)
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return write(tmp_path / "own")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module", autouse=True)
def few():
    """Have only some attacks measured, with few reference models."""
    whole = Places.of

    def of(self, defense):
        return tuple(replace(one, attacks=tuple(a for a in one.attacks if a.id in SOME)) for one in whole(self, defense))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Places, "of", of)
        yield


def loaded(folder: Path):
    catalog = load([TINY, folder])
    lira = catalog.attacks["carlini-2022-lira-offline"]
    uses = {name: {**amounts, "count": 4} for name, amounts in lira.uses.items()}
    catalog.attacks[lira.id] = lira.model_copy(update={"uses": uses})
    return catalog


def measure(folder: Path, out: Path, store: Store, name: str, seeds: int = 2):
    catalog = loaded(folder)
    return bench.Bench(catalog, Engine(catalog, store), out).run(bench_plan.groups(catalog, [name]), range(seeds))


@pytest.fixture(scope="module")
def found(tmp_path_factory, store, few):
    """What was measured of both defenses over two seeds, and the catalog."""
    folder = tmp_path_factory.mktemp("found")
    own = write(folder / "own")
    measured = [measure(own, folder / "out", store, name) for name in OWN]
    assert not any(one.failures for one in measured)
    assert [path.name for one in measured for path in one.written] == [f"{name}.json" for name in OWN]
    return {path.stem: defense_evidence.read(path) for one in measured for path in one.written}, loaded(own)


def test_a_cell_is_what_runs_find_with_and_without_the_defense(found, store):
    evidence, catalog = found
    (target,) = evidence["tiny-dropout"].targets
    cells = {cell.attack: cell for cell in target.attacks}
    assert set(cells) == set(SOME) and {name for name, cell in cells.items() if cell.inside} == {"watson-2022-gradient-norm"}
    cell, engine = cells["carlini-2022-lira-offline"], Engine(catalog, store)
    for name, applied in (("undefended", None), ("naive", False), ("adaptive", True)):
        defense = defended.apply(catalog, "tiny-dropout", {}, adaptive=applied) if applied is not None else None
        plan = plans.make(catalog, catalog.target("tiny"), None, ["carlini-2022-lira-offline"], None, defense)
        for seed in (0, 1):
            auc = engine.run(plan, seed).results[0]["auc"]
            assert getattr(cell.seeds[seed], name) == pytest.approx(auc, abs=1e-5), (name, seed)
    assert engine.workshop.trained == 0, "the bench ran the same"


def test_changes_are_paired_means_of_their_seeds(found):
    evidence, _ = found
    for one in (cell for e in evidence.values() for cell in e.targets[0].attacks):
        if one.adaptive is None:
            continue
        change, knowing = one.adaptive.auc_change, one.knowing
        assert change.mean == pytest.approx(sum(s.adaptive - s.undefended for s in one.seeds) / 2, abs=2e-5)
        assert knowing.mean == pytest.approx(sum(s.adaptive - s.naive for s in one.seeds) / 2, abs=2e-5)
        assert change.ci[0] <= change.mean <= change.ci[1] and change.ci[0] < change.ci[1]
        assert one.adaptive.tpr_change["0.001"] is None, "120 records cannot resolve it"


def test_a_mask_stops_attacks_of_who_is_outside_and_costs_no_accuracy(found):
    evidence, _ = found
    (target,) = evidence["tiny-labels"].targets
    cells = {cell.attack: cell for cell in target.attacks}
    assert "watson-2022-gradient-norm" not in cells, "who holds the model asks past a mask"
    gap, loss = cells["yeom-2018-gap"], cells["yeom-2018-loss"]
    assert gap.adaptive.auc_change.mean == 0 and loss.undefended.auc.mean > 0.5
    assert target.test_accuracy.change.mean == 0 and target.test_accuracy.undefended.mean > 0.5
    assert target.training_seconds.undefended == target.training_seconds.defended > 0


def test_the_matrix_names_the_strongest_attack_and_the_front(found):
    evidence, _ = found
    (tiny,) = matrices(evidence)
    outside = [cell for row in tiny.rows for cell in row.measured.attacks if not cell.inside]
    assert tiny.undefended.auc.mean == max(cell.undefended.auc.mean for cell in outside)
    for row in tiny.rows:
        left = [cell.adaptive.auc.mean for cell in row.measured.attacks if cell.adaptive and not cell.inside]
        assert row.adaptive.auc.mean == max(left) and set(row.stopped) == {
            c.attack for c in row.measured.attacks if not c.adaptive
        }
    points = {point.name: point for point in tiny.points()}
    assert set(points) == {"no defense", *OWN} and any(point.front for point in points.values())
    for point in points.values():
        dominated = any(
            q.accuracy.mean >= point.accuracy.mean and q.auc.mean <= point.auc.mean
            for q in points.values()
            if (q.accuracy.mean, q.auc.mean) != (point.accuracy.mean, point.auc.mean)
        )
        assert point.front != dominated


def test_a_second_run_measures_nothing_and_writes_the_same_bytes(own, tmp_path, store):
    first = measure(own, tmp_path / "a", store, "tiny-labels")
    again = measure(own, tmp_path / "b", store, "tiny-labels")
    assert again.trained == 0 and first.written[0].read_bytes() == again.written[0].read_bytes()
    with pytest.raises(InputError, match="holds 2 seeds"):
        bench_plan.keep_fuller(tmp_path / "a", bench_plan.groups(loaded(own), ["tiny-labels"]), 1)
    jobs = {"tiny-labels": bench_plan.groups(loaded(own), ["tiny-labels"])[0].jobs([0, 1])}
    (expected,) = bench_plan.estimates(loaded(own), Code(), store, jobs, 1)
    assert (expected.runs, expected.finished, expected.models) == (len(jobs["tiny-labels"]), expected.runs, 0)


def test_evidence_is_stale_when_the_defense_changes_and_no_sooner(own, store):
    measure(own, own / "evidence", store, "tiny-dropout", seeds=1)

    def told():
        catalog = loaded(own)
        return [f"{f.code} {f.message}" for f in defense_evidence.check(catalog, PACKAGES)]

    entry = own / "defenses" / "tiny-dropout.yaml"
    entry.write_text(OWN["tiny-dropout"].replace("For tests.", "In other words."))
    assert told() == []
    entry.write_text(OWN["tiny-dropout"].replace("hidden: 0.5", "hidden: 0.4"))
    assert told() == ["MIA028 the defense, an attack or tiny has changed since it was measured"]
    entry.write_text(OWN["tiny-dropout"].replace("[tiny]", "[tiny, digits-mlp]"))
    assert told() == ["MIA028 not measured yet: digits-mlp"]
    path = own / "evidence" / "defenses" / "tiny-dropout.json"
    data = json.loads(path.read_text())
    for wrong, said in (
        ({**data, "defense": "tiny-droput"}, "the file is named after tiny-dropout, but is about tiny-droput"),
        ({**data, "targets": []}, "targets: list should have at least 1 item"),
        ({**data, "mood": "good"}, "mood: "),
    ):
        path.write_text(json.dumps(wrong))
        assert told()[0].startswith("MIA029") and said in told()[0]


def test_what_is_found_again_is_carried_over_and_what_is_not_is_told(own, store):
    measure(own, own / "evidence", store, "tiny-labels", seeds=1)
    path = own / "evidence" / "defenses" / "tiny-labels.json"

    def confirm(change):
        data = json.loads(path.read_text())
        for cell in data["targets"][0]["attacks"]:
            change(cell)
        path.write_text(json.dumps(data))
        catalog = loaded(own)
        engine = Engine(catalog, store)
        groups = bench_plan.groups(catalog, ["tiny-labels"])
        plan = confirm_plan.make(catalog, Fingerprints(catalog, engine.code.digest), groups, own / "evidence")
        return Confirming(catalog, engine, own / "evidence").run(plan)

    assert confirm(lambda cell: None).confirmed == [], "it is not stale"
    again = confirm(lambda cell: cell.update(fingerprint="old"))
    assert [one.as_json()["defense"] for one in again.confirmed] == ["tiny-labels"] and again.written == [path]
    (target,) = defense_evidence.read(path).targets
    assert target.confirmed.seed == 0 and "old" not in {cell.fingerprint for cell in target.attacks}
    other = confirm(lambda cell: (cell.update(fingerprint="old"), cell["seeds"][0].update(undefended=0.123)))
    assert other.confirmed == other.written == [] and other.changed[0].piece.again == "mia bench --only tiny-labels --seeds 1"
    assert {change.figure for change in other.changed[0].changes} == {f"{cell.attack}.undefended" for cell in target.attacks}


def test_an_attack_that_fails_is_absent_and_costs_no_other(own, tmp_path, store):
    catalog = loaded(own)
    loss = catalog.attacks["yeom-2018-loss"]
    catalog.attacks[loss.id] = loss.model_copy(update={"run": "attacks.discriminative.threshold:nothing"})
    out = tmp_path / "out"
    found = bench.Bench(catalog, Engine(catalog, store), out).run(bench_plan.groups(catalog, ["tiny-dropout"]), [0])
    assert {(f["attack"], f.get("adversary")) for f in found.failures} == {(loss.id, a) for a in (None, "naive", "adaptive")}
    assert {cell.attack for cell in found.defenses[0].targets[0].attacks} == {*SOME} - {loss.id}


def test_groups_and_wrong_names(own):
    catalog = load([TINY, own])
    assert {g.name for g in bench_plan.groups(catalog, ["defenses"])} >= set(OWN)
    assert [g.name for g in bench_plan.groups(catalog, ["tiny-labels"])] == ["tiny-labels"]
    with pytest.raises(InputError, match="did you mean tiny-labels"):
        bench_plan.groups(catalog, ["tiny-label"])
    with pytest.raises(InputError, match="no code yet"):
        bench_plan.groups(catalog, ["text-only-answers"])
    entry = own / "defenses" / "tiny-dropout.yaml"
    entry.write_text(OWN["tiny-dropout"].replace("[tiny]", "[tiny, rand-random-forest]"))
    (finding,) = (f for f in check([TINY, own])[1] if f.code == "MIA036")
    assert finding.line == 10 and "rand-random-forest is not differentiable" in finding.message
    entry.write_text(OWN["tiny-dropout"].replace("[tiny]", "[tyni]"))
    with pytest.raises(CatalogError, match="unknown target 'tyni'"):
        load([TINY, own])


def test_where_nobody_outside_has_an_attack_the_strongest_is_of_who_is_inside(found):
    evidence, _ = found
    (target,) = evidence["tiny-dropout"].targets
    inside = target.model_copy(update={"attacks": [cell for cell in target.attacks if cell.inside]})
    (tiny,) = matrices({"tiny-dropout": evidence["tiny-dropout"].model_copy(update={"targets": [inside]})})
    assert tiny.undefended.attack == tiny.rows[0].adaptive.attack == "watson-2022-gradient-norm"


def test_the_bench_tells_what_a_defense_takes(own, mia_json):
    catalogs = ["--catalog", TINY, "--catalog", own]
    told = mia_json("bench", "--only", "tiny-labels", *catalogs, "--seeds", "2", "--dry-run")
    (group,) = told["groups"]
    assert group["group"] == "tiny-labels" and group["targets"] == ["tiny"] and group["runs"] > 2 * group["attacks"]


def test_the_commands_show_what_was_measured(own, store, mia, mia_json):
    catalogs = ["--catalog", TINY, "--catalog", own]
    before = mia_json("defenses", "--matrix", *catalogs)
    assert all(one["target"] != "tiny" for one in before["targets"]) and "tiny-labels" in before["unmeasured"]
    measure(own, own / "evidence", store, "tiny-labels", seeds=1)
    (tiny,) = (one for one in mia_json("defenses", "--matrix", *catalogs)["targets"] if one["target"] == "tiny")
    assert tiny["defenses"][0]["defense"] == "tiny-labels" and "test_accuracy" in tiny["defenses"][0]
    assert tiny["defenses"][0]["strongest"]["adaptive"]["attack"] == "yeom-2018-gap"
    assert "tiny-labels" in mia("defenses", "--matrix", *catalogs).stdout
    shown = mia("show", "tiny-labels", *catalogs).stdout
    assert "Measured:" in shown and "stopped" in shown
    assert mia_json("show", "tiny-labels", *catalogs)["evidence"]["defense"] == "tiny-labels"
    threat = ["--model", "discriminative", "--observation", "black-box", "--knows", "Q.scores", "--knows", "record.label"]
    named = mia_json("harden", *threat, *catalogs)
    assert [(one["defense"], one["target"]) for one in named["measured"] if one["target"] == "tiny"] == [("tiny-labels", "tiny")]
    assert "and with it, adaptive" in mia("harden", *threat, *catalogs).stdout
