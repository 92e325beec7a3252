"""Every code of finding has a bad catalog that shows it, at its file, line and with its hint."""

from __future__ import annotations

from pathlib import Path

import pytest
from bad_catalogs import ATTACK, BAD, EVIDENCE, ORDERING

from taxonomy.check import check
from taxonomy.findings import CODES, CatalogError
from taxonomy.loading import load


def write(folder: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def test_every_code_has_a_bad_catalog():
    assert set(BAD) == set(CODES), "add a bad catalog for the code to tests/data/bad_catalogs.py"


@pytest.mark.slow
@pytest.mark.parametrize("code", sorted(BAD))
def test_finding(code, tmp_path):
    files, file, line, hint = BAD[code]
    folder = write(tmp_path, files)
    code_folders = [folder / "code"] if (folder / "code").is_dir() else []
    _, findings = check([folder], code_folders)
    found = [f for f in findings if f.code == code]
    assert found, f"expected {code}, found {[str(f) for f in findings]}"
    assert found[0].file == str(tmp_path / file).rstrip("/")
    assert found[0].line == line, str(found[0])
    assert found[0].column >= 1
    assert hint in f"{found[0].message} {found[0].hint}", str(found[0])


def test_the_catalog_is_clean():
    """Evidence may be stale between an edit and the next `mia bench`; everything else is mended at once."""
    findings = [f for f in check()[1] if f.code != "MIA028"]
    assert not findings, "\n".join(map(str, findings))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("{", "["), "the file"),
        (('"queries": 1', '"queries": "many"'), "targets.0.seeds.0.queries"),
        (('"schema": 1', '"schema": 2'), "schema"),
        (('"attack": "bad-attack"', '"attack": "shokri-2017"'), "named after bad-attack"),
        (('"role": "power"', '"role": "power", "mood": "good"'), "mood"),
    ],
)
def test_malformed_evidence_says_where(tmp_path, change, message):
    files = {"attacks/bad-attack.yaml": ATTACK, "evidence/bad-attack.json": EVIDENCE.replace(*change, 1)}
    found = [f for f in check([write(tmp_path, files)])[1] if f.code == "MIA029"]
    assert found and message in found[0].message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("queries: 100", "unknown key queries (it stands in limits: {queries: …})"),
        ("guarantee: 8,1e-5", "expected a mapping with the keys epsilon, delta, protects"),
    ],
)
def test_a_threat_model_of_ones_own_is_told_where_a_value_stands(tmp_path, line, message):
    text = "schema: 1\nid: my-api\ntitle: x\nsummary: x\nobservation: black-box\nmodel: discriminative\nknows: [Q.labels]\n"
    with pytest.raises(CatalogError) as caught:
        load([write(tmp_path, {"threat-models/my-api.yaml": f"{text}{line}\n"})])
    (found,) = caught.value.findings
    assert found.line == 8 and message in f"{found.message} ({found.hint})".replace("'", ""), str(found)


def test_several_errors_are_reported_together(tmp_path):
    files = {
        "attacks/bad-attack.yaml": ATTACK.replace("needs:", "neads:"),
        "attacks/worse-attack.yaml": "schema: 1\nid: worse-attack\ntitle: x\nsummary: x\nneeds: [Q.scoers, Q.lables]\n",
    }
    with pytest.raises(CatalogError) as caught:
        load([write(tmp_path, files)])
    codes = [f.code for f in caught.value.findings]
    assert codes == ["MIA007", "MIA006", "MIA012", "MIA012"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("1e-3", "0.001"),
        ("off", "quotes"),
        ("12:30", "quotes"),
        ("1_000", "quotes"),
        ("0777", "quotes"),
        ("2021-06-02", "quotes"),
    ],
)
def test_values_that_yaml_versions_read_differently(tmp_path, value, hint):
    folder = write(tmp_path, {"attacks/bad-attack.yaml": ATTACK + f"params: {{x: {value}}}\n"})
    with pytest.raises(CatalogError) as caught:
        load([folder])
    assert caught.value.findings[0].code == "MIA005" and hint in caught.value.findings[0].hint


@pytest.mark.parametrize(
    "text", ["a: &x 1\nb: *x\n", "a: !!python/object/apply:os.system [ls]\n", "a: " + "[" * 5000, "", "- 1\n"]
)
def test_hostile_yaml_is_refused(tmp_path, text):
    with pytest.raises(CatalogError):
        load([write(tmp_path, {"attacks/bad-attack.yaml": text})])


def test_a_huge_file_is_refused(tmp_path):
    with pytest.raises(CatalogError) as caught:
        load([write(tmp_path, {"attacks/bad-attack.yaml": "a: " + "x" * (1 << 20)})])
    assert caught.value.findings[0].code == "MIA001"


@pytest.mark.slow
def test_a_target_may_leave_out_what_has_a_default_and_nothing_else(tmp_path):
    target = """schema: 1
id: bad-target
title: A target
summary: A target.
model: discriminative
frame: stand-alone
data: Some.
offers: [Q.scores]
run: attacks.targets.classifier:build
params: {{data: digits, members: 10{more}}}
"""
    for more, clean in ((", non_members: 10", True), ("", False), (", non_members: 10, hiden: [3]", False)):
        _, findings = check([write(tmp_path, {"targets/bad-target.yaml": target.format(more=more)})])
        assert (not [f for f in findings if f.code == "MIA017"]) is clean, findings


@pytest.mark.slow
def test_a_work_that_stands_twice_is_a_finding(tmp_path):
    bad = {**BAD["MIA014"][0], "references.bib": "@misc{x, title={A}}\n@misc{x, title={B}}\n"}
    (found,) = (f for f in check([write(tmp_path, bad)])[1] if f.code == "MIA014")
    assert found.file.endswith("references.bib") and "repeated" in found.message


def test_a_work_that_is_like_no_other_is_to_be_added(tmp_path):
    text = ATTACK + "cites: [doe2027]\n"
    (found,) = (f for f in check([write(tmp_path, {"attacks/bad-attack.yaml": text})])[1] if f.code == "MIA014")
    assert "unknown work 'doe2027' (add it to references.bib in the folder of its catalog)" in str(found)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "place", "message"),
    [
        ({"metric: auc": "metric: judged"}, 7, "yeom-2018-loss is not judged by its target"),
        ({"better: yeom-2018-loss": "better: melis-2019-property"}, 7, "melis-2019-property is judged"),
        ({"better: yeom-2018-loss": "better: nasr-2019-passive-server"}, 8, "cannot run on digits-mlp"),
        (
            {"targets:": "settings: {worse: {shadow-models-known-recipe.count: 4}}\ntargets:"},
            8,
            "yeom-2018-loss does not use shadow-models-known-recipe on digits-mlp",
        ),
    ],
)
def test_orderings_that_cannot_be_measured(tmp_path, changes, place, message):
    text = ORDERING
    for old, new in changes.items():
        text = text.replace(old, new)
    found = [f for f in check([write(tmp_path, {"orderings/bad-ordering.yaml": text})])[1] if f.code == "MIA030"]
    assert any(message in f.message and f.line == place for f in found), found


RUNS = ATTACK.replace("Q.scores", "Q.top-k") + "run: attacks.discriminative.threshold:maximum_posterior\n"
OTHER = RUNS + "goal: inversion\nanswers: {unit: class, result: A picture, metric: likeness}\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (RUNS, 1, "no target is named on which the attack is tested"),
        (RUNS, 1, "no control is named"),
        (RUNS + "targets: {power: [digits-mlp]}\n", 7, "no control is named"),
        (RUNS + "targets: {null: digits-null}\n", 7, "no target is named on which the attack is tested"),
        (RUNS + "targets:\n  power: [digits-mlp]\n  null: fashion-mlp\n", 9, "fashion-mlp is no control"),
        (OTHER, 1, "no target is named on which the attack is tested"),
        (RUNS + "targets: {power: [digits-mlp], null: digits-null}\n", 0, ""),
        (RUNS + "targets: {others: [digits-mlp], null: digits-null}\n", 0, ""),
        (OTHER + "targets: {power: [digits-mlp]}\n", 0, ""),
        (ATTACK, 0, ""),
    ],
    ids=["nothing", "nothing: control", "no control", "only a control", "no real control", "other goal", "both", "no claim",
         "other goals need no control", "no code"],
)  # fmt: skip
def test_an_attack_that_runs_names_what_tests_it(tmp_path, monkeypatch, text, line, message):
    """Deleting its targets or its control from an entry is found. Only what has no code, or no claim, goes without."""
    monkeypatch.setattr("taxonomy.evidence.files", lambda catalog: [])
    found = [f for f in check([write(tmp_path, {"attacks/bad-attack.yaml": text})])[1] if f.code == "MIA032"]
    if not message:
        assert found == []
    else:
        assert [f.line for f in found if message in f.message] == [line], found
