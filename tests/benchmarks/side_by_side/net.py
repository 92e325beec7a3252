"""The network of work B and its training, in the form in which sacroml wants them handed over: two functions of a file."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import DataLoader

EPOCHS, BATCH = 60, 64


class Network(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))


def train(model: nn.Module, dataloader: DataLoader) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(EPOCHS):
        for x, y in dataloader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
