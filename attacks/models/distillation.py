"""Training a network of one's own towards the answers of another, watched on the way."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from attacks.models import training
from attacks.models.training import Recipe

# What is minimised: of logits (n, classes) of the network, and rows (n,) of what it is trained on, one number.
Loss = Callable[[Tensor, Tensor], Tensor]


def answers_along(recipe: Recipe, x: Tensor, wanted: Tensor, asked: Tensor, seed: int) -> Tensor:
    """Return the answers of a distilled network after each epoch of its training, float64 (epochs, m, classes).

    It is trained on records x float32 (n, ...) towards probabilities `wanted` float64 (n, classes), and answers with
    log-probabilities for the records `asked` (m, ...).
    """
    found, targets = [], wanted.float()
    with training.one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        network, x = recipe.build(), x.float()
        optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, fused=True)
        for _ in range(recipe.epochs):
            epoch(network, optimizer, x, recipe.batch, lambda logits, rows: nn.functional.cross_entropy(logits, targets[rows]))
            with torch.no_grad():
                answers = torch.cat([network(chunk.float()) for chunk in asked.split(training.CHUNK)])
            found.append(torch.log_softmax(training.numbers(answers.double()), dim=-1))
    return torch.stack(found)


def epoch(network: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, batch: int, loss_of: Loss) -> None:
    """Train a network once over records x (n, ...), in an order that is drawn from torch's own generator."""
    for rows in torch.randperm(len(x)).split(batch):
        optimizer.zero_grad(set_to_none=True)
        loss_of(network(x[rows]), rows).backward()
        optimizer.step()
