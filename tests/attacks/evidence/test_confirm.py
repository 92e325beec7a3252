"""`mia bench --confirm`: what is found again is carried over a change of code, what is not is reported; nothing is half done."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from attacks.engine.code import Code
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.evidence import bench, bench_plan, confirm_plan, differences, score_records
from attacks.evidence.confirm import Confirmation, Confirming
from attacks.evidence.runs import FailedRunError, Runs
from taxonomy import evidence
from taxonomy.check import check
from taxonomy.figures import Confirmed, Evidence, SeedFigures, confirmation, provenance
from taxonomy.findings import InputError
from taxonomy.fingerprints import Fingerprints
from taxonomy.loading import load

pytestmark = pytest.mark.slow

TINY = next(folder / "data" / "tiny" for folder in Path(__file__).parents if (folder / "data" / "tiny").is_dir())
ENTRY = """\
schema: 1
id: tiny-{name}
title: {name}
summary: For tests.
needs: [discriminative, {needs}, record.label]
run: attacks.discriminative.threshold:{run}
cost: {{queries_per_record: 1}}
{more}targets: {{power: [tiny], others: [tinier]}}
"""
LOSS = ENTRY.format(name="loss", needs="Q.scores", run="bounded_loss", more="params: {bound: 16.0}\n")
GAP = ENTRY.format(name="gap", needs="Q.labels", run="predicted_correctly", more="")
# Another bound is another text; whether it is another figure depends on how large losses are.
SAME, OTHER = (LOSS.replace("16.0", bound) for bound in ("16.5", "0.01"))
ORDERING = """\
schema: 1
id: tiny-ordering
title: An ordering
summary: For tests.
better: tiny-loss
worse: tiny-gap
metric: {metric}
targets: [tiny]
where: Nowhere
source: memory
safe: false
"""
NAMES = ("tiny-gap", "tiny-loss")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, store: Store) -> Path:
    """A catalog with two attacks on two targets and an ordering, measured with two seeds."""
    folder, tiny = tmp_path_factory.mktemp("measured"), (TINY / "targets" / "tiny.yaml").read_text()
    files = {"attacks/tiny-loss": LOSS, "attacks/tiny-gap": GAP, "orderings/tiny-ordering": ORDERING.format(metric="auc")}
    files["targets/tinier"] = tiny.replace("id: tiny\n", "id: tinier\n").replace("epochs: 40", "epochs: 2")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.yaml").write_text(text)
    (folder / "evidence").mkdir()
    catalog = load([TINY, folder])
    bench.Bench(catalog, Engine(catalog, store), folder / "evidence").run(groups(folder), range(2))
    assert stale(folder) == []
    return folder


@pytest.fixture
def own(measured: Path, tmp_path: Path) -> Path:
    """A copy of that catalog, to be changed."""
    return shutil.copytree(measured, tmp_path / "own")


def groups(folder: Path) -> list[bench_plan.Group]:
    catalog = load([TINY, folder])
    compared = tuple(catalog.attacks[name] for name in NAMES)
    ordering = catalog.kinds["orderings"]["tiny-ordering"]
    return [*bench_plan.groups(catalog, attacks=NAMES), bench_plan.Group(evidence.ORDERINGS, compared, (ordering,))]


def confirm(folder: Path, store: Store, progress=None) -> Confirmation:
    catalog = load([TINY, folder])
    engine = Engine(catalog, store)
    plan = confirm_plan.make(catalog, Fingerprints(catalog, engine.code.digest), groups(folder), folder / "evidence")
    return Confirming(catalog, engine, folder / "evidence", progress).run(plan)


def stale(folder: Path) -> list[str]:
    """Return the names of the files of which something is stale, as `mia check` finds them."""
    catalog, found = load([TINY, folder]), []
    prints = Fingerprints(catalog, Code().digest)
    for path in sorted((folder / "evidence").iterdir()):
        file = evidence.read(path)
        old = evidence.stale(prints, file) if isinstance(file, Evidence) else evidence.stale_orderings(prints, file)
        found += [path.stem] if old else []
    return found


def kept(folder: Path, name: str) -> dict:
    return json.loads((folder / "evidence" / f"{name}.json").read_text())


def edit(folder: Path, name: str, change) -> None:
    data = kept(folder, name)
    change(data)
    (folder / "evidence" / f"{name}.json").write_text(json.dumps(data))


def told(checked) -> list[tuple[str, str]]:
    return [(one.piece.name, one.piece.recorded.target) for one in checked]


def everything(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "evidence").iterdir()}


def test_what_is_not_stale_is_neither_run_nor_written(own, tmp_path):
    """Code whose text is the same is carried over as it is: nothing is run, and no byte changes."""
    before = everything(own)
    empty = Store(tmp_path / "empty")
    result = confirm(own, empty)
    assert (result.confirmed, result.changed, result.failed, result.written, result.trained) == ([], [], [], [], 0)
    assert everything(own) == before and list(empty.nodes()) == []
    entry = own / "attacks" / "tiny-loss.yaml"
    entry.write_text(LOSS.replace("title: loss", "title: Other words"))
    assert confirm(own, empty).written == [] and everything(own) == before


def test_equal_figures_are_stamped_anew_and_keep_where_they_were_measured(own, store, monkeypatch):
    monkeypatch.setattr("attacks.evidence.confirm.commit", lambda: "b" * 40)
    before = kept(own, "tiny-loss")
    edit(own, "tiny-loss", lambda data: data.update(commit="a" * 40))
    gap = kept(own, "tiny-gap")
    (own / "attacks" / "tiny-loss.yaml").write_text(SAME)
    assert stale(own) == ["orderings", "tiny-loss"]
    result = confirm(own, store)
    assert told(result.confirmed) == [("tiny-loss", "tinier"), ("tiny-loss", "tiny"), ("tiny-ordering", "tiny")]
    assert [one.compared for one in result.confirmed] == ["figures and scores"] * 2 + ["figures"]
    assert not result.changed and not result.failed and stale(own) == []
    after = kept(own, "tiny-loss")
    assert after["commit"] == "a" * 40 and after["versions"] == before["versions"]
    for old, new in zip(before["targets"], after["targets"], strict=True):
        stamp = new.pop("confirmed")
        assert (stamp["commit"], stamp["seed"], stamp["compared"]) == ("b" * 40, 0, "figures and scores")
        assert stamp["date"].count("-") == 2 and stamp["versions"]["torch"]
        assert old.pop("confirmed") is None and old.pop("fingerprint") != new.pop("fingerprint") and old == new
    assert kept(own, "tiny-gap") == gap and kept(own, "orderings")["orderings"][0]["confirmed"]["commit"] == "b" * 40
    assert confirm(own, store).confirmed == [], "it is not stale any more"
    sentences = provenance(evidence.find(load([TINY, own]), "tiny-loss"))
    assert sentences[0] == "measured at aaaaaaaaaaaa"
    assert sentences[1].startswith("confirmed at bbbbbbbbbbbb on 2") and sentences[1].endswith(": tiny, tinier")


def test_other_figures_are_reported_and_stay_stale(own, store):
    before = everything(own)
    (own / "attacks" / "tiny-loss.yaml").write_text(OTHER)
    result = confirm(own, store)
    assert set(told(result.changed)) == {("tiny-loss", "tinier"), ("tiny-loss", "tiny"), ("tiny-ordering", "tiny")}
    (one,) = (c for c in result.changed if told([c]) == [("tiny-loss", "tiny")])
    found = {change.figure: change for change in one.changes}
    (recorded,) = (t["seeds"][0] for t in kept(own, "tiny-loss")["targets"] if t["target"] == "tiny")
    assert found["auc"].before == recorded["auc"] != found["auc"].now and {"scores", "auc_ci[0]"} <= set(found)
    assert one.piece.again == "mia bench tiny-loss --seeds 2"
    assert everything(own) == before and stale(own) == ["orderings", "tiny-loss"]


def test_one_target_may_have_changed_and_another_not(own, store):
    """What a file says of another target is no reason not to carry over what was found again."""

    def lower(data):
        (tiny,) = (t for t in data["targets"] if t["target"] == "tiny")
        tiny["seeds"][0]["auc"] -= 0.001

    edit(own, "tiny-loss", lower)
    (own / "attacks" / "tiny-loss.yaml").write_text(SAME)
    result = confirm(own, store)
    assert told(result.changed) == [("tiny-loss", "tiny")] and [c.figure for c in result.changed[0].changes] == ["auc"]
    assert ("tiny-loss", "tinier") in told(result.confirmed)
    fingerprints = {t["target"]: t.get("confirmed") for t in kept(own, "tiny-loss")["targets"]}
    assert fingerprints["tinier"] and not fingerprints["tiny"] and stale(own) == ["tiny-loss"]


def test_a_file_without_scores_is_compared_by_its_figures(own, store):
    """And what it lacked is not held against it, but the scores are recorded for the next time."""

    def older(data):
        for target in data["targets"]:
            del target["confirmed"]
            for seed in target["seeds"]:
                for name in ("scores", "blind_baseline"):
                    del seed[name]
                del seed["target"][min(seed["target"])]

    edit(own, "tiny-loss", older)
    (own / "attacks" / "tiny-loss.yaml").write_text(SAME)
    before = kept(own, "tiny-loss")["targets"]
    result = confirm(own, store)
    assert not result.changed and {c.compared for c in result.confirmed} == {"figures"}
    for old, new in zip(before, kept(own, "tiny-loss")["targets"], strict=True):
        first, second = new["seeds"]
        assert len(first.pop("scores")) == score_records.NUMBERS and "scores" not in second and "blind_baseline" not in first
        assert [first, second] == old["seeds"] and new["confirmed"]["compared"] == "figures"
    (own / "attacks" / "tiny-loss.yaml").write_text(SAME.replace("16.5", "17.0"))
    assert {c.compared for c in confirm(own, store).confirmed if c.piece.name == "tiny-loss"} == {"figures and scores"}


def test_an_interrupt_leaves_what_was_confirmed_and_goes_on_from_there(own, store):
    class Interrupting:
        def start(self, what, total):
            pass

        def advance(self):
            raise KeyboardInterrupt

    (own / "attacks" / "tiny-loss.yaml").write_text(SAME)
    with pytest.raises(KeyboardInterrupt):
        confirm(own, store, Interrupting())
    assert {path.suffix for path in (own / "evidence").iterdir()} == {".json"}
    done = [t["target"] for t in kept(own, "tiny-loss")["targets"] if t["confirmed"]]
    assert done == ["tinier"]
    result = confirm(own, store)
    assert told(result.confirmed) == [("tiny-loss", "tiny"), ("tiny-ordering", "tiny")] and stale(own) == []


def test_what_fails_or_is_gone_costs_no_other(own, store, monkeypatch):
    (own / "attacks" / "tiny-loss.yaml").write_text(SAME)
    (own / "attacks" / "tiny-gap.yaml").write_text(GAP.replace("predicted_correctly", "predicted_nothing"))
    outcome, digest = Runs.outcome, Code.digest

    def failing(self, job):
        if job.attack.id == "tiny-loss" and job.target == "tinier":
            raise FailedRunError("no disk")
        return outcome(self, job)

    monkeypatch.setattr(Runs, "outcome", failing)
    edit(own, "orderings", lambda data: data["orderings"][0].update(target="tinier"))
    monkeypatch.setattr(Code, "digest", lambda self, run: "gone" if run.endswith("nothing") else digest(self, run))
    result = confirm(own, store)
    assert told(result.confirmed) == [("tiny-loss", "tiny")]
    errors = {told([one])[0]: one.error for one in result.failed}
    assert errors["tiny-loss", "tinier"] == "no disk" and "no longer" in errors["tiny-ordering", "tinier"]
    assert "predicted_nothing" in errors["tiny-gap", "tiny"]


def test_an_ordering_that_could_not_be_resolved_still_cannot(own, store):
    (own / "orderings" / "tiny-ordering.yaml").write_text(ORDERING.format(metric="tpr_at_fpr_0.001"))
    catalog = load([TINY, own])
    bench.Bench(catalog, Engine(catalog, store), own / "evidence").run(groups(own)[1:], range(2))
    assert kept(own, "orderings")["orderings"][0]["seeds"] == []
    (own / "attacks" / "tiny-loss.yaml").write_text(SAME)
    assert ("tiny-ordering", "tiny") in told(confirm(own, store).confirmed) and stale(own) == []


def test_a_damaged_file_is_wrong_input(own, store):
    (own / "evidence" / "tiny-loss.json").write_text("{")
    with pytest.raises(InputError, match=r"tiny-loss\.json: "):
        confirm(own, store)


# -- figures and scores

RUN = {"seed": 0, "target": {"training_accuracy": 0.9}, "auc": 0.71234, "auc_ci": (0.6, 0.8), "queries": 240, "models": 0}


def figures(**changes) -> SeedFigures:
    return SeedFigures.model_validate({**RUN, "command": "mia run", **changes})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"auc": 0.71235}, []),
        ({"auc": 0.71236}, ["auc"]),
        ({"auc": None}, ["auc"]),
        ({"auc_ci": (0.6, 0.80002)}, ["auc_ci[1]"]),
        ({"queries": 241}, ["queries"]),
        ({"target": {"training_accuracy": 0.91}}, ["target.training_accuracy"]),
        ({"target": {}}, ["target.training_accuracy"]),
        ({"target": {"training_accuracy": 0.9, "more": 1}}, []),
        ({"warnings": ["other words"], "command": "mia run --seed 0"}, []),
        ({"balanced_accuracy": 0.7}, []),
        ({"scores": [0.1] * 8}, []),
    ],
)
def test_figures_are_compared_to_their_last_place(changes, expected):
    assert [c.figure for c in differences.changes(figures(), figures(**changes))] == expected


def test_what_was_nothing_and_is_something_is_a_change():
    assert [c.figure for c in differences.changes(figures(balanced_accuracy=None), figures(balanced_accuracy=0.7))] == [
        "balanced_accuracy"
    ]
    (change,) = differences.changes(figures(scores=[0.1] * 8), figures(scores=[0.1] * 7 + [0.2]))
    assert change.figure == "scores"
    assert str(differences.Change("auc", 0.7, None)) == "auc was 0.7, is absent"


@pytest.mark.parametrize("count", [60, 400, 5000])
def test_the_record_of_scores(count):
    """It bears what processors do to last digits, and tells other scores; ties and infinities are scores like others."""
    rng = np.random.default_rng(3)
    score = rng.normal(size=count)
    score[::7], score[1] = score[0], -np.inf
    found = score_records.record(score)
    assert len(found) == 8 and all(abs(number) < 4 for number in found)
    with np.errstate(invalid="ignore"):
        near = score * (1 + 1e-9 * rng.normal(size=count))
    assert score_records.alike(found, score_records.record(near))
    assert score_records.alike(found, score_records.record(3 * score + 100)), "figures follow from the order alone"
    for other in (-score, score + 0.02 * rng.normal(size=count), rng.permutation(score)):
        assert not score_records.alike(found, score_records.record(other))
    assert not score_records.alike(found, found[:-1])
    assert score_records.record(np.zeros(count)) == [0.0] * 8


# -- the command


def test_command(own, tmp_path, mia, mia_json):
    arguments = ["bench", *NAMES, "--confirm", "--catalog", TINY, "--catalog", own]
    (own / "attacks" / "tiny-loss.yaml").write_text(SAME)
    planned = mia_json(*arguments, "--dry-run")
    assert (planned["stale"], planned["fresh"], planned["unmeasured"]) == (2, 2, [])
    assert [(g["group"], g["runs"]) for g in planned["groups"]] == [("tiny-loss", 2)] and not (tmp_path / "store").exists()
    hints = {Path(f.file).stem: f.hint for f in check([TINY, own])[1] if f.code == "MIA028" and "own" in f.file}
    assert "`mia bench tiny-loss --confirm`" in hints["tiny-loss"] and "--only orderings --confirm" in hints["orderings"]
    shown = mia(*arguments, "--dry-run").stdout
    assert "2 pieces of evidence are stale" in shown and "Dry run" in shown
    done = mia_json(*arguments)
    assert {(c["attack"], c["target"], c["seed"]) for c in done["confirmed"]} == {("tiny-loss", t, 0) for t in ("tiny", "tinier")}
    assert done["changed"] == done["failures"] == [] and [Path(p).name for p in done["written"]] == ["tiny-loss.json"]
    assert "Confirmed" in mia("show", "tiny-loss", "--catalog", TINY, "--catalog", own).stdout
    (own / "attacks" / "tiny-loss.yaml").write_text(OTHER)
    changed = mia(*arguments)
    assert changed.returncode == 1 and "auc was 0." in changed.stdout and "mia bench tiny-loss --seeds 2" in changed.stdout
    told = mia_json(*arguments, code=1)
    assert told["changed"][0]["again"] == "mia bench tiny-loss --seeds 2" and told["confirmed"] == []
    assert {"figure", "before", "now"} == set(told["changed"][0]["changes"][0])
    seeds = mia(*arguments, "--seeds", "1")
    assert seeds.returncode == 2 and "--seeds" in seeds.stderr
    none = mia_json(*arguments, "--out", tmp_path / "nowhere")
    assert none["unmeasured"] == sorted(NAMES) and none["written"] == []


def test_a_stamp_is_told_in_words():
    stamp = Confirmed(commit=None, date="2026-01-02", seed=1, compared="figures", versions={})
    assert confirmation(stamp) == "confirmed on 2026-01-02 by seed 1 (figures)"
