"""A network whose slopes are written out learns what torch's autograd and optimizer make it learn."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn

from attacks.models.one_hidden_layer import OneHiddenLayer


@pytest.mark.parametrize(("outputs", "decay", "clip"), [(1, 0.0, math.inf), (2, 0.01, 0.05), (3, 0.0, 1.0)])
def test_it_learns_what_torch_learns(outputs, decay, clip):
    generator = torch.Generator().manual_seed(outputs)
    x, wanted = (torch.randn(60, width, generator=generator, dtype=torch.float64) for width in (5, outputs))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        inner, outer = nn.Linear(5, 8), nn.Linear(8, outputs)
    torchs = nn.Sequential(copy.deepcopy(inner), nn.ReLU(), copy.deepcopy(outer)).double()
    ours = OneHiddenLayer(inner, outer, learning_rate=0.01, decay=decay, clip=clip)
    before = ours(x)
    assert torch.allclose(before, torchs(x))
    optimizer = torch.optim.AdamW(torchs.parameters(), lr=0.01, weight_decay=decay)
    for rows in torch.arange(60).repeat(5).split(16):
        optimizer.zero_grad()
        (torchs(x[rows]) - wanted[rows]).square().sum().backward()
        if clip < math.inf:
            nn.utils.clip_grad_norm_(torchs.parameters(), clip)
        optimizer.step()
        ours.learn(x[rows], lambda found, rows=rows: 2 * (found - wanted[rows]))
    assert torch.allclose(ours(x), torchs(x), rtol=0, atol=1e-11) and not torch.allclose(ours(x), before, atol=0.1)
