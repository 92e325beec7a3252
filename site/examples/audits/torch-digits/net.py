"""A small convolutional network for pictures of 8 x 8, and how it is trained."""

import torch
from torch import nn


def build():
    """Return the network, untrained: pictures (n, 8, 8) in, one logit a class out."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 8)),
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(256, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


def train(x, y, seed):
    """Return a network trained on pictures x (n, 8, 8), labels y (n,); the seed decides its first weights and the order."""
    torch.manual_seed(seed)
    network = build()
    x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.001)
    for _ in range(30):
        for rows in torch.randperm(len(x)).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x[rows]), y[rows]).backward()
            optimizer.step()
    return network
