"""The bench: evidence for every attack, the same bytes twice, nothing measured anew, stale when it should be."""

from __future__ import annotations

import dataclasses
import json
import signal
from pathlib import Path

import numpy as np
import pytest
from interrupts import start

from attacks import metrics
from attacks.engine import plan as plans
from attacks.engine.code import Code
from attacks.engine.outcome import Outcome
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.evidence import bench, bench_plan
from taxonomy import evidence, fingerprints
from taxonomy.catalog import Catalog
from taxonomy.check import check
from taxonomy.findings import CatalogError, InputError
from taxonomy.loading import load

TINY = Path(__file__).parents[2] / "data" / "tiny"
ENTRY = """\
schema: 1
id: {id}
title: {id}
summary: For tests.
needs: [discriminative, {needs}]
{more}targets: {{power: [tiny]}}
"""
LOSS = ENTRY.format(
    id="tiny-loss",
    needs="Q.scores, record.label, loss-threshold",
    more="run: attacks.discriminative.threshold:loss_below_threshold\ncost: {queries_per_record: 1}\n",
)
RATIO = ENTRY.format(
    id="tiny-base",
    needs="Q.scores, record.label, shadow-models.matched",
    more="uses: {shadow-models.matched: {count: 4}}\nrun: attacks.discriminative.calibrated:base\nparams: {temperature: 1.0}\n"
    "cost: {queries_per_record: 1}\n",
)
ORDERING = """\
schema: 1
id: tiny-ordering
title: An ordering
summary: For tests.
better: tiny-base
worse: tiny-loss
metric: {metric}
targets: [tiny]
where: Nowhere
source: memory
safe: false
"""


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A catalog with two attacks that are measured on the tiny target, and their ordering."""
    files = {f"attacks/{name}.yaml": text for name, text in (("tiny-loss", LOSS), ("tiny-base", RATIO))}
    return write(tmp_path / "own", {**files, "orderings/tiny-ordering.yaml": ORDERING.format(metric="auc")})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


def measure(folder: Path, out: Path, store: Store, names=("tiny-base", "tiny-loss"), seeds=2) -> bench.Measured:
    catalog = load([TINY, folder])
    out.mkdir(exist_ok=True)
    groups = bench_plan.groups(catalog, attacks=names)
    if not names:
        compared = tuple(catalog.attacks[name] for name in ("tiny-base", "tiny-loss"))
        groups = [bench_plan.Group(evidence.ORDERINGS, compared, (catalog.kinds["orderings"]["tiny-ordering"],))]
    return bench.Bench(catalog, Engine(catalog, store), out).run(groups, range(seeds))


@pytest.mark.slow
def test_evidence_is_what_a_run_finds(own, tmp_path, store):
    measure(own, tmp_path / "out", store)
    found = json.loads((tmp_path / "out" / "tiny-base.json").read_text())
    (target,) = found["targets"]
    assert (found["attack"], target["target"], target["role"]) == ("tiny-base", "tiny", "power")
    assert [seed["seed"] for seed in target["seeds"]] == [0, 1]
    catalog = load([TINY, own])
    outcome = Engine(catalog, store).run(plans.make(catalog, catalog.target("tiny"), None, ["tiny-base"]), 1)
    second, result = target["seeds"][1], outcome.results[0]
    assert second["command"] == "mia run tiny-base --target tiny --seed 1"
    assert second["auc"] == pytest.approx(result["auc"], abs=1e-5) and second["queries"] == result["queries"] == 240
    assert second["target"]["training_accuracy"] == pytest.approx(outcome.target_facts["training_accuracy"], abs=1e-5)
    assert second["tpr_at_fpr"]["0.001"] is None and "cannot resolve" in second["unresolved"]["0.001"]
    low, high = target["auc"]["ci"]
    assert low < target["auc"]["mean"] < high
    assert target["auc"]["mean"] == pytest.approx(np.mean([s["auc"] for s in target["seeds"]]), abs=1e-5)
    assert 2 < len(target["roc"]) <= 60 and target["roc"][-1] == [1.0, 1.0]
    assert "seconds" not in json.dumps(found)


def test_a_second_run_measures_nothing_and_writes_the_same_bytes(own, tmp_path, store):
    measure(own, tmp_path / "a", store)
    before = len(list(store.nodes()))
    assert measure(own, tmp_path / "b", store).trained == 0
    assert len(list(store.nodes())) == before
    for name in ("tiny-base.json", "tiny-loss.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.slow
def test_what_was_named_later_is_reported_as_unmeasured(own, tmp_path, store):
    """A target that an entry names since, and one that an ordering does; an ordering elsewhere is none of this folder's."""
    measure(own, own / "evidence", store, seeds=1)
    measure(own, own / "evidence", store, names=(), seeds=1)
    (own / "targets").mkdir()
    (own / "targets" / "tinier.yaml").write_text(
        (TINY / "targets" / "tiny.yaml").read_text().replace("id: tiny\n", "id: tinier\n")
    )
    loss, ordering = own / "attacks" / "tiny-loss.yaml", own / "orderings" / "tiny-ordering.yaml"
    loss.write_text(LOSS.replace("[tiny]", "[tiny], others: [tinier]"))
    ordering.write_text(ORDERING.format(metric="auc").replace("[tiny]", "[tiny, {better: tiny, worse: tinier}]"))
    found = {Path(f.file).name: f.message for f in check([TINY, own])[1] if "own" in f.file and f.code != "MIA032"}
    assert found == {"tiny-loss.json": "not measured yet: tinier", "orderings.json": "not measured yet: tiny-ordering"}


@pytest.mark.slow
def test_the_fingerprint_follows_the_proof_that_runs(catalog):
    """`mia check` names the same proof as a run of that attack alone, for every attack and target of the catalog."""
    prints = fingerprints.Fingerprints(catalog, Code().digest)
    attacks = sorted((a for a in catalog.attacks.values() if a.run), key=lambda a: a.id)
    for attack in attacks:
        for name in bench_plan.targets_of(attack):
            plan = plans.make(catalog, catalog.target(name), None, [attack.id])
            proof = prints.proof(attack, catalog.target(name))
            assert {r.id for r in proof} == {r.id for r in plan.attacks[0].rules}, (attack.id, name)
            assert prints.models(attack, catalog.target(name)) == plan.models, (attack.id, name)


def codes(*folders: Path) -> list[str]:
    """Codes of what is found, beside the lack of a control: these attacks are measured on one small target alone."""
    return [f.code for f in check([TINY, *folders])[1] if "own" in f.file and f.code != "MIA032"]


@pytest.mark.slow
def test_stale_after_another_parameter_and_no_sooner(own, tmp_path, store, mia):
    measure(own, own / "evidence", store)
    measure(own, own / "evidence", store, names=())
    assert codes(own) == []
    entry = own / "attacks" / "tiny-base.yaml"
    entry.write_text(RATIO.replace("title: tiny-base", "title: Other words"))
    assert codes(own) == [], "words are not what was measured"
    entry.write_text(RATIO.replace("temperature: 1.0", "temperature: 2.0"))
    assert codes(own) == ["MIA028", "MIA028"], "the attack's evidence and that of the ordering"
    shown = mia("show", "tiny-base", "--catalog", TINY, "--catalog", own).stdout
    assert "tiny (stale)" in shown and "AUC 0." in shown
    assert "Measured" not in mia("show", "shokri-2017", "--catalog", TINY).stdout or evidence.find(load(), "shokri-2017")
    entry.write_text(RATIO.replace("count: 4", "count: 6"))
    assert "MIA028" in codes(own), "how much of an artifact is wanted is part of the proof"


def test_stale_after_other_code_of_the_attack_or_the_target(own, store):
    measure(own, own / "evidence", store, names=["tiny-loss"])
    catalog = load([TINY, own])
    found = evidence.find(catalog, "tiny-loss")
    assert evidence.stale(fingerprints.Fingerprints(catalog, Code().digest), found) == []
    for changed in (
        "attacks.discriminative.threshold:loss_below_threshold",
        "attacks.targets.classifier:build",
        fingerprints.MEASURED_BY[0],
    ):

        def digest(run: str, changed: str = changed) -> str:
            return Code().digest(run) + (" changed" if run == changed else "")

        assert evidence.stale(fingerprints.Fingerprints(catalog, digest), found) == ["tiny"], changed


@pytest.mark.slow
def test_orderings_are_measured_on_the_same_records(own, tmp_path, store):
    measured = measure(own, tmp_path / "out", store, names=())
    (found,) = json.loads((tmp_path / "out" / "orderings.json").read_text())["orderings"]
    assert found["verdict"] in ("holds", "undecided", "does not hold")
    for seed in found["seeds"]:
        assert seed["difference"] == pytest.approx(seed["better"] - seed["worse"], abs=2e-5) and seed["se"] > 0
    assert measured.ordered[0].difference.ci[0] <= found["difference"]["mean"] <= measured.ordered[0].difference.ci[1]
    (own / "orderings" / "tiny-ordering.yaml").write_text(ORDERING.format(metric="tpr_at_fpr_0.001"))
    (unresolved,) = measure(own, tmp_path / "out", store, names=()).ordered
    assert unresolved.verdict == "undecided" and "120 non-members cannot resolve" in unresolved.unresolved


@pytest.mark.slow
def test_an_attack_is_compared_with_itself(own, tmp_path, store):
    """With two settings it is as two runs with `--set`; on two targets the figures are those of each."""
    (own / "targets").mkdir()
    tiny = (TINY / "targets" / "tiny.yaml").read_text()
    (own / "targets" / "tinier.yaml").write_text(tiny.replace("id: tiny\n", "id: tinier\n").replace("epochs: 40", "epochs: 2"))
    changed = (
        ORDERING.format(metric="auc")
        .replace("tiny-loss", "tiny-base")
        .replace(
            "targets: [tiny]",
            "settings: {worse: {tiny-base.temperature: 3.0}}\ntargets: [tiny, {better: tiny, worse: tinier}]",
        )
    )
    (own / "orderings" / "tiny-ordering.yaml").write_text(changed)
    measure(own, own / "evidence", store, names=())
    one, two = (o for o in evidence.find_orderings(load([TINY, own])) if o.ordering == "tiny-ordering")
    assert (one.target, one.against, two.target, two.against) == ("tiny", None, "tiny", "tinier")
    catalog = load([TINY, own])
    for found, place in ((one, "tiny"), (two, "tinier")):
        better = plans.make(catalog, catalog.target("tiny"), None, ["tiny-base"])
        worse = plans.make(catalog, catalog.target(place), None, ["tiny-base"], {"tiny-base": {"temperature": "3.0"}})
        outcomes = [Engine(catalog, store).run(plan, 1) for plan in (better, worse)]
        figures = [outcome.results[0]["auc"] for outcome in outcomes]
        assert [found.seeds[1].better, found.seeds[1].worse] == pytest.approx(figures, abs=1e-5)
        if found.against:
            variances = [metrics.auc_variance(o.scores["tiny-base"], o.member) for o in outcomes]
            assert found.seeds[1].se == pytest.approx(sum(variances) ** 0.5, abs=1e-5), "two independent figures"
    assert codes(own) == []
    (own / "orderings" / "tiny-ordering.yaml").write_text(changed.replace("3.0", "4.0"))
    assert codes(own) == ["MIA028"], "another setting is another comparison"
    for wrong, hint in (("tiny-base.temprature", "temperature"), ("tiny-bose.temperature", "tiny-base")):
        (own / "orderings" / "tiny-ordering.yaml").write_text(changed.replace("tiny-base.temperature", wrong))
        with pytest.raises(CatalogError) as caught:
            load([TINY, own])
        (finding,) = caught.value.findings
        assert (finding.code, finding.line) == ("MIA013", 8) and hint in finding.hint


def test_an_attack_that_fails_gets_no_file_and_costs_no_other(own, tmp_path, store):
    text = LOSS.replace("tiny-loss", "tiny-base").replace("loss_below_threshold", "loss_below_nothing")
    (own / "attacks" / "tiny-base.yaml").write_text(text)
    measured = measure(own, tmp_path / "out", store, seeds=1)
    assert [path.name for path in measured.written] == ["tiny-loss.json"]
    assert {f["attack"] for f in measured.failures} == {"tiny-base"}


# -- the command


@pytest.mark.slow
def test_command(own, tmp_path, mia, mia_json):
    arguments = ["bench", "tiny-loss", "--catalog", TINY, "--catalog", own, "--seeds", "1", "--out", tmp_path / "out"]
    planned = mia_json(*arguments, "--dry-run")
    assert planned["groups"][0]["runs"] == 1 and planned["groups"][0]["finished"] == 0 and not (tmp_path / "out").exists()
    done = mia_json(*arguments)
    assert done["trained"] == 1 and done["failures"] == [] and [Path(p).name for p in done["written"]] == ["tiny-loss.json"]
    assert done["evidence"][0] == json.loads((tmp_path / "out" / "tiny-loss.json").read_text())
    again = mia(*arguments, "--dry-run").stdout
    assert mia_json(*arguments, "--dry-run")["groups"][0]["finished"] == 1 and "named" in again and "Dry run" in again


def test_wrong_names(mia):
    wrong = mia("bench", "--only", "treshold")
    assert wrong.returncode == 2 and "did you mean threshold?" in wrong.stderr
    every = load().attacks
    idle = every["yeom-2018-loss"].model_copy(update={"run": None})
    catalog = dataclasses.replace(load(), kinds={**load().kinds, "attacks": {**every, idle.id: idle}})
    for name, words in (("carlini-2022-lyra", "did you mean"), (idle.id, "no code")):
        with pytest.raises(InputError, match=words):
            bench_plan.groups(catalog, attacks=[name])


@pytest.mark.slow
def test_groups_are_the_files_of_the_attacks(catalog: Catalog):
    groups = {group.name: {a.id for a in group.attacks} for group in bench_plan.groups(catalog)}
    assert "yeom-2018-loss" in groups["threshold"] and "carlini-2022-lira" in groups["calibrated"]
    assert set().union(*groups.values()) == {a.id for a in catalog.attacks.values() if a.run}
    with pytest.raises(InputError, match="did you mean calibrated"):
        bench_plan.groups(catalog, ["calibrate"])


@pytest.mark.slow
def test_an_interrupt_leaves_whole_files_or_none(own, tmp_path):
    """Interrupted amid its work, it says so and goes on from there; no draft lies about."""
    arguments = ["bench", "tiny-loss", "tiny-base", "--seeds", "1", "--catalog", TINY, "--catalog", own]
    process = start(tmp_path, "piece 2", *arguments, "--out", tmp_path / "out")
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=300)
    assert process.returncode == 130 and "interrupted" in told and "Traceback" not in told
    assert list((tmp_path / "out").iterdir()) == []
    kept = [node.kind for node in Store(tmp_path / "store").nodes()]
    assert kept.count("model") == 1 and "block" not in kept
    measured = measure(own, tmp_path / "out", Store(tmp_path / "store"), seeds=1)
    assert measured.trained == 5 - 1 and len(measured.written) == 2


def test_an_audits_bounds_stand_seed_by_seed_beside_its_auc():
    member = np.arange(200) < 100
    runs = []
    for seed, bound in enumerate((0.0, 1.5)):
        score = np.random.default_rng(seed).normal(size=200) + member
        metric = {"name": "epsilon at least", "value": bound, "ci": None, "chance": 0.0, "details": {}}
        found = {**metrics.summarize(score, member, None), "metric": metric, "queries": 0, "models": 0}
        runs.append(Outcome(None, seed, {}, member, [found], scores={"audit": score}))
    measured = bench.on_target("audit", "coins", "power", "print", runs)
    assert measured.auc is not None and measured.metric is None, "the mean of lower bounds is no bound"
    assert [s.metric.value for s in measured.seeds] == [0.0, 1.5]


@pytest.mark.slow
def test_fuller_evidence_is_never_replaced(own, tmp_path, mia, mia_json):
    arguments = ["bench", "tiny-loss", "--catalog", TINY, "--catalog", own, "--out", tmp_path / "out"]
    mia_json(*arguments, "--seeds", "2")
    before = (tmp_path / "out" / "tiny-loss.json").read_bytes()
    fewer = mia(*arguments, "--seeds", "1")
    assert fewer.returncode == 2 and "holds 2 seeds" in fewer.stderr and "--out" in fewer.stderr
    assert (tmp_path / "out" / "tiny-loss.json").read_bytes() == before


@pytest.mark.slow
def test_an_attack_of_ones_own_is_measured_with_its_own_code(tmp_path, mia, mia_json):
    """The evidence lands in the catalog that was added, and nothing of its code runs unless it is trusted."""
    folder, code = tmp_path / "mine", tmp_path / "code"
    (folder / "attacks").mkdir(parents=True)
    code.mkdir()
    entry = ENTRY.format(id="my-loss", needs="Q.scores, record.label", more="run: my_attacks:by_loss\n")
    entry = entry.replace("[tiny]", "[tiny], null: digits-null")
    (folder / "attacks" / "my-loss.yaml").write_text(entry)
    (code / "my_attacks.py").write_text(
        "from attacks.models import signals\n\n\n"
        "def by_loss(records, scores):\n    return -signals.loss(scores(records.x), records.label)\n"
    )
    arguments = ["bench", "my-loss", "--catalog", TINY, "--catalog", folder, "--seeds", "1"]
    refused = mia(*arguments)
    assert refused.returncode == 2 and "--trust-code" in refused.stderr and not (folder / "evidence").exists()
    done = mia_json(*arguments, "--trust-code", code)
    assert done["failures"] == [] and done["written"] == [str(folder / "evidence" / "my-loss.json")]
    assert 0.5 < done["evidence"][0]["targets"][0]["auc"]["mean"] <= 1
    checked = ["check", "--catalog", TINY, "--catalog", folder]

    def findings(*more):
        return [line for line in mia(*checked, *more).stdout.splitlines() if line.startswith("mine/")]

    assert "MIA015" in findings()[0] and findings("--trust-code", code) == []
    assert "stale" not in mia("show", "my-loss", *checked[1:], "--trust-code", code).stdout
    (code / "my_attacks.py").write_text("def by_loss(records, scores):\n    return scores(records.x)[:, 0]\n")
    assert "MIA028" in findings("--trust-code", code)[0]
