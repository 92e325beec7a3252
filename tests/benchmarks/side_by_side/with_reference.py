"""A plain loop: LiRA online with one variance for all, as one would write it: python with_reference.py WORK SEED OUT"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from judge import judged
from works import MODELS, forest, made, network

name, seed, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
work = made(name, seed)
x, y = (np.concatenate(pair) for pair in zip(work.members, work.others, strict=True))
size, train = len(work.members[0]), forest if name == "A" else network


def margins(model):
    """Return log p / (1 - p) of the true class, float64 (n,); a forest's p has the resolution 1 / trees, which bounds it."""
    if name == "A":
        p = np.clip(model.predict_proba(x)[np.arange(len(x)), y], 1 / 200, 1 - 1 / 200)
        return np.log(p) - np.log1p(-p)
    import torch

    with torch.no_grad():
        logits = model(torch.from_numpy(x)).double()
    true = logits[torch.arange(len(x)), torch.from_numpy(y)]
    others = logits.scatter(1, torch.from_numpy(y)[:, None], -torch.inf).logsumexp(1)
    return (true - others).numpy()


generator = np.random.default_rng([seed, 1])
inside = np.zeros((MODELS, len(x)), dtype=bool)
signal = np.empty(inside.shape)
# Each record is in half of the models.
for k in range(0, MODELS, 2):
    order = generator.permutation(len(x))
    for j, rows in ((k, order[:size]), (k + 1, order[size:])):
        inside[j, rows] = True
        signal[j] = margins(train(x[rows], y[rows], 1000 * seed + j))
mean = [np.where(side, signal, 0).sum(0) / side.sum(0) for side in (inside, ~inside)]
variance = [((signal - m) ** 2)[side].mean() for side, m in zip((inside, ~inside), mean, strict=True)]
target = margins(work.model)
logs = [-((target - m) ** 2) / (2 * v) - np.log(v) / 2 for m, v in zip(mean, variance, strict=True)]
Path(out).write_text(json.dumps({"attacks": 1, "scores": {"LiRA": judged(logs[0] - logs[1], size)}}))
