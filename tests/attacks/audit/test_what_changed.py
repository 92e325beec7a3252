"""What changed between two folders: which attacks and records are the same, and what is told of folders that are no such."""

from __future__ import annotations

import json

import numpy as np
import pytest

from attacks import metrics
from attacks.audit import measured, what_changed
from attacks.metrics import change
from taxonomy.findings import InputError

MEMBER = np.arange(400) < 200


def scores(seed, *names, apart=1.0):
    generator = np.random.default_rng(seed)
    return {name: generator.normal(size=400) + apart * MEMBER for name in names}


def result(attack, score, member=MEMBER):
    return {"attack": attack, **metrics.summarize(score, member, None)}


def write(folder, data, **arrays):
    folder.mkdir()
    (folder / "results.json").write_text(json.dumps(data))
    np.savez(folder / "scores.npz", **arrays)
    return folder


def run(folder, found, *, seed=0, member=MEMBER, more=(), **other):
    """A folder as `mia run` writes it; `other` stands in the results besides."""
    data = {"target": "digits-mlp", "seed": seed, "results": [*(result(n, s, member) for n, s in found.items()), *more]}
    return write(folder, {**data, "threat_model": {"grants": []}, **other}, member=member, **found)


def audit(folder, found, ids, member=MEMBER, **more):
    """A folder as `mia audit` writes it: `found` has scores by threat model and attack; `more` are arrays."""
    models = [{"id": t, "results": [result(n, s, member) for n, s in of_t.items()]} for t, of_t in found.items()]
    names = {(f"{t}/{n}" if len(found) > 1 else n): s for t, of_t in found.items() for n, s in of_t.items()}
    return write(folder, {"name": "forest", "threat_models": models}, member=member, id=ids, **names, **more)


def compared(a, b):
    return what_changed.between(measured.read(a), measured.read(b))


def test_the_strongest_attack_of_each_side_is_compared_though_the_other_side_stops_it(tmp_path):
    """As where a mask stops all but the weak ones: those that are in both say nothing of what it bought."""
    strong, weak = scores(0, "lira", apart=2.0), scores(1, "gap", apart=0.3)
    stopped = [{"id": "lira", "why": "infeasible", "because": "it lacks scores"}]
    found = compared(run(tmp_path / "a", {**strong, **weak}), run(tmp_path / "b", weak, skipped=stopped))
    (gap,) = found.attacks
    assert gap.auc.difference == 0
    told = found.as_json()["strongest"]
    assert (told["a"]["attack"], told["b"]["attack"]) == ("lira", "gap")
    expected = change.of_area((strong["lira"], MEMBER), (weak["gap"], MEMBER), paired=True)
    assert told["auc"] == expected.as_json() and expected.ci[1] < 0


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"failures": [{"attack": "lira", "error": "ValueError: boom"}]},
        {"skipped": [{"id": "lira", "because": "this run's seed has no references"}]},
    ],
    ids=["not asked for", "failed", "could not be run"],
)
def test_an_attack_that_the_other_side_did_not_stop_is_no_headline(tmp_path, other):
    strong, weak = scores(0, "lira", apart=2.0), scores(1, "gap", apart=0.3)
    found = compared(run(tmp_path / "a", {**strong, **weak}), run(tmp_path / "b", weak, **other))
    told = found.as_json()
    assert {told["strongest"][side]["attack"] for side in "ab"} == {"gap"} and told["strongest"]["auc"]["difference"] == 0
    assert [one["attack"] for one in told["only_in_a"]] == ["lira"]
    assert [one["attack"] for one in told["failed"]["b"]] == (["lira"] if "failures" in other else [])


def test_records_without_ids_are_matched_by_their_features(tmp_path):
    """Numbers of rows name other records once a file is in another order."""
    content = np.arange(400, dtype=np.uint64) // 2  # each twice
    score = np.repeat(scores(0, "loss")["loss"][::2], 2)
    order = np.random.default_rng(0).permutation(400)
    numbers = np.arange(400).astype(str)
    before = audit(tmp_path / "a", {"api": {"loss": score}}, numbers, content=content)
    after = audit(tmp_path / "b", {"api": {"loss": score[order]}}, numbers, MEMBER[order], content=content[order])
    found = compared(before, after)
    assert found.paired and "by their features" in found.because
    (loss,) = found.attacks
    assert loss.auc.difference == 0 and loss.auc.ci[1] < 0.1
    other = audit(tmp_path / "c", {"api": {"loss": score}}, numbers, content=content + np.uint64(7))
    assert not compared(before, other).paired
    named = audit(tmp_path / "d", {"api": {"loss": score}}, numbers)
    assert not compared(before, named).paired


def test_two_runs_of_one_target_and_seed_are_paired(tmp_path):
    first, second = scores(0, "loss", "gap"), scores(1, "loss", "lira")
    judged = {"attack": "invert", "metric": {"name": "recovered", "value": 0.5, "ci": [0.4, 0.6]}}
    found = compared(run(tmp_path / "a", first, more=[judged]), run(tmp_path / "b", second, more=[judged]))
    assert found.paired and [attack.attack for attack in found.attacks] == ["loss"]
    told = found.as_json()
    assert told["only_in_a"] == [{"attack": "gap", "threat_model": None}]
    assert told["only_in_b"] == [{"attack": "lira", "threat_model": None}]
    assert told["not_compared"] == [{"attack": "invert", "threat_model": None}]
    (loss,) = told["attacks"]
    pair = (first["loss"], MEMBER), (second["loss"], MEMBER)
    assert loss["auc"] == change.of_area(*pair, paired=True).as_json()
    assert loss["tpr_at_fpr"] == {"0.01": change.of_rate(*pair, 0.01, paired=True).as_json(), "0.001": None}
    assert "200 non-members cannot resolve" in loss["unresolved"]["0.001"]
    assert json.loads(json.dumps(told)) == told


@pytest.mark.parametrize(("seed", "member", "why"), [(1, MEMBER, "target or seed"), (0, ~MEMBER, "other members")])
def test_runs_on_other_records_are_not_paired(tmp_path, seed, member, why):
    first, second = scores(0, "loss"), scores(1, "loss")
    found = compared(run(tmp_path / "a", first), run(tmp_path / "b", second, seed=seed, member=member))
    assert not found.paired and why in found.because
    assert found.attacks[0].auc == change.of_area((first["loss"], MEMBER), (second["loss"], member), paired=False)


def test_records_of_audits_are_matched_by_id_in_any_order(tmp_path):
    """The same figures to the last digit as in the same order; members and non-members may have the same ids."""
    ids = np.array([f"{k % 200}" for k in range(400)])
    first, second = scores(0, "loss"), scores(1, "loss")
    order = np.random.default_rng(2).permutation(400)
    a = audit(tmp_path / "a", {"api": first}, ids)
    same = compared(a, audit(tmp_path / "b", {"api": second}, ids))
    turned = compared(a, audit(tmp_path / "c", {"api": {"loss": second["loss"][order]}}, ids[order], MEMBER[order]))
    assert same.paired and turned.paired and same.attacks == turned.attacks and same.attacks[0].threat_model == "api"


def test_audits_with_other_records_are_not_paired(tmp_path):
    ids = np.array([f"{k}" for k in range(400)])
    a = audit(tmp_path / "a", {"api": scores(0, "loss")}, ids)
    other = np.where(np.arange(400) < 100, ids, "new")
    assert "an id stands at several" in compared(a, audit(tmp_path / "b", {"api": scores(1, "loss")}, other)).because
    shifted = np.array([f"{k + 100}" for k in range(400)])
    found = compared(a, audit(tmp_path / "c", {"api": scores(1, "loss")}, shifted))
    assert not found.paired and "200 of 400" in found.because
    assert not compared(a, run(tmp_path / "d", scores(1, "loss"))).paired


def test_several_threat_models_are_matched_by_name_and_one_by_attack_alone(tmp_path):
    ids = np.array([f"{k}" for k in range(400)])
    both = {"api": scores(0, "loss", "gap"), "labels": scores(1, "gap")}
    a, b = audit(tmp_path / "a", both, ids), audit(tmp_path / "b", {"labels": scores(2, "gap"), "api": scores(3, "loss")}, ids)
    found = compared(a, b)
    assert [(attack.threat_model, attack.attack) for attack in found.attacks] == [("api", "loss"), ("labels", "gap")]
    assert found.only_in_a == [("api", "gap")] and found.only_in_b == []
    one = compared(
        audit(tmp_path / "c", {"api": scores(0, "gap")}, ids), audit(tmp_path / "d", {"labels": scores(1, "gap")}, ids)
    )
    assert len(one.attacks) == 1 and one.as_json()["threat_models"] == {"a": ["api"], "b": ["labels"]}


def sound(folder, **change_of):
    found = scores(0, "loss")
    data = {"target": "digits-mlp", "seed": 0, "results": [result("loss", found["loss"])]} | change_of.pop("data", {})
    return write(folder, data, **{"member": MEMBER, **found, **change_of})


BROKEN = {
    "no JSON": (lambda f: (f / "results.json").write_text("{"), "results.json is not what"),
    "no UTF-8": (lambda f: (f / "results.json").write_bytes(b"\xff\xfe"), "results.json is not what"),
    "a list": (lambda f: (f / "results.json").write_text("[]"), "no mapping"),
    "no results": (lambda f: (f / "results.json").write_text("{}"), "`results` is no list"),
    "threat models": (lambda f: (f / "results.json").write_text('{"threat_models": [1]}'), "`threat_models` is no list"),
    "no results file": (lambda f: (f / "results.json").unlink(), "results.json is missing"),
    "no scores file": (lambda f: (f / "scores.npz").unlink(), "scores.npz is missing"),
    "no archive": (lambda f: (f / "scores.npz").write_bytes(b"PK\x03\x04 and then nothing"), "scores.npz is not what"),
    "empty archive": (lambda f: (f / "scores.npz").write_bytes(b""), "scores.npz is not what"),
    "one array": (lambda f: np.save((f / "scores.npz").open("wb"), np.zeros(3)), "no archive of arrays"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_damaged_folder_is_told_in_one_sentence(tmp_path, case):
    harm, said = BROKEN[case]
    folder = sound(tmp_path / "a")
    harm(folder)
    with pytest.raises(InputError, match=said) as caught:
        measured.read(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"loss": np.zeros(3)}, "one number .* for each of 400"),
        ({"loss": np.zeros(400, dtype=np.float32)}, "one number"),
        ({"loss": np.full(400, np.nan)}, "one number"),
        ({"member": np.arange(400)}, "true and false"),
        ({"member": np.ones(400, dtype=bool)}, "fewer than two"),
        ({"id": np.arange(400)}, "array of text"),
        ({"loss": np.array([None] * 400, dtype=object)}, "not what"),
        ({"data": {"results": [{"attack": "gap", "auc": 0.5}]}}, "'gap' are missing"),
        ({"data": {"results": [{"attack": "loss", "auc": 0.5, "tpr_at_fpr": {"low": 1}}]}}, "no mapping from rates"),
        ({"data": {"results": [{"attack": "loss", "auc": 0.5, "tpr_at_fpr": {"1.5": 1}}]}}, "no mapping from rates"),
    ],
)
def test_wrong_arrays_and_results_are_told(tmp_path, parts, said):
    with pytest.raises(InputError, match=said):
        measured.read(sound(tmp_path / "a", **parts))
    assert measured.read(sound(tmp_path / "b")).origin == ("digits-mlp", 0)
