"""Distance to the decision boundary, found with labels alone: HopSkipJump for the L2 norm, on many records at once.

What is found for a record depends on no other record: starts are drawn by record id, directions by the number of the iteration,
and sums are taken in float64. A model that answers in float32 may still label a point on its boundary otherwise in a batch of
another size; a search that meets such a point ends elsewhere on the boundary.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.seeds import derive_seed, streams

Predict = Callable[[Tensor], Tensor]

BLOCK = 1 << 20  # numbers in one block of queries: some megabytes, which stay in a processor's cache
STARTS = 3  # random starts of a search; from one alone it may end far from the nearest boundary
TRIES = 16  # how often the noise of a start is doubled before it is given up
SHRINKS = 8  # how often a step is halved before it is given up


def distances(
    predict: Predict, x: Tensor, label: Tensor, ids: NDArray[np.uint64], *, queries: int, batch: int, seed: int
) -> Tensor:
    """L2 distance of each record to the nearest found point with another predicted class, float64 (n,); 0 if mislabelled.

    Chen, Jordan and Wainwright 2020, Algorithm 2. `predict` answers with classes, int64 (n,), for points in float32, and no
    record costs it more than `queries` answers. The first gradient estimate of a record takes `batch` of them, the t-th √t times
    as many. What differs from the paper: features have no range to keep to, so a start is the record with Gaussian noise that
    grows until the label changes, where the paper draws from the range of pictures; of three starts the one whose boundary is
    nearest counts; and the records of one iteration share their random directions. A record whose label never changes is as far
    as the farthest point that was tried.
    """
    result = torch.zeros(len(x), dtype=torch.float64)
    rows = (predict(x) == label).nonzero().squeeze(1)
    result[rows] = from_predicted(predict, x[rows], label[rows], ids[rows.numpy()], queries=queries, batch=batch, seed=seed)
    return result


def from_predicted(
    predict: Predict, x: Tensor, predicted: Tensor, ids: NDArray[np.uint64], *, queries: int, batch: int, seed: int
) -> Tensor:
    """Return the same for records whose predicted classes, int64 (n,), are known: that took the first query of each."""
    if not len(x):
        return torch.zeros(0, dtype=torch.float64)
    return _Search(predict, x, predicted, ids, queries, seed).distances(batch)


class _Search:
    """A search for all records side by side. Points are flat, in float64; each record counts its own queries."""

    def __init__(self, predict: Predict, x: Tensor, label: Tensor, ids: NDArray[np.uint64], queries: int, seed: int):
        self.predict, self.shape = predict, x.shape[1:]
        self.x, self.label, self.queries, self.seed = x.flatten(1).double(), label, queries, seed
        self.width = self.x.shape[1]
        self.tolerance = min(self.width**-1.5, 0.01)
        self.bisections = _ceil_log2(1 / self.tolerance)
        self.spent = torch.ones(len(x), dtype=torch.long)
        self.streams = streams(derive_seed(seed, "starts"), ids)
        size = self.x.square().mean(dim=1, keepdim=True).sqrt()
        self.size = torch.where(size > 0, size, 1.0)

    def distances(self, batch: int) -> Tensor:
        """Return the distances, float64 (n,)."""
        point, best, found = self.nearest_start()
        rows = found.nonzero().squeeze(1)
        iteration = 0
        while len(rows):
            iteration += 1
            directions = int(batch * iteration**0.5)
            rows = rows[self.spent[rows] + directions + SHRINKS + self.bisections <= self.queries]
            if not len(rows):
                break
            away = self.away(rows, point[rows])[:, None]
            radius = away * self.width**0.5 * self.tolerance
            gradient = self.gradient(rows, point[rows], radius, directions, derive_seed(self.seed, "directions", iteration))
            stepped = self.step(rows, point[rows], gradient, away / iteration**0.5)
            point[rows] = self.approach(rows, stepped)
            best[rows] = torch.minimum(best[rows], self.away(rows, point[rows]))
        return best

    def nearest_start(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the nearest of some flipped points, its distance, and whether there is one; else the farthest that was tried."""
        every = torch.arange(len(self.x))
        point, best, found = self.x.clone(), torch.zeros(len(self.x), dtype=torch.float64), torch.zeros(len(self.x)).bool()
        for _ in range(STARTS):
            start, flipped = self.noise()
            rows = (flipped & (self.spent + self.bisections <= self.queries)).nonzero().squeeze(1)
            start[rows] = self.approach(rows, start[rows])
            distance = self.away(every, start)
            better = torch.where(found, flipped & (distance < best), flipped | (distance > best))
            point[better], best[better] = start[better], distance[better]
            found |= flipped
        return point, best, found

    def noise(self) -> tuple[Tensor, Tensor]:
        """Return each record with noise that grows until the point is flipped, and whether it is."""
        point, found = self.x.clone(), torch.zeros(len(self.x)).bool()
        for attempt in range(TRIES):
            rows = (~found & (self.spent < self.queries)).nonzero().squeeze(1)
            if not len(rows):
                break
            drawn = np.stack([self.streams[row].standard_normal(self.width) for row in rows.tolist()])
            point[rows] = self.x[rows] + 2.0**attempt * self.size[rows] * torch.from_numpy(drawn)
            found[rows] = self.flipped(rows, point[rows, None])[:, 0]
        return point, found

    def away(self, rows: Tensor, point: Tensor) -> Tensor:
        """Return how far points are from their records, (rows,)."""
        found: Tensor = (point - self.x[rows]).norm(dim=1)
        return found

    def flipped(self, rows: Tensor, points: Tensor) -> Tensor:
        """Return which of the points (rows, count, width) are not classified as their record, bool (rows, count)."""
        self.spent[rows] += points.shape[1]
        answer = self.predict(points.reshape(-1, *self.shape).float())
        return answer.reshape(points.shape[:2]) != self.label[rows, None]

    def approach(self, rows: Tensor, point: Tensor) -> Tensor:
        """Move flipped points towards their records up to the boundary, by bisection; they stay flipped."""
        x, low, high = self.x[rows], torch.zeros(len(rows), 1).double(), torch.ones(len(rows), 1).double()
        for _ in range(self.bisections):
            middle = (low + high) / 2
            flipped = self.flipped(rows, (x + middle * (point - x))[:, None])
            high = torch.where(flipped, middle, high)
            low = torch.where(flipped, low, middle)
        return x + high * (point - x)

    def gradient(self, rows: Tensor, point: Tensor, radius: Tensor, count: int, seed: int) -> Tensor:
        """Estimate the direction in which the other class grows, from `count` labels around each point: unit (rows, width)."""
        random = torch.randn(count, self.width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        random /= random.norm(dim=1, keepdim=True).clamp(min=1e-12)
        estimate, asked = torch.empty_like(point), random.float()
        for part in torch.arange(len(rows)).split(max(1, BLOCK // (count * self.width))):
            around = torch.addcmul(point[part, None].float(), radius[part, None].float(), asked)
            sign = self.flipped(rows[part], around).double() * 2 - 1
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
