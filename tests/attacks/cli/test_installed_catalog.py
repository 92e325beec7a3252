"""Another package's catalog: one YAML file and one function, registered by an entry point, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ENTRY = """\
schema: 1
id: doe-2027-example
title: Example attack
summary: The margin of the predicted class.
needs: [discriminative, Q.scores, record.label]
run: other_attacks.margin:infer
params: {scale: 2.0}
cost: {queries_per_record: 1}
targets: {power: [digits-mlp], null: digits-null}
"""
CODE = """\
from attacks.models import signals

def infer(records, scores, *, scale: float = 2.0):
    return scale * signals.margin(scores(records.x), records.label)
"""
TARGET = """\
schema: 1
id: other-digits-{kind}
title: Digits, by a network and a trainer of another package
summary: A small network on 60 digits.
model: discriminative
frame: stand-alone
data: The handwritten digits of scikit-learn.
offers: [{kind}, D1.samples, D1.size, Q.scores, record.label]
run: attacks.targets.classifier:build
params:
  {{data: digits, architecture: "other_attacks.nets:network", trainer: "other_attacks.nets:train", members: 60, non_members: 60}}
"""
NETS = """\
import torch
from torch import nn

def network(shape, classes, hidden):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, classes))

def train(x, y, seed):
    torch.manual_seed(seed)
    model, x, y = network(x.shape[1:], 10, ()), torch.from_numpy(x), torch.from_numpy(y)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(100):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model
"""
TINY = Path(__file__).parents[2] / "data" / "tiny"


@pytest.mark.slow
def test_an_installed_catalog_is_loaded_checked_and_run(tmp_path):
    site = tmp_path / "site-packages"
    (site / "other_attacks" / "catalog" / "attacks").mkdir(parents=True)
    (site / "other_attacks" / "__init__.py").write_text("")
    (site / "other_attacks" / "catalog" / "__init__.py").write_text("")
    (site / "other_attacks" / "margin.py").write_text(CODE)
    (site / "other_attacks" / "catalog" / "attacks" / "doe-2027-example.yaml").write_text(ENTRY)
    (site / "other_attacks" / "nets.py").write_text(NETS)
    (site / "other_attacks" / "catalog" / "targets").mkdir()
    for kind in ("m2", "m3"):
        text = TARGET.format(kind=kind).replace(f"[{kind},", f"[{kind.upper()},")
        (site / "other_attacks" / "catalog" / "targets" / f"other-digits-{kind}.yaml").write_text(text)
    (site / "other_attacks-1.dist-info").mkdir()
    (site / "other_attacks-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: other-attacks\nVersion: 1\n")
    point = "[mia_atlas.catalogs]\nother_attacks = other_attacks.catalog\n"
    (site / "other_attacks-1.dist-info" / "entry_points.txt").write_text(point)

    def mia(*arguments):
        settings = {**os.environ, "PYTHONPATH": str(site), "MIA_STORE": str(tmp_path / "store")}
        command = [sys.executable, "-m", "attacks.cli", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    assert "0 errors" in mia("check")
    assert "doe-2027-example" in mia("attacks", "--runs")
    data = json.loads(mia("run", "doe-2027-example", "--catalog", str(TINY), "--target", "tiny", "--json"))
    assert data["results"][0]["attack"] == "doe-2027-example" and data["results"][0]["queries"] == 240
    rules = []
    for kind in ("m2", "m3"):
        command = ("run", "carlini-2022-lira", "--target", f"other-digits-{kind}", "--json")
        (planned,) = json.loads(mia(*command, "--dry-run"))["attacks"]
        rules += [rule for rule in planned["rules"] if rule.startswith("shadow-models")]
        (found,) = json.loads(mia(*command, "--workers", "2"))["results"]
        assert found["models"] == 16 and found["auc_ci"][0] > 0.5, "LiRA trains the network of the other package as it does"
    assert rules == ["shadow-models-known-recipe", "shadow-models-same-platform"]
