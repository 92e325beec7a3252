"""A small network on pictures of 8 x 8, with all files that an audit of it takes, and what a wrong audit must look like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from torch import nn

NET = """\
import torch
from torch import nn


def build():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))


def train(x, y, seed):
    network = build()
    x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(20):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(x), y).backward()
        optimizer.step()
    return network
"""
AUDIT = """\
schema: 1
name: pictures
members: {file: members.npz}
non_members: {file: non_members.npz}
model: {kind: torch, function: "net.py:build", file: weights.safetensors}
"""
POPULATION = "population: {file: population.npz}\n"
TRAIN = 'train: {function: "net.py:train"}\n'


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Return handwritten digits, x float32 (n, 8, 8) from 0 to 1, y int64 (n,), in an order of chance."""
    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    return (found.images[order] / 16).astype(np.float32), found.target[order]


def network() -> nn.Module:
    """Return the network of NET, whose weights a seed decides."""
    torch.manual_seed(5)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10)).eval()


def write(folder: Path, count: int = 60) -> tuple[np.ndarray, np.ndarray, nn.Module]:
    """Write the files of an audit into a folder; return all records, members first, and the network."""
    x, y = digits()
    for k, name in enumerate(("members", "non_members")):
        np.savez(folder / f"{name}.npz", x=x[k * count : (k + 1) * count], y=y[k * count : (k + 1) * count])
    np.savez(folder / "population.npz", x=x[2 * count : 5 * count], y=y[2 * count : 5 * count])
    made = network()
    save_file(made.state_dict(), folder / "weights.safetensors")
    (folder / "net.py").write_text(NET)
    (folder / "audit.yaml").write_text(AUDIT)
    return x[: 2 * count], y[: 2 * count], made


def refused(mia, folder: Path, monkeypatch: pytest.MonkeyPatch, said: str, *more: str) -> None:
    """Check that an audit is refused in one sentence which holds some text, with exit code 2, and that nothing was written."""
    monkeypatch.chdir(folder)
    before = _files(folder)
    done = mia("audit", "audit.yaml", "--json", *more, MIA_STORE=str(folder.parent / f"{folder.name}-store"))
    assert said in " ".join(done.stderr.split()), done.stderr
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr and len(done.stderr.strip().splitlines()) <= 8
    assert _files(folder) == before


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if "__pycache__" not in str(path))
