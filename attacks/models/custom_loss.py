"""Training on a loss of one's own: for networks that no recipe describes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from attacks.models import training


def minimised(
    build: Callable[[], nn.Module],
    loss: Callable[[nn.Module, Tensor], Tensor],
    records: int,
    *,
    epochs: int,
    batch: int,
    learning_rate: float,
    seed: int,
) -> nn.Module:
    """Return the network that `build` makes, trained with Adam so that `loss` becomes small.

    `loss` gets the network and the rows of a batch, int64 (n,), and returns one number. The same seed gives the same bits.
    """
    with training.one_thread(), torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed % 2**63)
        network = build()
        optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
        for _ in range(epochs):
            for rows in torch.randperm(records).split(batch):
                optimizer.zero_grad(set_to_none=True)
                loss(network, rows).backward()
                optimizer.step()
    return network.eval()
