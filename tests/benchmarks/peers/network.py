"""The network and the training of fashion-mlp, as sacroml and ART want them handed over; its weights have the names of ours."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import DataLoader

EPOCHS, BATCH, LEARNING_RATE = 50, 128, 0.001


class Network(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))


def train(model: nn.Module, dataloader: DataLoader) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    loss_of = nn.CrossEntropyLoss()
    for _ in range(EPOCHS):
        for x, y in dataloader:
            optimizer.zero_grad()
            loss_of(model(x), y).backward()
            optimizer.step()
