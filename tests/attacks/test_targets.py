"""Every target is what its entry says: it trains, offers what it promises, and nobody is on both sides of the split."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from test_downloads import SETS

from attacks import plan as plans
from attacks.engine import Engine
from attacks.handles import Ledger
from attacks.store import Store
from attacks.targets import classifier
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
    "name", [n for n in ENTRIES if CATALOG.targets[n].params.get("architecture", "mlp") not in ("mlp", "cnn")]
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


@pytest.mark.parametrize(
    "name", ["purchase100-mlp", *(pytest.param(n, marks=pytest.mark.slow) for n in sorted(WEB - {"purchase100-mlp"}))]
)
def test_a_target_without_its_data(name, tmp_path, monkeypatch):
    """Exit code 2, and how to get the data; the address is one where nobody answers."""
    constant, module, *_ = SETS[CATALOG.targets[name].params["data"]]
    program = (
        f"import sys, dataclasses; import {module.__name__} as module; "
        f"module.{constant} = dataclasses.replace(module.{constant}, url='http://127.0.0.1:9/file.tgz'); "
        f"from attacks.commands import app; sys.argv = ['mia', 'run', 'yeom-2018-gap', '--target', '{name}']; app()"
    )
    monkeypatch.setenv("MIA_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and "mia-atlas[download]" in done.stderr and "Traceback" not in done.stderr


def test_pool_and_split_are_the_same_for_all_model_types():
    """What is measured on a tree and on a forest is measured on the same people."""
    tree, bayes = (
        classifier.build(data="genomes", members=40, non_members=40, known_members=20, architecture=name)
        for name in ("decision-tree", "naive-bayes")
    )
    assert (tree.ids == bayes.ids).all() and torch.equal(tree.member, bayes.member)
