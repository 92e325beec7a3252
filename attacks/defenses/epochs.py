"""Our training of a network on a loss of a defense's own, epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from attacks.errors import AttackError
from attacks.models.training import Recipe


def epochs(network: nn.Module, recipe: Recipe, records: int, loss: Callable[[int, Tensor], Tensor]) -> Iterator[int]:
    """Train a network in place, with the optimizer, batches and epochs of a recipe; yield each epoch when it is over.

    `loss` gets the epoch, from 0, and the rows of a batch, int64 (n,), and returns one number. Orders are drawn from torch's own
    generator, as our loop draws them (attacks/models/training.py, `learn`): on its loss the network gets the same bits.
    """
    if recipe.batch < 1:
        raise AttackError(f"a network learns from batches of records, and the recipe says {recipe.batch} in one: state `batch`")
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, fused=True)
    for epoch in range(recipe.epochs):
        for rows in torch.randperm(records).split(recipe.batch):
            optimizer.zero_grad(set_to_none=True)
            loss(epoch, rows).backward()
            optimizer.step()
        yield epoch
