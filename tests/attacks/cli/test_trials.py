"""`mia check --try` runs an attack on a small target in a moment, and `mia run` tries code of one's own before it trains."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attacks.engine.code import Code
from attacks.engine.trial import try_attack
from taxonomy import source
from taxonomy.loading import load

CATALOG = load()
TINY = Path(__file__).parents[2] / "data" / "tiny"
ENTRY = """\
schema: 1
id: {id}
title: My attack
summary: My attack.
needs: [discriminative, Q.scores, record.label]
run: {module}:infer
cost: {{queries_per_record: 1}}
targets: {{others: [tiny], null: digits-null}}
"""
GOOD = "return -signals.loss(scores(records.x), records.label)"
BAD = "return torch.zeros(3) @ scores(records.x)"
CODE = "import torch\nfrom attacks.models import signals\n\ndef infer(records, scores):\n    {body}\n"


def own(folder: Path, name: str, body: str) -> list[object]:
    """Write an attack of one's own, and return the options that add it to a command."""
    (folder / "catalog" / "attacks").mkdir(parents=True, exist_ok=True)
    (folder / "code").mkdir(exist_ok=True)
    module = f"{name.replace('-', '_')}_{abs(hash(str(folder)))}"  # a module is imported once in all tests
    (folder / "catalog" / "attacks" / f"{name}.yaml").write_text(ENTRY.format(id=name, module=module))
    (folder / "code" / f"{module}.py").write_text(CODE.format(body=body))
    return ["--catalog", TINY, "--catalog", folder / "catalog", "--trust-code", folder / "code"]


@pytest.mark.slow
@pytest.mark.parametrize(("body", "code"), [(GOOD, 0), (BAD, 1), ("return records.x.double().sum(1)[:-1]", 1), ("raise 1", 1)])
def test_an_attack_is_tried(mia, tmp_path, body, code):
    options = own(tmp_path, "trial-one", body)
    done = mia("check", "--try", "trial-one", "--json", *options)
    assert done.returncode == code, (done.stdout, done.stderr)
    (tried,) = json.loads(done.stdout)["tried"]
    assert tried["attack"] == "trial-one"
    if code == 0:
        assert tried["target"] == "tiny" and len(tried["scores"]) == 2 * tried["smaller"]["members"] <= 100
    elif body != BAD:
        assert "trial_one" in tried["error"] or "float64 tensor" in tried["error"]
    else:
        assert "trial_one" in tried["error"] and ".py:5)" in tried["error"] and body in tried["error"], (
            "the line is the contributor's"
        )
    shown = mia("check", "--try", "trial-one", *options)
    assert shown.returncode == code and "Traceback" not in shown.stderr
    assert ("runs on a small tiny" if code == 0 else "trial-one failed") in shown.stdout


@pytest.mark.slow
def test_what_ones_own_code_prints_is_no_result(mia_process, tmp_path):
    """Programs read JSON, and code that says where it stands must not break them; in workers it may print too."""
    options = own(tmp_path, "trial-loud", f"print('loud'); {GOOD}")
    done = mia_process("run", "trial-loud", "--target", "tiny", "--workers", "2", "--json", *options)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["results"] and "loud" in done.stderr


def test_without_trust_nothing_is_tried(mia, tmp_path):
    options = own(tmp_path, "trial-two", "(open('/tmp/never', 'w'))")
    done = mia("check", "--try", "trial-two", *options[:4])
    assert done.returncode == 1 and "MIA015" in done.stdout and "runs on" not in done.stdout


@pytest.mark.slow
def test_a_run_tries_code_of_ones_own_before_it_trains(mia, tmp_path):
    own(tmp_path, "trial-good", GOOD)
    options = own(tmp_path, "trial-bad", BAD)
    command = ["run", "trial-bad", "trial-good", "yeom-2018-loss", "--target", "tiny", "--out", tmp_path / "out", "--json"]
    done = mia(*command, *options, MIA_STORE=str(tmp_path / "store"))
    assert done.returncode == 1, done.stderr
    data = json.loads(done.stdout)
    assert sorted(r["attack"] for r in data["results"]) == ["trial-good", "yeom-2018-loss"]
    (failure,) = data["failures"]
    assert failure["attack"] == "trial-bad" and "trial_bad" in failure["error"] and ".py:5)" in failure["error"]
    scores = {r["attack"]: r["auc"] for r in data["results"]}
    assert scores["trial-good"] == scores["yeom-2018-loss"]


@pytest.mark.slow
def test_a_broken_file_does_not_stop_a_run_that_does_not_need_it(mia, tmp_path):
    options = own(tmp_path, "trial-good", GOOD)
    (tmp_path / "catalog" / "attacks" / "half.yaml").write_text("schema: 1\nid: half\nneeds: [oops")
    kept = {"MIA_STORE": str(tmp_path / "store")}
    done = mia("run", "trial-good", "--target", "tiny", "--out", tmp_path / "out", *options, **kept)
    assert done.returncode == 0, done.stderr
    assert "half.yaml:4" in done.stderr and "left out" in done.stderr and "Traceback" not in done.stderr
    assert mia("check", *options).returncode == 1
    asked = mia("run", "half", "--target", "tiny", "--out", tmp_path / "out", *options, **kept)
    assert asked.returncode == 2 and "half.yaml:4" in asked.stderr


@pytest.mark.slow
def test_a_broken_bibliography_does_not_stop_a_run(mia, tmp_path):
    options = own(tmp_path, "trial-good", GOOD)
    (tmp_path / "catalog" / "references.bib").write_text("@misc{oops")
    done = mia("run", "trial-good", "--target", "tiny", "--out", tmp_path / "out", *options)
    assert done.returncode == 0 and "references.bib:1:1: error MIA014" in done.stderr, done.stderr
    checked = mia("check", *options)
    assert checked.returncode == 1 and "references.bib:1:1: error MIA014" in checked.stdout


@pytest.mark.slow
@pytest.mark.parametrize("attack_id", sorted(attack.id for attack in CATALOG.attacks.values() if attack.run))
def test_every_attack_of_the_catalog_can_be_tried(attack_id):
    attack = CATALOG.attacks[attack_id]
    tried = try_attack(CATALOG, attack, Code())
    assert tried.target in (*attack.targets.power, *attack.targets.others, attack.targets.null)
    assert (tried.scores is None) == (attack.goal != "membership")
    assert tried.scores is None or tried.scores.dtype == "float64"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise SystemExit(0)", "SystemExit: 0 (code/"),
        ("import no_such_module", "No module named 'no_such_module' (code/"),
        ("return (", "SyntaxError: '(' was never closed (code/"),
    ],
)
def test_code_that_ends_the_program_or_lacks_a_library_costs_itself_alone(mia, tmp_path, body, said):
    own(tmp_path, "trial-good", GOOD)
    options = own(tmp_path, "trial-bad", body)
    command = ["run", "trial-bad", "trial-good", "--target", "tiny", "--out", tmp_path / "out", "--json"]
    done = mia(*command, *options)
    assert done.returncode == 1 and [r["attack"] for r in json.loads(done.stdout)["results"]] == ["trial-good"]
    (failure,) = json.loads(done.stdout)["failures"]
    assert said in failure["error"]


def test_a_run_that_comes_to_nothing_leaves_no_folder(mia, tmp_path):
    target = (TINY / "targets" / "tiny.yaml").read_text().replace("id: tiny", "id: broken")
    options = own(tmp_path, "trial-good", GOOD)
    (tmp_path / "catalog" / "targets").mkdir()
    (tmp_path / "catalog" / "targets" / "broken.yaml").write_text(target.replace("members: 120,", "members: 12000,", 1))
    done = mia("run", "trial-good", "--target", "broken", "--out", tmp_path / "out", *options)
    assert done.returncode == 2 and not (tmp_path / "out").exists(), done.stdout + done.stderr


def test_warnings_about_installed_catalogs_do_not_bury_ones_own(mia, tmp_path):
    options = own(tmp_path, "trial-good", GOOD.replace("signals", "signal"))
    (tmp_path / "catalog" / "attacks" / "half.yaml").write_text("schema: 1\nid: half\n")
    shown = mia("check", *options).stdout
    assert all("catalog/attacks/half.yaml" in line for line in shown.splitlines() if ": error " in line or ": warning " in line)
    assert "half.yaml" in shown


def test_of_two_trusted_modules_of_one_name_the_first_counts(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same_name.py").write_text(f"def infer(records, {folder}): ...\n")
    found = source.trusted_packages([tmp_path / "one", tmp_path / "two"])["same_name"]
    assert source.signature(found, "same_name:infer").positional == ("records", "one")
