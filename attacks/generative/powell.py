"""Powell's method of conjugate directions (Powell 1964): a search without gradients, for many functions in step."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

LINE = 3  # evaluations of one search along a line
Objective = Callable[[Tensor], Tensor]


def minimise(objective: Objective, z: Tensor, evaluations: int, width: float = 0.5) -> Tensor:
    """Return points with a lower objective than z float64 (n, d), each searched for by itself, (n, d).

    `objective` maps points (n, d) to values float64 (n,), row by row, and is asked no more than `evaluations` times. Each sweep
    goes along every direction of a set, which are the axes at first. A sweep's whole way becomes a direction in place of the
    one that brought most, by Powell's test of whether that is worth it. Along a line the vertex of a parabola through three
    points is tried, as Powell did himself; `width` is the first distance between them.
    """
    line = _Line(objective, evaluations)
    count, size = z.shape
    rows = torch.arange(count)
    directions = torch.eye(size, dtype=z.dtype).repeat(count, 1, 1)
    widths = torch.full((count, size), width, dtype=z.dtype)
    value = line.ask(z)
    while True:
        start, before, falls = z, value, []
        for k in range(size):
            if line.left < LINE:
                return z
            z, found, widths[:, k] = line.search(z, value, directions[:, k], widths[:, k])
            falls.append(value - found)
            value = found
        if line.left < LINE + 1:
            return z
        fall, largest = torch.stack(falls, dim=1).max(dim=1)
        beyond = line.ask(2 * z - start)
        twice = 2 * (before - 2 * value + beyond) * (before - value - fall).square()
        worth = (beyond < before) & (twice < fall * (before - beyond).square()) & (value < before)
        way = z - start
        length = way.norm(dim=1, keepdim=True).clamp(min=1e-12)
        way = torch.where(worth[:, None], way / length, directions[rows, largest])
        new_width = torch.where(worth, length[:, 0], widths[rows, largest])
        z, value, new_width = line.search(z, value, way, new_width)
        directions[rows, largest], widths[rows, largest] = way, new_width


class _Line:
    """Searches along lines, and counts how often the objective was asked."""

    def __init__(self, objective: Objective, evaluations: int):
        self.objective, self.left = objective, evaluations

    def ask(self, z: Tensor) -> Tensor:
        """Return the objective of each point."""
        self.left -= 1
        return self.objective(z)

    def search(self, z: Tensor, value: Tensor, direction: Tensor, width: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the best of four points of each line, its value, and the width for the next search along it."""
        back, ahead = (self.ask(z + side * width[:, None] * direction) for side in (-1.0, 1.0))
        bend = back + ahead - 2 * value
        vertex = torch.where(bend > 0, (back - ahead) / (2 * bend.clamp(min=1e-300)), 2 * (back - ahead).sign()).clamp(-2, 2)
        steps = torch.stack([torch.zeros_like(width), -torch.ones_like(width), torch.ones_like(width), vertex], dim=1)
        values = torch.stack([value, back, ahead, self.ask(z + (vertex * width)[:, None] * direction)], dim=1)
        best, chosen = values.min(dim=1)
        step = steps.gather(1, chosen[:, None])[:, 0]
        # The next parabola is as wide as this step was long, within bounds: it narrows near a minimum.
        wider = width * step.abs().clamp(0.3, 2)
        return z + (step * width)[:, None] * direction, best, wider.clamp(1e-4, 2)
