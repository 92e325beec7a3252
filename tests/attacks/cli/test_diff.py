"""`mia diff` on runs as the command itself writes them."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def two_runs(mia, kept_store, tmp_path):
    """The same records: once with all 16 shadow models, and once with 8."""
    for name, count in (("before", 16), ("after", 8)):
        done = mia(
            *("run", "yeom-2018-loss", "carlini-2022-lira", "--set", f"shadow-models.count={count}", "--out", name),
            MIA_STORE=str(kept_store),
        )
        assert done.returncode == 0, done.stderr
    return "before", "after"


def test_what_changed_between_two_runs(mia, mia_json, two_runs, tmp_path):
    told = mia_json("diff", *two_runs)
    assert told["paired"] and (told["a"], told["b"]) == two_runs and told["only_in_a"] == told["only_in_b"] == []
    found = {attack["attack"]: attack for attack in told["attacks"]}
    assert set(found) == {"yeom-2018-loss", "carlini-2022-lira"}
    assert found["yeom-2018-loss"]["auc"]["difference"] == 0, "it uses no shadow model"
    lira = found["carlini-2022-lira"]
    for side, name in zip("ab", two_runs, strict=True):
        results = json.loads((tmp_path / name / "results.json").read_text())["results"]
        (same,) = [result for result in results if result["attack"] == "carlini-2022-lira"]
        assert lira["auc"][side] == same["auc"] and lira["tpr_at_fpr"]["0.01"][side] == same["tpr_at_fpr"]["0.01"]
    assert lira["auc"]["ci"][0] <= lira["auc"]["difference"] <= lira["auc"]["ci"][1]

    shown = mia("diff", *two_runs)
    assert shown.returncode == 0 and "Paired: the same target and seed" in shown.stdout
    assert f"{lira['auc']['a']:.3f} → {lira['auc']['b']:.3f}" in shown.stdout
    assert "400 non-members cannot resolve" in shown.stdout


@pytest.mark.parametrize("second", ["nothing", ".", "results.json"])
def test_what_is_no_such_folder_is_one_sentence(mia, tmp_path, second):
    done = mia("diff", ".", second)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
    assert "results.json is missing" in done.stderr
