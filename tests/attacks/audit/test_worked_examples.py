"""The worked examples of audits: the commands that their page shows run as they stand, on the files that it shows.

`python tests/attacks/audit/test_worked_examples.py` runs them and writes the figures that the page shows.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from inference_server import tensor

from attacks.audit import file as files
from attacks.audit.checks import CODES

SITE = Path(__file__).parents[3] / "site"
EXAMPLES = SITE / "examples" / "audits"
PAGE = (SITE / "pages" / "audit_examples.md.j2").read_text()
# Examples whose page is another one, which has tests of its own.
ELSEWHERE = {"torch-digits": (SITE / "pages" / "audit_torch.md.j2").read_text()}
MEASURED = EXAMPLES / "measured.json"


def commands(example: str) -> list[list[str]]:
    """Return the commands that the page shows for an example, in order."""
    section = ELSEWHERE.get(example) or PAGE.split(f"{{ #{example} }}")[1].split("\n## ")[0]
    return [shlex.split(line) for block in re.findall(r"```bash\n(.*?)```", section, re.DOTALL) for line in block.splitlines()]


def results_below(folder: Path) -> dict[str, dict]:
    return {str(path.parent.relative_to(folder)): json.loads(path.read_text()) for path in sorted(folder.rglob("results.json"))}


@pytest.fixture
def follow(mia, tmp_path, monkeypatch):
    """Run the commands of an example in a copy of its folder; return the results by folder."""
    modules = set(sys.modules)

    def run(example: str) -> dict[str, dict]:
        shutil.copytree(EXAMPLES / example, tmp_path, dirs_exist_ok=True)
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setenv("MIA_STORE", str(tmp_path / "store"))
        for program, *words in commands(example):
            if program == "python":
                runpy.run_path(words[0], run_name="__main__")
            else:
                done = mia(*words)
                assert done.returncode == 0, done.stderr
        return results_below(tmp_path)

    yield run
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def attacks_of(found: dict) -> dict[str, dict]:
    (threat,) = found["threat_models"]
    assert found["valid"] and not threat["failures"]
    assert {check["code"] for check in found["checks"]} <= set(CODES)
    return {result["attack"]: result for result in threat["results"]}


def agrees(found: dict[str, dict], example: str, prefix: str = "", tolerance: float = 0.03) -> None:
    """The figures that the site shows are those of the example; forests and networks differ a little between processors."""
    shown = json.loads(MEASURED.read_text())[example]
    expected = {name.removeprefix(prefix): figures for name, figures in shown.items() if name.startswith(prefix)}
    assert set(expected) == set(found)
    for attack, figures in expected.items():
        assert [found[attack]["auc"], *found[attack]["auc_ci"]] == pytest.approx(figures, abs=tolerance), attack


def test_every_example_is_on_a_page_and_read():
    shown = set(re.findall(r'files\["([^/"]+)/', PAGE))
    assert shown | ELSEWHERE.keys() == {path.name for path in EXAMPLES.iterdir() if path.is_dir()}
    for path in EXAMPLES.rglob("*.yaml"):
        files.read(path)


@pytest.mark.slow
def test_a_forest_on_records_of_people(follow):
    found = attacks_of(follow("people-forest")["mia-audits/people-forest"])
    agrees(found, "people-forest")
    groups = {(group["column"], group["value"]) for group in found["yeom-2018-loss"]["groups"]}
    assert {column for column, _ in groups} == {"sex", "age_band"} and ("age_band", "below 50") in groups


@pytest.mark.slow
def test_recorded_answers(follow):
    found = attacks_of(follow("recorded-answers")["mia-audits/recorded-answers"])
    agrees(found, "recorded-answers")
    assert all(result["trained"] == 0 for result in found.values())


@pytest.mark.slow
def test_a_notebook(follow, capsys):
    found = attacks_of(follow("notebook")["notebook-audit"])
    assert set(found) == {"yeom-2018-loss", "carlini-2022-lira", "zarifzadeh-2024-rmia"}
    assert found["carlini-2022-lira"]["auc_ci"][0] > 0.5
    assert "Of 150 members" in capsys.readouterr().out


@pytest.mark.slow
def test_before_and_after(follow):
    results = follow("before-and-after")
    for name in ("before", "after"):
        agrees(attacks_of(results[f"mia-audits/{name}"]), "before-and-after", f"{name}: ")
    before, after = (attacks_of(results[f"mia-audits/{name}"])["yeom-2018-loss"] for name in ("before", "after"))
    assert after["auc_ci"][1] < before["auc_ci"][0]


@pytest.mark.slow
def test_a_fine_tuned_language_model(follow):
    pytest.importorskip("transformers")
    found = attacks_of(follow("language-model")["mia-audits/language-model"])
    # Its texts are those of the Python at hand, which differ a little between releases.
    agrees(found, "language-model", tolerance=0.1)
    assert found["mireshghallah-2022-likelihood-ratio"]["auc_ci"][0] > found["carlini-2021-zlib"]["auc"]


@pytest.mark.slow
def test_synthetic_records(follow):
    found = attacks_of(follow("synthetic-records")["mia-audits/synthetic-records"])
    agrees(found, "synthetic-records")
    assert found["gan-leaks-1"]["auc_ci"][0] > 0.5


def test_the_snippet_of_a_service_is_audited(mia, server, tmp_path):
    """The part that the page shows, with the address of a service on loopback."""
    (snippet,) = re.findall(r"```yaml\n(model: \{kind: http.*?)```", PAGE, re.DOTALL)
    part = yaml.safe_load(snippet)
    part["model"] |= {"url": server.url, "model": "forest"}
    head = {"schema": 1, "name": "service", "attacks": ["yeom-2018-loss"]}
    sides = {side: {"file": f"{side}.csv", "label": "y"} for side in ("members", "non_members")}
    (tmp_path / "audit.yaml").write_text(yaml.safe_dump({**head, **sides, **part}))
    for number, side in enumerate(sides):
        drawn = np.random.default_rng(number).normal(size=(30, 4)).tolist()
        lines = [",".join(map(str, [*row, k % 3])) for k, row in enumerate(drawn)]
        (tmp_path / f"{side}.csv").write_text("\n".join(["a,b,c,d,y", *lines]) + "\n")
    server.outputs = lambda rows: [tensor("p", np.full((len(rows), 3), 1 / 3))]
    server.token = "secret"
    secret = {"MIA_TOKEN": server.token}
    done = mia("audit", "audit.yaml", "--dry-run", **secret)
    assert done.returncode == 0, done.stderr
    asked = len(server.asked)
    assert mia("audit", "audit.yaml", "--dry-run", **secret).returncode == 0
    assert asked >= 60 and len(server.asked) - asked <= 8, "only noise is asked about anew"


def measured(example: str) -> dict[str, list[float]]:
    """Return what an example finds: AUC and the ends of its interval, by attack; highest first."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shutil.copytree(EXAMPLES / example, folder, dirs_exist_ok=True)
        programs = {"python": [sys.executable], "mia": [sys.executable, "-m", "attacks.cli"]}
        for program, *words in commands(example):
            subprocess.run(
                [*programs[program], *words], cwd=folder, check=True, env={**os.environ, "MIA_STORE": str(folder / "store")}
            )
        results = results_below(folder)
    found = {}
    for where, result in sorted(results.items(), reverse=True):  # before, then after
        prefix = f"{Path(where).name}: " if len(results) > 1 else ""
        ranked = sorted(attacks_of(result).items(), key=lambda one: -one[1]["auc"])
        found |= {f"{prefix}{name}": [round(x, 3) for x in (one["auc"], *one["auc_ci"])] for name, one in ranked}
    return found


if __name__ == "__main__":
    examples = list(json.loads(MEASURED.read_text()))
    lines = []
    for name in dict.fromkeys([*examples, *sys.argv[1:]]):
        rows = ",\n".join(f"  {json.dumps(attack)}: {json.dumps(figures)}" for attack, figures in measured(name).items())
        lines.append(f" {json.dumps(name)}: {{\n{rows}\n }}")
    MEASURED.write_text("{\n" + ",\n".join(lines) + "\n}\n")
