"""Works A and B: what is audited, by all in the same way. Split, target and shadow models are drawn anew by each seed.

A: a forest of 100 trees on 284 records of breast cancer, beside 285 others. B: a network on 400 of scikit-learn's digits,
beside 400 others; the rest is the pool.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.preprocessing import StandardScaler

MODELS = 16


class Work(NamedTuple):
    """Features float (n, d) and labels int (n,) of members, of others and of the pool, and the trained target."""

    members: tuple[NDArray[Any], NDArray[Any]]
    others: tuple[NDArray[Any], NDArray[Any]]
    pool: tuple[NDArray[Any], NDArray[Any]]
    model: Any


def forest(x: Any, y: Any, seed: int) -> RandomForestClassifier:
    """Train the forest of work A."""
    return RandomForestClassifier(100, random_state=seed).fit(x, y)


def network(x: Any, y: Any, seed: int) -> Any:
    """Train the network of work B."""
    import net
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(seed)
    model = net.Network()
    data = TensorDataset(torch.as_tensor(x, dtype=torch.float32), torch.as_tensor(y, dtype=torch.int64))
    net.train(model, DataLoader(data, batch_size=net.BATCH, shuffle=True))
    return model


def made(name: str, seed: int) -> Work:
    """Return work A or B with the split and the target of a seed."""
    if name == "A":
        x, y = load_breast_cancer(return_X_y=True)
        size, count = 284, 569
    else:
        x, y = load_digits(return_X_y=True)
        x, size, count = StandardScaler().fit_transform(x).astype(np.float32), 400, 800
    order = np.random.default_rng(seed).permutation(len(x))
    parts = [(x[rows], y[rows]) for rows in np.split(order, [size, count])]
    return Work(*parts, model=(forest if name == "A" else network)(*parts[0], seed))
