"""A defense in an audit file: a mask on top of what the model answers, which figures, report and text say; others are refused."""

from __future__ import annotations

import forest
import numpy as np
import pandas as pd
import pictures
import pytest
import torch
from inference_server import tensor
from test_wrong_audits import refused

from attacks.audit import file as files
from attacks.audit import running
from attacks.audit.reading import Trust, parts
from attacks.handles import Ledger

FEW = "attacks: [yeom-2018-loss, yeom-2018-gap, ml-leaks-3]\n"
ROUNDED = "defense: {id: rounded-scores, params: {digits: 1}}\n"
COUNT = 120
CLASSES = ("sick", "well")


@pytest.fixture
def recorded(tmp_path):
    """A folder with recorded answers that a tenth does not hold, and the same rounded by hand to tenths."""
    generator = np.random.default_rng(10)
    for side, shift in (("train", 2.0), ("holdout", 0.5)):
        label = generator.integers(0, 2, COUNT)
        sick = 1 / (1 + np.exp(-generator.normal(size=COUNT) * 2 - shift * np.where(label == 0, 1, -1)))
        table = pd.DataFrame({"p_sick": sick, "p_well": 1 - sick, "outcome": np.array(CLASSES)[label]})
        table["patient"] = [f"{side}-{k}" for k in range(COUNT)]
        table.to_csv(tmp_path / f"{side}.csv", index=False)
        table[["p_sick", "p_well"]] = table[["p_sick", "p_well"]].round(1)
        table.to_csv(tmp_path / f"{side}_by_hand.csv", index=False)
    stated = forest.AUDIT.replace("{kind: sklearn, file: model.skops}", "{kind: arrays, scale: probabilities}") + FEW
    (tmp_path / "plain.yaml").write_text(stated)
    (tmp_path / "masked.yaml").write_text(stated + ROUNDED)
    (tmp_path / "by_hand.yaml").write_text(stated.replace(".csv", "_by_hand.csv"))
    return tmp_path


def scores(folder) -> dict[str, np.ndarray]:
    with np.load(folder / "scores.npz") as found:
        return dict(found)


@pytest.mark.slow
def test_a_mask_gives_what_answers_give_that_were_rounded_by_hand(recorded, mia_json):
    names = ("plain", "masked", "by_hand")
    plain, masked, _ = (mia_json("audit", f"{name}.yaml", "--out", name)["threat_models"][0] for name in names)
    one, two, other = (scores(recorded / name) for name in ("masked", "by_hand", "plain"))
    for name in ("yeom-2018-loss", "ml-leaks-3"):
        np.testing.assert_allclose(one[name], two[name], rtol=1e-12)
        assert not np.allclose(one[name], other[name], rtol=1e-3), "the mask does something"
    gap = [forest.by_attack({"threat_models": [found]})["yeom-2018-gap"] for found in (plain, masked)]
    for attack in gap:
        del attack["seconds"], attack["fingerprint"]
    assert gap[0] == gap[1]
    assert one["yeom-2018-gap"].tobytes() == other["yeom-2018-gap"].tobytes()
    assert "Q.scores" in plain["grants"] and "Q.scores" not in masked["grants"] and "Q.rounded-scores" in masked["grants"]


def test_the_label_that_is_left_is_the_models_own(recorded, catalog, monkeypatch):
    monkeypatch.setenv("MIA_STORE", str(recorded / "store"))
    audit = files.read(recorded / "masked.yaml")
    with running.prepared(catalog, parts(audit, Trust()), audit=audit) as ready:
        (case,) = ready.plans
        target = ready.engine.target_of(case.plan, ready.seed)
        own, left = (one.makers["Q.labels"](Ledger())(one.x) for one in (ready.target, target))
        shown = target.makers["Q.rounded-scores"](Ledger())(target.x).exp()
    assert torch.equal(own, left)
    assert len(shown.mul(1e6).round().unique()) <= 11, "tenths, and what stands for 0 and 1"


@pytest.mark.slow
def test_report_results_and_text_say_what_the_mask_is(recorded, mia, mia_json):
    found = mia_json("audit", "masked.yaml", "--out", "masked", "--format", "sacro", "--format", "aisvs")
    defense = found["defense"]
    assert {key: defense[key] for key in ("id", "title", "params", "adaptive")} == {
        "id": "rounded-scores",
        "title": "Rounded scores",
        "params": {"digits": 1},
        "adaptive": True,
    }
    accuracy = defense["utility"]["test_accuracy"]
    assert 0.5 < accuracy["defended"] == accuracy["undefended"] < 0.9
    said = "Answers were masked: attacks were shown what the defense “Rounded scores” (rounded-scores, digits 1) leaves of them."
    first = (recorded / "masked" / "report.html").read_text().split('class="details"')[0]
    assert said in first and "simulated" in first and "The adversary knows of it" in first
    for name in ("aisvs.md", "summary.txt"):
        assert "It was simulated" in (recorded / "masked" / name).read_text(), name
    (recorded / "masked.yaml").write_text(
        (recorded / "masked.yaml").read_text().replace("digits: 1}", "digits: 1}, adaptive: false")
    )
    printed = " ".join(mia("audit", "masked.yaml", "--out", "naive").stdout.split())
    assert said in printed and "The adversary does not know of it" in printed
    assert mia_json("audit", "masked.yaml", "--dry-run")["defense"]["adaptive"] is False
    plain = mia_json("audit", "plain.yaml", "--out", "plain")
    assert plain["defense"] is None
    assert "Answers were masked" not in (recorded / "plain" / "report.html").read_text()
    noted = mia_json("diff", "plain", "naive")["notes"]
    assert "The defense of A is none, and that of B rounded-scores (digits 1, not known to the adversary)." in noted


@pytest.mark.slow
def test_models_of_an_adversary_who_knows_of_the_mask_answer_through_it(folder, mia_json):
    forest.add(folder, forest.POPULATION + forest.TRAIN + "attacks: [sablayrolles-2019-mast]\nlimits: {models: 4}\n")
    found = {}
    for name, adaptive in (("knows", "true"), ("does-not", "false")):
        text = f"defense: {{id: softmax-temperature, params: {{temperature: 20.0}}, adaptive: {adaptive}}}\n"
        (folder / f"{name}.yaml").write_text((folder / "audit.yaml").read_text() + text)
        done = mia_json("audit", f"{name}.yaml", "--trust-code", ".", "--out", name)
        found[name] = scores(folder / name)["sablayrolles-2019-mast"]
        result = forest.by_attack(done)["sablayrolles-2019-mast"]
        assert result["seed_spread"] is None and done["record_alarms"] is None
        assert result["queries"] == 0, "a copy at home is asked for nothing"
    # A score is what losses of models with and without the record come to, less the target's: so masked, all are nearly alike.
    assert np.median(np.abs(found["knows"])) < np.median(np.abs(found["does-not"])) / 3


@pytest.mark.slow
def test_an_attack_that_trains_by_itself_trains_by_the_users_function_behind_it(folder, mia_json):
    """CMIA takes the trainer in its own hands, where others are handed models."""
    forest.add(folder, forest.POPULATION + forest.TRAIN + "attacks: [du-2026-cmia]\n")
    plain = mia_json("audit", "audit.yaml", "--out", "plain", "--trust-code", ".")
    forest.add(folder, ROUNDED)
    masked = mia_json("audit", "audit.yaml", "--out", "masked", "--trust-code", ".")
    assert plain["failures"] == masked["failures"] == []
    one, other = (scores(folder / name)["du-2026-cmia"] for name in ("plain", "masked"))
    assert not np.allclose(one, other), "the mask does something"


@pytest.mark.slow
def test_recorded_models_of_ones_own_answer_through_it_too(recorded, mia_json):
    generator = np.random.default_rng(11)
    answers = generator.dirichlet([1, 1], size=(4, 2 * COUNT))
    trained_on = np.zeros((4, 2 * COUNT), dtype=bool)
    trained_on[:2, ::2] = trained_on[2:, 1::2] = True
    attacks = "attacks: [sablayrolles-2019-mast, zarifzadeh-2024-rmia-offline]\nreferences: {file: refs.npz}\n"
    for name, shown in (("by_hand", answers.round(1)), ("masked", answers)):
        np.savez(recorded / f"{name}.npz", scores=shown, trained_on=trained_on)
        text = (recorded / f"{name}.yaml").read_text().replace(FEW, attacks.replace("refs", name))
        (recorded / f"{name}.yaml").write_text(text)
        found = mia_json("audit", f"{name}.yaml", "--out", name)
        assert found["record_alarms"] is None or name == "by_hand"
    one, two = (scores(recorded / name) for name in ("masked", "by_hand"))
    for name in ("sablayrolles-2019-mast", "zarifzadeh-2024-rmia-offline"):
        np.testing.assert_allclose(one[name], two[name], rtol=1e-9)


CAN = "an audit can simulate label-only, posterior-noise, rounded-scores, softmax-temperature, top-k-scores"
WRONG = {
    "unknown id": (
        "{id: rounded-score}",
        "audit.yaml:6:15: error MIA008: unknown defense 'rounded-score': did you mean rounded-scores?",
    ),
    "nothing": ("", "error MIA008: the key 'defense' is empty (state it, or leave the key out"),
    "no id": ("{params: {digits: 1}}", "the key 'id' is missing"),
    "unknown key": ("{id: rounded-scores, parms: {digits: 1}}", "did you mean params?"),
    "no code": ("{id: text-only-answers}", f"audit.yaml:6:15: error MIA008: the defense text-only-answers has no code; {CAN}"),
    "no defense": ("{id: carlini-2022-lira}", f"audit.yaml:6:15: error MIA008: unknown defense 'carlini-2022-lira': {CAN}"),
    "no defense, by its name alone": ("lira", f"audit.yaml:6:10: error MIA008: unknown defense 'lira': {CAN}"),
    "a name of another form": ("Rounded scores", "audit.yaml:6:10: error MIA008: text is expected that looks like 'my-model'"),
    "no name": (
        "[rounded-scores]",
        "audit.yaml:6:10: error MIA008: expected its id alone, or a mapping with the keys id, params, adaptive",
    ),
    "unknown parameter": (
        "{id: rounded-scores, params: {digit: 1}}",
        "rounded-scores has no parameter 'digit': did you mean digits?",
    ),
    "a parameter that is no number": (
        "{id: rounded-scores, params: {digits: few}}",
        "audit.yaml:6:48: error MIA008: rounded-scores.digits must be a whole number",
    ),
    "a parameter out of range": (
        "{id: rounded-scores, params: {digits: -1}}",
        "rounded-scores.digits must be at least 0 and at most 15 (found -1)",
    ),
    "more scores than classes": (
        "{id: top-k-scores, params: {k: 3}}",
        "audit.yaml:6:37: error MIA008: top-k-scores: 3 scores cannot be shown: the target tells 2 classes apart",
    ),
    "more scores than classes by default": ("{id: top-k-scores}", "audit.yaml:6:10: error MIA008: top-k-scores: 3 scores"),
    "of the training": (
        "{id: dropout}",
        "audit.yaml:6:15: error MIA008: dropout changes how a model is trained, and an audit takes a model as it is; put it into "
        "your own training function, and compare two audits with `mia diff`",
    ),
    "of the channel": ("{id: homomorphic-encryption}", "does not change what is answered, but how it is worked out"),
    "that asks the owner": ("{id: memguard}", "memguard asks the model's owner for its training set"),
    "of statistics": ("{id: noisy-statistics}", "noisy-statistics masks statistics of a group, and this is a model"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_defenses(case, mia, tmp_path, monkeypatch):
    stated, said = WRONG[case]
    forest.write(tmp_path)
    forest.add(tmp_path, f"defense: {stated}\n")
    refused(mia, tmp_path, monkeypatch, said, "audit.yaml")


@pytest.mark.parametrize(
    ("stated", "settings", "digits"),
    [
        ("rounded-scores", (), 1),
        ("rounded-scores", ("--set", "rounded-scores.digits=2"), 2),
        ("{id: rounded-scores, params: {digits: 3}}", (), 3),
        ("{id: rounded-scores, params: {digits: 3}}", ("--set", "rounded-scores.digits=2"), 2),
    ],
)
def test_a_mask_by_its_name_alone_and_with_what_the_command_line_sets(stated, settings, digits, folder, mia_json):
    forest.add(folder, f"attacks: [yeom-2018-gap]\ndefense: {stated}\n", "arrays.yaml")
    found = mia_json("audit", "arrays.yaml", *settings, "--dry-run")["defense"]
    assert found["params"] == {"digits": digits} and found["adaptive"] is True


def test_what_is_said_of_the_models_own_answers_says_that_they_are_not_masked(folder, mia_json):
    ways = {}
    for name, more in (("plain", ""), ("masked", "defense: label-only\n")):
        (folder / f"{name}.yaml").write_text((folder / "arrays.yaml").read_text() + "attacks: [yeom-2018-gap]\n" + more)
        ways[name] = {one["code"]: one["message"] for one in mia_json("audit", f"{name}.yaml", "--dry-run")["checks"]}
    for code, said in ways["plain"].items():
        before = "without the mask, " if code in ("rounding", "generalisation") else ""
        assert ways["masked"][code] == before + said
    assert {"rounding", "generalisation", "few-non-members"} <= ways["plain"].keys()


def test_who_knows_of_a_mask_may_act_as_if_they_did_not(folder, mia):
    for adaptive, known in (("true", "The adversary knows of it"), ("false", "The adversary does not know of it")):
        text = f"attacks: [yeom-2018-gap]\ndefense: {{id: label-only, adaptive: {adaptive}}}\n"
        (folder / "masked.yaml").write_text((folder / "arrays.yaml").read_text() + text)
        printed = " ".join(mia("audit", "masked.yaml", "--dry-run").stdout.split())
        assert known in printed and "audit both ways (adaptive: true and false)" in printed


def test_a_report_is_not_replaced_without_a_word(folder, mia):
    forest.add(folder, "attacks: [yeom-2018-gap]\n", "arrays.yaml")
    (folder / "masked.yaml").write_text((folder / "arrays.yaml").read_text() + "defense: label-only\n")

    def said(*arguments):
        done = mia("audit", *arguments)
        assert done.returncode == 0, done.stderr
        return " ".join((done.stderr if "--json" in arguments else done.stdout).split())

    assert "will be replaced" not in said("arrays.yaml") + said("masked.yaml") + said("arrays.yaml", "--dry-run")
    assert {path.name for path in (folder / "mia-audits").iterdir()} == {"forest", "forest-label-only"}
    for more in ((), ("--json",)):
        told = said("masked.yaml", "--seed", "1", *more)
        assert "mia-audits/forest-label-only holds the report of 20" in told
        assert "UTC (mia audit masked.yaml" in told and "will be replaced; --out DIR keeps both." in told
    (folder / "mia-audits" / "forest" / "results.json").write_text("[]")
    assert "mia-audits/forest holds another report, which will be replaced" in said("arrays.yaml")


SET = {
    "out of range": ("rounded-scores.digits=20", "mia: rounded-scores.digits must be at least 0 and at most 15 (found 20)"),
    "no number": ("rounded-scores.digits=few", "mia: rounded-scores.digits must be a whole number"),
    "unknown parameter": ("rounded-scores.digit=2", "mia: rounded-scores has no parameter 'digit': did you mean digits?"),
    "another mask": ("top-k-scores.k=2", "top-k-scores is a defense that this run does not have"),
}


@pytest.mark.parametrize("case", SET)
def test_a_wrong_setting_of_a_mask_is_told_in_a_sentence(case, mia, folder):
    setting, said = SET[case]
    forest.add(folder, "defense: rounded-scores\n", "arrays.yaml")
    done = mia("audit", "arrays.yaml", "--set", setting, "--dry-run")
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr, done.stderr


def test_a_model_that_answers_labels_alone_has_nothing_to_mask(mia, folder, monkeypatch):
    (folder / "net.py").write_text("def predict(rows):\n    return ['sick'] * len(rows)\n")
    model = "{kind: callable, function: net.py:predict, answers: labels, classes: [sick, well]}"
    text = (folder / "audit.yaml").read_text().replace("{kind: sklearn, file: model.skops}", model)
    (folder / "audit.yaml").write_text(text + "features: [age, income, visits, risk]\n" + ROUNDED)
    said = "rounded-scores masks scores, and this model answers with labels alone"
    refused(mia, folder, monkeypatch, said, "audit.yaml", "--trust-code", ".")


def test_a_generator_has_no_scores_to_mask(mia, folder, monkeypatch):
    text = (
        (folder / "audit.yaml")
        .read_text()
        .replace("{kind: sklearn, file: model.skops}", "{kind: samples, file: others.csv, id: patient}")
    )
    (folder / "audit.yaml").write_text(text.replace(", label: outcome", "") + ROUNDED)
    refused(mia, folder, monkeypatch, "masks what a classifier answers, and this is none", "audit.yaml")


def test_who_has_the_model_itself_is_past_any_mask(mia, mia_json, tmp_path, monkeypatch):
    pictures.write(tmp_path)
    mine = "threat_models: [{id: mine, observation: white-box, knows: [M1.parameters, M2.architecture, record.label]}]\n"
    (tmp_path / "plain.yaml").write_text((tmp_path / "audit.yaml").read_text() + "attacks: [yeom-2018-loss, yeom-2018-gap]\n")
    forest.add(tmp_path, "defense: {id: top-k-scores}\n")
    granted = mia_json("audit", "audit.yaml", "--trust-code", ".", "--dry-run")["threat_models"][0]["grants"]
    assert "Q.top-k" in granted and not {"M1.parameters", "white-box", "Q.scores"} & {*granted}
    forest.add(tmp_path, mine)
    said = "mine has the model itself (M1.parameters), past any mask; leave the threat model out, or `defense`"
    refused(mia, tmp_path, monkeypatch, said, "audit.yaml", "--trust-code", ".")


@pytest.mark.slow
def test_a_mask_costs_no_more_calls_to_a_service(server, mia_json, tmp_path):
    """A mask is put on answers that are there: no record is asked about for it, and queries are counted as without it."""
    forest.write(tmp_path)
    server.outputs = lambda rows: [tensor("p", 1 / (1 + np.exp(np.stack([-rows[:, 3], rows[:, 3]], axis=1))))]
    model = f"{{kind: http, url: '{server.url}', model: forest, classes: [sick, well]}}"
    text = (tmp_path / "audit.yaml").read_text().replace("{kind: sklearn, file: model.skops}", model)
    text += "features: [age, income, visits, risk]\nattacks: [yeom-2018-loss, yeom-2018-gap]\n"
    asked, queries = {}, {}
    for name, more in (("plain", ""), ("masked", "defense: {id: rounded-scores}\n")):
        (tmp_path / f"{name}.yaml").write_text(text.replace("name: forest", f"name: {name}") + more)
        found = mia_json("audit", f"{name}.yaml", "--out", name)
        asked[name] = len(server.asked)
        queries[name] = {one: result["queries"] for one, result in forest.by_attack(found).items()}
    # The second audit has its answers from the first, and asks once more to see whether they differ.
    assert asked["plain"] >= 120 and asked["masked"] - asked["plain"] < 20
    assert queries["plain"] == queries["masked"] == {"yeom-2018-loss": 120, "yeom-2018-gap": 120}
