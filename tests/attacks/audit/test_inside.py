"""`kind: torch` with a function that builds the network: it is looked into, and the figures are what anybody works out."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import forest
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

sys.path.insert(0, str(Path(__file__).parent))
import pictures

from attacks import audit as notebook
from attacks.audit import inside
from attacks.audit.kinds.model import OwnModel
from attacks.audit.rows import Rows
from taxonomy.findings import InputError

WHITE_BOX = {"carlini-2022-gradient-norm", "nasr-2019-unsupervised"}
NORM = "attacks: [carlini-2022-gradient-norm]\n"


def norms(network: nn.Module, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the norm of each record's gradient, one record and one backward pass at a time."""
    found = []
    for record, label in zip(torch.from_numpy(np.asarray(x, dtype=np.float32)), torch.tensor(np.array(y)), strict=True):
        network.zero_grad()
        nn.functional.cross_entropy(network(record[None]), label[None]).backward()
        found.append(torch.cat([value.grad.flatten() for value in network.parameters()]).norm().item())
    return np.array(found)


def scores(folder: Path, attack: str) -> np.ndarray:
    with np.load(folder / "out" / "scores.npz") as found:
        return found[attack]


@pytest.mark.slow
def test_gradient_norms_of_pictures(tmp_path, mia_json):
    x, y, network = pictures.write(tmp_path)
    (tmp_path / "audit.yaml").write_text(pictures.AUDIT + NORM)
    (threat,) = mia_json("audit", "audit.yaml", "--trust-code", ".", "--out", "out")["threat_models"]
    assert {"M1.parameters", "M2.architecture", "white-box"} <= set(threat["grants"])
    np.testing.assert_allclose(scores(tmp_path, "carlini-2022-gradient-norm"), -norms(network, x, y), rtol=1e-4)


@pytest.mark.slow
def test_gradient_norms_of_a_table_are_those_of_its_own_units(tmp_path, mia_json):
    """Attacks see standardised columns; the network is asked, and differentiated, in the units that the file has."""
    table = forest.people(120, 0)
    table["income"] = 30_000 + 9_000 * table["income"]
    table["visits"] = (5 + 2 * table["visits"]).round().astype(int)
    table["outcome"] = (table["outcome"] == "sick").astype(int)
    for name, part in (("train", table[:60]), ("holdout", table[60:])):
        part.to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "net.py").write_text(
        "import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.first, self.last = nn.Linear(4, 8), nn.Linear(8, 2)\n\n    def forward(self, x):\n"
        "        return self.last(torch.tanh(self.first(x / torch.tensor([1.0, 1e4, 1.0, 1.0], dtype=x.dtype))))\n\n\n"
        "def build():\n    return Net()\n"
    )
    sys.path.insert(0, str(tmp_path))
    try:
        import net
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("net", None)
    torch.manual_seed(0)
    network = net.Net()
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    (tmp_path / "audit.yaml").write_text(
        forest.AUDIT.replace(
            "{kind: sklearn, file: model.skops}", "{kind: torch, function: net.py:build, file: weights.safetensors}"
        )
        + f"features: [{', '.join(forest.COLUMNS)}]\n{NORM}"
    )
    mia_json("audit", "audit.yaml", "--trust-code", ".", "--out", "out")
    read = pd.concat([pd.read_csv(tmp_path / f"{name}.csv") for name in ("train", "holdout")])
    expected = -norms(network, read[forest.COLUMNS].to_numpy(), read["outcome"].to_numpy())
    np.testing.assert_allclose(scores(tmp_path, "carlini-2022-gradient-norm"), expected, rtol=1e-3)


@pytest.mark.slow
def test_every_white_box_attack_that_can_be_runs_and_a_threat_model_narrows(tmp_path, mia_json):
    pictures.write(tmp_path)
    (tmp_path / "audit.yaml").write_text(
        pictures.AUDIT
        + "threat_models:\n"
        + "  - {id: inside, observation: white-box, knows: [M1.parameters, M2.architecture, record.label]}\n"
        + "  - {id: outside, observation: black-box, knows: [Q.scores, record.label]}\n"
        + f"attacks: [yeom-2018-bounded-loss, {', '.join(WHITE_BOX)}]\n"
    )
    found = mia_json("audit", "audit.yaml", "--trust-code", ".", "--out", "out")
    ran = [{result["attack"] for result in threat["results"]} for threat in found["threat_models"]]
    assert ran[0] >= WHITE_BOX and not WHITE_BOX & ran[1]
    assert "yeom-2018-bounded-loss" in ran[0] & ran[1], "who holds a network asks it at home"
    assert not found["failures"]


def test_what_looks_into_models_of_the_training_function_is_left_out_with_the_reason(tmp_path, mia_json):
    pictures.write(tmp_path)
    (tmp_path / "audit.yaml").write_text(pictures.AUDIT + pictures.POPULATION + pictures.TRAIN)
    (threat,) = mia_json("audit", "audit.yaml", "--trust-code", ".", "--dry-run")["threat_models"]
    reasons = {one["id"]: one["because"] for one in threat["skipped"]}
    for name in ("sablayrolles-2019-matt", "watson-2022-gradient-norm"):
        assert "of which the audit has the answers alone" in reasons[name]


def test_a_program_is_asked_and_not_looked_into(tmp_path, mia_json):
    _, _, network = pictures.write(tmp_path)
    torch.jit.trace(network, torch.zeros(2, 8, 8)).save(str(tmp_path / "model.ts"))
    (tmp_path / "audit.yaml").write_text(
        pictures.AUDIT.replace('function: "net.py:build", file: weights.safetensors', "file: model.ts")
    )
    (threat,) = mia_json("audit", "audit.yaml", "--trust-pickle", "model.ts", "--dry-run")["threat_models"]
    assert "M1.parameters" not in threat["grants"] and "black-box" in threat["grants"]


def test_in_a_notebook(tmp_path):
    x, y, network = pictures.write(tmp_path)
    result = notebook.run(model=network, members=(x[:60], y[:60]), non_members=(x[60:], y[60:]), attacks=[*WHITE_BOX])
    np.testing.assert_allclose(result.scores["carlini-2022-gradient-norm"], -norms(network, x, y), rtol=1e-4)


class Centred(nn.Module):
    """A network whose answer hangs on the other records of the batch."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(64, 10)

    def forward(self, x):
        flat = x.flatten(1)
        return 9 * self.last(flat - flat.mean(dim=0))


class Fixed(nn.Module):
    """A network without weights."""

    def forward(self, x):
        return x.flatten(1)[:, :10]


class Choosing(nn.Module):
    """A network that looks at numbers as Python does, which no gradient of many records goes through."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(64, 10)

    def forward(self, x):
        return self.last(x.flatten(1)) if x.sum().item() > 0 else self.last(-x.flatten(1))


class Guarded(nn.Module):
    """A network that holds a lock, of which there is no copy."""

    def __init__(self):
        super().__init__()
        self.last, self.lock = nn.Linear(64, 10), threading.Lock()

    def forward(self, x):
        return self.last(x.flatten(1))


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (Centred(), "otherwise than within a batch"),
        (Fixed(), "no weights"),
        (Choosing(), "cannot be differentiated record by record"),
        (Guarded(), "cannot be differentiated record by record (TypeError"),
    ],
)
def test_a_network_that_does_not_suit_is_told_why(network, reason):
    x, y = pictures.digits()
    model = OwnModel(lambda rows: network(torch.from_numpy(rows)).detach(), "", scale="logits", network=network.eval())
    found = inside.look(model, Rows(x[:40]), y[:40], 10)
    assert found.recipe is None and reason in found.reason


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_weights_that_are_worked_out_from_others_are_looked_into():
    """Until such a network was asked, its weights hang on a graph, and there is no copy of it."""
    x, y = pictures.digits()
    network = nn.Sequential(nn.Flatten(), nn.utils.weight_norm(nn.Linear(64, 10))).eval()
    result = notebook.run(
        model=network, members=(x[:60], y[:60]), non_members=(x[60:120], y[60:120]), attacks=["carlini-2022-gradient-norm"]
    )
    assert list(result.scores) == ["carlini-2022-gradient-norm"]


def test_a_network_that_does_not_answer_is_refused_with_the_users_line():
    x, y = pictures.digits()
    with pytest.raises(InputError, match=r"the model does not answer: RuntimeError: mat1 and mat2 shapes cannot be multiplied"):
        notebook.run(model=nn.Linear(5, 10), members=(x[:60], y[:60]), non_members=(x[60:120], y[60:120]))


def test_gaps_and_large_networks_are_told(monkeypatch):
    rows = np.random.default_rng(0).normal(size=(40, 3))
    network = nn.Linear(3, 2).eval()
    model = OwnModel(lambda x: network(torch.from_numpy(x).float()).detach(), "", scale="logits", network=network)
    label = np.arange(40) % 2
    assert inside.look(model, Rows(rows), label, 2).recipe is not None
    monkeypatch.setattr(inside, "MOST_WEIGHTS", 7)
    assert "8 weights" in inside.look(model, Rows(rows), label, 2).reason
    monkeypatch.undo()
    rows[3, 1] = np.nan
    assert "gaps" in inside.look(model, Rows(rows), label, 2).reason


def test_why_a_network_is_not_looked_into_is_a_check(tmp_path, mia_json):
    pictures.write(tmp_path)
    net = (tmp_path / "net.py").read_text()
    (tmp_path / "net.py").write_text(
        net.replace(
            "nn.ReLU(), nn.Linear(16, 10))",
            "nn.ReLU(), nn.Linear(16, 10), nn.BatchNorm1d(10, affine=False, track_running_stats=False))",
        )
    )
    (tmp_path / "audit.yaml").write_text(pictures.AUDIT)
    checks = mia_json("audit", "audit.yaml", "--trust-code", ".", "--dry-run")["checks"]
    (check,) = [check for check in checks if check["code"] == "inside"]
    assert check["severity"] == "info" and "asked and not looked into" in check["message"]
