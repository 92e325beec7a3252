"""Every target is what its entry says: it trains, offers what it promises, and nobody is on both sides of the split."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from test_downloads import SETS

from attacks.engine import plan as plans
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import Ledger, Population
from attacks.models import architectures
from attacks.targets import classifier
from attacks.targets.target import Target
from taxonomy.findings import InputError
from taxonomy.loading import load

CATALOG = load()
BUILDS = "attacks.targets.classifier:build"
ENTRIES = sorted(t.id for t in CATALOG.targets.values() if t.run == BUILDS)
QUICK = {"digits-mlp", "digits-null", "breast-cancer-mlp", "mnist-mlp", "genomes-decision-tree", "genomes-tree-null"}
WEB = {name for name in ENTRIES if CATALOG.targets[name].params["data"] in SETS}
CASES = [
    pytest.param(
        name,
        marks=[
            *([] if name in QUICK else [pytest.mark.slow]),
            *([pytest.mark.skip("its data must be downloaded")] if name in WEB else []),
        ],
    )
    for name in ENTRIES
]


@pytest.mark.parametrize("name", CASES)
def test_build(name, kept_store):
    entry = CATALOG.targets[name]
    target = Engine(CATALOG, Store(kept_store)).target(name, 0)
    params = entry.params
    assert len(target.x) == params["members"] + params["non_members"] and int(target.member.sum()) == params["members"]
    assert set(entry.offers) - {"record.label", "record.partial"} <= set(target.makers)
    held = [("candidates", target.ids), ("population", target.makers["D1.samples"](Ledger()).ids)]
    if "D2.members" in entry.offers:
        held.append(("known members", target.makers["D2.members"](Ledger()).ids))
    everyone = np.concatenate([ids for _, ids in held])
    assert len(np.unique(everyone)) == len(everyone), f"a record stands twice among {', '.join(what for what, _ in held)}"
    scores = target.makers["Q.scores"](Ledger())(target.x)
    assert scores.dtype == torch.float64 and scores.isfinite().all()


@pytest.mark.parametrize(
    "name", [n for n in ENTRIES if CATALOG.targets[n].params.get("architecture") in architectures.ESTIMATORS]
)
def test_estimators_offer_no_weights_and_no_other_data(name):
    assert not {"M1.parameters", "D1.shifted"} & set(CATALOG.targets[name].offers)


@pytest.mark.slow
def test_other_data_that_the_adversary_holds(kept_store):
    target = Engine(CATALOG, Store(kept_store)).target("mnist-mlp", 0)
    shifted = target.makers["D1.shifted"](Ledger())
    assert len(shifted) == 60000 and shifted.x.shape[1:] == target.x.shape[1:]
    assert not set(shifted.ids.tolist()) & set(target.ids.tolist())


def test_shadow_models_of_an_estimator_and_its_ties(kept_store):
    """Shadow training works with trees, and the report says that ties decide the rate at low FPR."""
    plan = plans.make(CATALOG, CATALOG.target("genomes-decision-tree"), None, ["yeom-2018-loss", "carlini-2022-lira"])
    outcome = Engine(CATALOG, Store(kept_store)).run(plan, 0)
    assert not outcome.failures
    found = {r["attack"]: r for r in outcome.results}
    for result in found.values():
        assert result["auc_ci"][0] > 0.8
        assert "share one score" in " ".join(result["warnings"])
    # 0 and 1 are the tree's only answers, so that the loss knows no more than whether the label is right.
    gap = outcome.target_facts["training_accuracy"] - outcome.target_facts["test_accuracy"]
    assert found["yeom-2018-loss"]["auc"] == pytest.approx(0.5 + gap / 2, abs=1e-9)


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) for n in sorted(WEB)])
def test_a_target_without_its_data(name, tmp_path, monkeypatch):
    """Exit code 2, and how to get the data; the address is one where nobody answers."""
    constant, module, *_ = SETS[CATALOG.targets[name].params["data"]]
    program = (
        f"import sys, dataclasses; import {module.__name__} as module; "
        f"module.{constant} = dataclasses.replace(module.{constant}, url='http://127.0.0.1:9/file.tgz'); "
        f"from attacks.cli.commands import app; sys.argv = ['mia', 'run', 'yeom-2018-gap', '--target', '{name}']; app()"
    )
    monkeypatch.setenv("MIA_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and "mia-atlas[download]" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
def test_pictures_that_neither_debian_nor_the_web_brings(tmp_path, monkeypatch):
    program = (
        "import sys; from attacks.targets.data import pictures; from pathlib import Path; "
        "pictures.DEBIAN_FASHION = Path('/nowhere'); pictures.FASHION_URL = 'http://127.0.0.1:9/'; "
        "from attacks.cli.commands import app; sys.argv = ['mia', 'run', 'yeom-2018-gap', '--target', 'fashion-mlp']; app()"
    )
    monkeypatch.setenv("MIA_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and "dataset-fashion-mnist" in done.stderr and "Traceback" not in done.stderr


def test_pool_and_split_are_the_same_for_all_model_types():
    """What is measured on a tree and on a forest is measured on the same people."""
    tree, bayes = (
        classifier.build(data="genomes", members=40, non_members=40, known_members=20, architecture=name)
        for name in ("decision-tree", "naive-bayes")
    )
    assert (tree.ids == bayes.ids).all() and torch.equal(tree.member, bayes.member)


# -- candidates are checked where they enter -------------------------------------------------------------------------------


def small(**changes):
    """A target of 40 candidates with 4 classes, half of them members, and an adversary who holds 20 other records."""
    x = torch.arange(60 * 3, dtype=torch.float32).reshape(60, 3)
    held = x[40:].clone()
    parts = {"x": x[:40], "label": torch.arange(40) % 4, "member": torch.arange(40) < 20, "held": held, **changes}
    label = torch.zeros(len(parts["held"]), dtype=torch.int64)
    ids = np.arange(100, 100 + len(label), dtype=np.uint64)
    population = lambda ledger: Population("population", parts["held"], label, ids, ledger)  # noqa: E731
    return Target(
        id="small",
        x=parts["x"],
        label=parts["label"],
        ids=np.arange(len(parts["x"]), dtype=np.uint64),
        member=parts["member"],
        makers={"D1.samples": population, "Q.scores": lambda ledger: None},
        fingerprint="small",
    )


def replaced(rows, by):
    """The candidates with some rows replaced by others, -0.0 in place of 0.0."""
    x = torch.arange(60 * 3, dtype=torch.float32).reshape(60, 3)
    x[rows] = x[by]
    x[rows] = torch.where(x[rows] == 0, -0.0, x[rows])
    return x


@pytest.mark.parametrize(
    ("changes", "warnings"),
    [
        ({}, []),
        (
            {"x": replaced([30, 31], [0, 1])[:40]},
            ["candidates that are members stand among the candidates that are none too: 2"],
        ),
        ({"x": replaced([5, 6], [0, 0])[:40]}, ["candidates that are members are copies of others of them: 2"]),
        ({"x": replaced([35], [36])[:40]}, ["candidates that are none are copies of others of them: 1"]),
        (
            {"held": replaced([50, 51, 52], [0, 1, 30])[40:]},
            [
                "candidates that are members stand among the records that the adversary holds (D1.samples) too: 2",
                "candidates that are none stand among the records that the adversary holds (D1.samples) too: 1",
            ],
        ),
        ({"label": torch.arange(40) % 4 * 2}, ["no candidate has 3 of the labels from 0 to 6 (1, 3, 5)"]),
        ({"label": torch.full((40,), 1)}, ["no candidate has 1 of the labels from 0 to 1 (0)"]),
    ],
)
def test_records_that_stand_twice_are_counted(changes, warnings):
    assert small(**changes).check() == warnings


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": replaced([3, 9], [3, 9])[:40].masked_fill(torch.tensor([False, True, False]), np.nan)}, "40 of 40 .* column 1"),
        ({"x": torch.zeros(40, 3).double()}, r"tensor of float32 \(n, ...\), not Tensor of torch.float64"),
        ({"x": torch.zeros(0, 3)}, r"not Tensor of torch.float32 \(0, 3\)"),
        ({"x": np.zeros((40, 3), np.float32)}, r"not ndarray of float32 \(40, 3\)"),
        ({"label": torch.zeros(39, dtype=torch.int64)}, r"labels are int64 \(40,\)"),
        ({"label": torch.zeros(40)}, "not torch.float32"),
        ({"label": torch.full((40,), -1)}, "no class, which are numbered from 0"),
        ({"label": torch.full((40,), np.nan).double()}, "no finite number"),
        ({"member": torch.zeros(40)}, "a bool that says if it is a member"),
    ],
)
def test_candidates_that_are_none_are_refused(changes, message):
    with pytest.raises(InputError, match=f"small.*{message}"):
        small(**changes).check()


@pytest.mark.slow
def test_what_is_odd_about_a_targets_candidates_stands_in_every_output(mia, tmp_path):
    """A target of the user's own whose non-members hold copies of its members."""
    (tmp_path / "catalog" / "targets").mkdir(parents=True)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "copied.py").write_text(
        "from attacks.targets import classifier\n"
        "def build(*, seed=0, **params):\n"
        "    target = classifier.build(**params, seed=seed)\n"
        "    inside, outside = target.member.nonzero().flatten(), (~target.member).nonzero().flatten()\n"
        "    target.x[outside[:3]] = target.x[inside[:3]]\n"
        "    return target\n"
    )
    tiny = (Path(__file__).parents[2] / "data" / "tiny" / "targets" / "tiny.yaml").read_text()
    text = tiny.replace("id: tiny", "id: copied").replace("attacks.targets.classifier:build", "copied:build")
    (tmp_path / "catalog" / "targets" / "copied.yaml").write_text(text)
    command = ["run", "yeom-2018-gap", "--target", "copied", "--catalog", tmp_path / "catalog"]
    done = mia(*command, "--trust-code", tmp_path / "code", "--out", tmp_path / "out")
    warning = "candidates that are members stand among the candidates that are none too: 3"
    assert done.returncode == 0 and warning in " ".join(done.stdout.split())
    assert json.loads((tmp_path / "out" / "results.json").read_text())["warnings"] == [warning]
    assert warning in (tmp_path / "out" / "report.html").read_text()
