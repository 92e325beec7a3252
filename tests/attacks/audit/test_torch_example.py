"""The worked example of a PyTorch classifier: its files run as they stand, and LiRA equals what is worked out without us."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from test_worked_examples import commands

from attacks.audit.own_training import KIND
from attacks.engine.store import Store

EXAMPLE = Path(__file__).parents[3] / "site" / "examples" / "audits" / "torch-digits"
MEASURED = EXAMPLE.parent / "measured.json"


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder in which the commands that the page shows have run: the data are made, and the audit was done."""
    folder = tmp_path_factory.mktemp("example")
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True)
    settings = {**os.environ, "MIA_STORE": str(folder / "store"), "OMP_NUM_THREADS": "1"}
    for program, *words in commands("torch-digits"):
        command = {"python": [sys.executable], "mia": [sys.executable, "-m", "attacks.cli"]}[program]
        done = subprocess.run([*command, *words], cwd=folder, env=settings, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return folder


def margins(network: torch.nn.Module, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Log-odds of the true class, of logits in float64: log p_y - log(1 - p_y)."""
    with torch.no_grad():
        logits = network(torch.from_numpy(x)).double().numpy()
    true = np.eye(logits.shape[1], dtype=bool)[y]
    top = logits.max(axis=1)
    others = np.log(np.exp(np.where(true, -np.inf, logits) - top[:, None]).sum(axis=1)) + top
    return logits[true] - others


@pytest.mark.slow
def test_lira_and_rmia_find_members(place):
    found = json.loads((place / "mia-audits" / "torch-digits" / "results.json").read_text())
    assert found["valid"]
    (threat,) = found["threat_models"]
    low = {result["attack"]: result["auc_ci"][0] for result in threat["results"]}
    shown = json.loads(MEASURED.read_text())["torch-digits"]
    assert set(low) == set(shown) == {"yeom-2018-loss", "carlini-2022-lira", "zarifzadeh-2024-rmia"}
    for one in threat["results"]:
        assert [one["auc"], *one["auc_ci"]] == pytest.approx(shown[one["attack"]], abs=0.03)
    assert low["carlini-2022-lira"] > 0.5 and low["zarifzadeh-2024-rmia"] > 0.5
    assert not threat["failures"]


@pytest.mark.slow
def test_lira_equals_what_is_worked_out_from_models_trained_here(place):
    """Which records and seeds models had is read from the store; they are trained anew, and the formula is written again."""
    net = runpy.run_path(str(place / "net.py"))
    sides = [np.load(place / f"{name}.npz") for name in ("members", "non_members", "population")]
    x, y = (np.concatenate([side[key] for side in sides]) for key in ("x", "y"))
    count = len(sides[0]["x"]) + len(sides[1]["x"])
    target = net["build"]()
    target.load_state_dict(load_file(place / "weights.safetensors"))
    store = Store(place / "store")
    nodes = [node.fingerprint for node in store.nodes() if node.kind == KIND]
    values, inside = [], []
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        observed = margins(target.eval(), x[:count], y[:count])
        for name in nodes:
            meta, arrays, _ = store.read(name)
            rows = arrays["rows"]
            np.testing.assert_array_equal(arrays["label"], y[rows])
            values.append(margins(net["train"](x[rows], y[rows], meta["seed"] % 2**32).eval(), x[:count], y[:count]))
            inside.append(np.isin(np.arange(count), rows))
    finally:
        torch.set_num_threads(before)
    shadow, known = np.array(values), np.array(inside)
    assert len(shadow) == 16 and (known.sum(axis=0) == 8).all()

    def log_density(side: np.ndarray) -> np.ndarray:
        mean = np.where(side, shadow, 0).sum(axis=0) / side.sum(axis=0)
        residuals = np.where(side, shadow - mean, 0)
        variance = (residuals**2).sum() / (side.sum(axis=0) - 1).sum()
        return -((observed - mean) ** 2) / (2 * variance) - np.log(variance) / 2

    with np.load(place / "mia-audits" / "torch-digits" / "scores.npz") as file:
        np.testing.assert_allclose(file["carlini-2022-lira"], log_density(known) - log_density(~known), rtol=1e-6, atol=1e-6)
