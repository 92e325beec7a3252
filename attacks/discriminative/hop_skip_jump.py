"""Distance to the decision boundary, found with labels alone: HopSkipJump for the L2 norm, on many records at once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Predict = Callable[[Tensor], Tensor]

BLOCK = 1 << 20  # numbers in one block of queries: some megabytes, which stay in a processor's cache
SHRINKS = 8  # how often a step is halved before it is given up


def distances(predict: Predict, x: Tensor, label: Tensor, *, queries: int, batch: int, generator: torch.Generator) -> Tensor:
    """L2 distance of each record to the nearest found record with another predicted class, float64 (n,); 0 if mislabelled.

    Chen, Jordan and Wainwright 2020, Algorithm 2, in float32. `predict` answers with classes, int64 (n,), and no record costs
    it more than `queries` answers. The first gradient estimate of a record takes `batch` of them, the t-th √t times as many.
    What differs from the paper: a search starts at the nearest record of `x` that is classified otherwise, or at random noise
    where there is none; the records of one iteration share their random directions; and features have no range to keep to.
    """
    return search(predict, x, label, starts(x, predict(x)), queries=queries, batch=batch, generator=generator)


def starts(x: Tensor, predicted: Tensor) -> tuple[Tensor, Tensor]:
    """Return for each record the predicted class, int64 (n,), and the nearest one of another class, or itself, int64 (n,)."""
    flat = x.flatten(1)
    nearest = []
    for rows in torch.arange(len(x)).split(max(1, BLOCK // max(1, len(x)))):
        apart = torch.cdist(flat[rows], flat)
        same = predicted[rows, None] == predicted
        nearest.append(torch.where(same.all(1), rows, apart.masked_fill(same, torch.inf).argmin(1)))
    return predicted, torch.cat(nearest) if nearest else torch.empty(0, dtype=torch.long)


def search(
    predict: Predict,
    x: Tensor,
    label: Tensor,
    start: tuple[Tensor, Tensor],
    *,
    queries: int,
    batch: int,
    generator: torch.Generator,
) -> Tensor:
    """Return what `distances` returns; one query a record has been spent on `start`, its predicted classes."""
    predicted, nearest = start
    result = torch.zeros(len(x), dtype=torch.float64)
    rows = (predicted == label).nonzero().squeeze(1)
    if len(rows):
        run = _Search(predict, x[rows], label[rows], queries, generator)
        result[rows] = run.distances(x.flatten(1)[nearest[rows]], nearest[rows] != rows, batch)
    return result


class _Search:
    """A search for all records side by side. Points are flat; each record counts its own queries."""

    def __init__(self, predict: Predict, x: Tensor, label: Tensor, queries: int, generator: torch.Generator):
        self.predict, self.shape = predict, x.shape[1:]
        self.x, self.label, self.queries, self.generator = x.flatten(1).float(), label, queries, generator
        self.width = self.x.shape[1]
        self.tolerance = min(self.width**-1.5, 0.01)
        self.bisections = _ceil_log2(1 / self.tolerance)
        self.spent = torch.ones(len(x), dtype=torch.long)
        self.low, self.high = float(self.x.min()), float(self.x.max())

    def distances(self, start: Tensor, found: Tensor, batch: int) -> Tensor:
        """Return the distances, float64 (n,), of searches from points `start` that are classified otherwise if `found`."""
        point, found = self.noise(start.clone(), found.clone())
        rows = (found & (self.spent + self.bisections <= self.queries)).nonzero().squeeze(1)
        point[rows] = self.approach(rows, point[rows])
        best: Tensor = (point.double() - self.x.double()).norm(dim=1)
        best[~found] = (self.high - self.low) * self.width**0.5  # as far as any record can be
        iteration = 0
        while len(rows):
            iteration += 1
            directions = int(batch * iteration**0.5)
            rows = rows[self.spent[rows] + directions + SHRINKS + self.bisections <= self.queries]
            if not len(rows):
                break
            away = (point[rows] - self.x[rows]).norm(dim=1, keepdim=True)
            gradient = self.gradient(rows, point[rows], away * self.width**0.5 * self.tolerance, directions)
            stepped = self.step(rows, point[rows], gradient, away / iteration**0.5)
            point[rows] = self.approach(rows, stepped)
            best[rows] = torch.minimum(best[rows], (point[rows].double() - self.x[rows].double()).norm(dim=1))
        return best

    def flipped(self, rows: Tensor, points: Tensor) -> Tensor:
        """Return which of the points (rows, count, width) are not classified as their record, bool (rows, count)."""
        self.spent[rows] += points.shape[1]
        answer = self.predict(points.reshape(-1, *self.shape))
        return answer.reshape(points.shape[:2]) != self.label[rows, None]

    def noise(self, point: Tensor, found: Tensor) -> tuple[Tensor, Tensor]:
        """Put random points for those not found, and say which are classified otherwise: up to 16 attempts a record."""
        for _ in range(16):
            rows = (~found & (self.spent < self.queries)).nonzero().squeeze(1)
            if not len(rows):
                break
            spread = torch.rand(len(rows), self.width, generator=self.generator)
            point[rows] = self.low + (self.high - self.low) * spread
            found[rows] = self.flipped(rows, point[rows, None])[:, 0]
        return point, found

    def approach(self, rows: Tensor, point: Tensor) -> Tensor:
        """Move flipped points towards their records up to the boundary, by bisection; they stay flipped."""
        x, low, high = self.x[rows], torch.zeros(len(rows), 1), torch.ones(len(rows), 1)
        for _ in range(self.bisections):
            middle = (low + high) / 2
            flipped = self.flipped(rows, (x + middle * (point - x))[:, None])
            high = torch.where(flipped, middle, high)
            low = torch.where(flipped, low, middle)
        return x + high * (point - x)

    def gradient(self, rows: Tensor, point: Tensor, radius: Tensor, count: int) -> Tensor:
        """Estimate the direction in which the other class grows, from `count` labels around each point: unit (rows, width)."""
        random = torch.randn(count, self.width, generator=self.generator)
        random /= random.norm(dim=1, keepdim=True).clamp(min=1e-12)
        estimate = torch.empty_like(point)
        for part in torch.arange(len(rows)).split(max(1, BLOCK // (count * self.width))):
            around = torch.addcmul(point[part, None], radius[part, None], random)
            sign = self.flipped(rows[part], around).float() * 2 - 1
            mean = sign.mean(1, keepdim=True)
            estimate[part] = torch.where(mean.abs() == 1, sign, sign - mean) @ random
        length: Tensor = estimate.norm(dim=1, keepdim=True)
        return estimate / length.clamp(min=1e-12)

    def step(self, rows: Tensor, point: Tensor, direction: Tensor, size: Tensor) -> Tensor:
        """Step along the direction, half as far until the point is flipped; points that never are stay where they were."""
        result, size = point.clone(), size.clone()
        left = torch.arange(len(rows))
        for _ in range(SHRINKS):
            proposal = point[left] + size[left] * direction[left]
            flipped = self.flipped(rows[left], proposal[:, None])[:, 0]
            result[left[flipped]] = proposal[flipped]
            left = left[~flipped]
            if not len(left):
                break
            size[left] /= 2
        return result


def _ceil_log2(value: float) -> int:
    return max(1, int(value - 1e-9).bit_length())
