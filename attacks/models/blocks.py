"""Blocks: models of one recipe that are trained together, as one batched program over their stacked weights.

A program does what the loop (attacks/models/training.py, `learn`) does for each model by itself, from the same initial weights
and in the same orders of records; only how sums are rounded differs. No number of one model enters another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from attacks.seeds import digest, digest_arrays


@dataclass(frozen=True)
class Block:
    """Training sets of models that are trained together, as rows of one pool of records.

    x (m, ...) and y (m, ...) are the pool, `rows` int64 (n,) for each model, and `seeds` are those of initial weights and orders.
    """

    x: Tensor
    y: Tensor
    rows: tuple[Tensor, ...]
    seeds: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def compact(self) -> Block:
        """Return the block on a pool of its own records alone, in the order in which its models first have them."""
        used, first, place = np.unique(torch.cat(self.rows).numpy(), return_index=True, return_inverse=True)
        order = np.argsort(first, kind="stable")
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        rows = torch.from_numpy(rank[place]).split([len(one) for one in self.rows])
        kept = torch.from_numpy(used[order])
        return Block(self.x[kept], self.y[kept], tuple(rows), self.seeds)

    @property
    def content(self) -> str:
        """A hash of what the models are trained on and by which seeds; it does not hang on what else the pool holds."""
        own = self.compact()
        return digest([digest_arrays(own.x.numpy(), own.y.numpy(), *(rows.numpy() for rows in own.rows)), list(self.seeds)])

    def only(self, k: int) -> tuple[Tensor, Tensor, int]:
        """Return the records of one model, their labels, and its seed."""
        return self.x[self.rows[k]], self.y[self.rows[k]], self.seeds[k]

    # A worker process is sent its own records only, when its turn comes.

    def __getstate__(self) -> dict[str, Any]:
        own = self.compact()
        return {"x": own.x.numpy(), "y": own.y.numpy(), "rows": [rows.numpy() for rows in own.rows], "seeds": self.seeds}

    def __setstate__(self, state: dict[str, Any]) -> None:
        put = object.__setattr__
        put(self, "x", torch.from_numpy(state["x"]))
        put(self, "y", torch.from_numpy(state["y"]))
        put(self, "rows", tuple(torch.from_numpy(rows) for rows in state["rows"]))
        put(self, "seeds", state["seeds"])


def learn_perceptrons(
    networks: Sequence[nn.Module],
    generators: Sequence[torch.Generator],
    x: Tensor,
    y: Tensor,
    rows: Tensor,
    *,
    epochs: int,
    batch: int,
    learning_rate: float,
    regression: bool,
) -> None:
    """Train multilayer perceptrons of one form in place, each on its rows of x (m, ...) and y, int64 (models, n), with Adam.

    `generators` draw the orders of records, one for each model.
    """
    layers = [[layer for layer in network.modules() if isinstance(layer, nn.Linear)] for network in networks]
    # Weights are kept as (models, in, out): the products below read them as they lie.
    weights = [torch.stack([layer.weight.detach().T for layer in level]) for level in zip(*layers, strict=True)]
    biases = [torch.stack([layer.bias.detach()[None] for layer in level]) for level in zip(*layers, strict=True)]
    optimizer = torch.optim.Adam([*weights, *biases], lr=learning_rate, fused=True)
    steps, shifts = ([torch.zeros_like(one) for one in level] for level in (weights, biases))
    for weight, step in zip([*weights, *biases], [*steps, *shifts], strict=True):
        weight.grad = step  # filled in place, as it is not torch that differentiates here
    models, records = rows.shape
    flat = x.flatten(1)
    for _ in range(epochs):
        order = rows.gather(1, torch.stack([torch.randperm(records, generator=generator) for generator in generators]))
        for chunk in order.split(batch, dim=1):
            size = chunk.shape[1]
            # What enters each layer, and at the end the outputs.
            values = [flat.index_select(0, chunk.flatten()).view(models, size, -1)]
            for level, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
                found = torch.baddbmm(bias, values[-1], weight)
                values.append(found if level == len(weights) - 1 else found.relu_())
            error = _slope(values[-1], y[chunk], regression)
            for level in reversed(range(len(weights))):
                torch.bmm(values[level].transpose(1, 2), error, out=steps[level])
                torch.sum(error, 1, keepdim=True, out=shifts[level])
                if level:
                    back = torch.bmm(error, weights[level].transpose(1, 2))
                    error = torch.ops.aten.threshold_backward(back, values[level], 0)
            optimizer.step()
    with torch.no_grad():
        for level in range(len(weights)):
            for k in range(models):
                layers[k][level].weight.copy_(weights[level][k].T)
                layers[k][level].bias.copy_(biases[level][k, 0])


def _slope(output: Tensor, y: Tensor, regression: bool) -> Tensor:
    """Return the gradient of every model's mean loss by its outputs (models, n, classes): cross-entropy, or the squared error.

    y is int64 (models, n), or float32 (models, n, classes), or of a regression (models, n).
    """
    size = output.shape[1]
    if regression:
        slope = torch.zeros_like(output)
        slope[..., 0] = (output[..., 0] - y) * (2 / size)
        return slope
    slope = output.softmax(dim=2)
    if y.is_floating_point():
        slope = slope * y.sum(dim=2, keepdim=True) - y
    else:
        slope.scatter_add_(2, y[..., None], torch.full((), -1.0).expand(*y.shape, 1))
    return slope.div_(size)
