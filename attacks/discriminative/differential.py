"""Attacks that move one record after the other into a set of non-members, and watch how far the two sets lie apart."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attacks.handles import Records, Scored, ScoreOracle, UnsuitableError
from attacks.seeds import derive_seed, hash_records

# Gaussian kernels of all these widths are added up: variances of the authors' code.
WIDTHS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 5, 10, 15, 20, 25, 30, 35, 100, 1e3, 1e4, 1e5, 1e6)
# Distances from here down are taken to be the same, as in the authors' code.
LEAST = 1e-4


def by_moves(records: Records, scores: ScoreOracle, *, others: int = 20, batch: int = 20, seed: int = 0) -> Scored:
    """How much nearer a record's move to the non-members brings the two sets, float64 (n,); member from 0 up (BlindMI).

    Hui et al. 2021, BlindMI-Diff with generated non-members. The target is asked about `others` made-up records, none of which
    can be a member: pictures run through the Sobel operator, or, of records that are no pictures, features drawn from
    different candidates. What is compared are three probabilities: of the label and the two highest. Candidates come in
    batches of `batch`, and all are taken to be members at first. Each is moved, by itself, to the non-members: if the maximum
    mean discrepancy of the two sets grows, it is none, and stays there from the next round on; that ends when nothing moves.
    The score is the change at the last time that a record was moved. Batches are dealt out by a hash of record ids, and a
    record's score depends on the others of its batch. Raises UnsuitableError for records of one feature, as recorded
    answers have, since what would be made up are candidates.
    """
    x, label, ids = records.x, records.label, records.ids
    if x[0].numel() == 1:
        raise UnsuitableError("made-up records of one feature would be candidates, which may be members")
    order = np.argsort(hash_records(derive_seed(seed, "made-up"), 0, ids), kind="stable")
    chosen = torch.from_numpy(np.resize(order, others))
    made_up = _sobel(x[chosen]) if x.ndim > 2 else _mixed(x, ids, others, derive_seed(seed, "features"))
    outside = _compared(scores(made_up), label[chosen])
    inside = _compared(scores(x), label)
    score = torch.empty(len(x), dtype=torch.float64)
    dealt = torch.from_numpy(np.argsort(hash_records(derive_seed(seed, "batches"), 0, ids), kind="stable"))
    for rows in dealt.split(batch):
        score[rows] = _moved(inside[rows], outside)
    return Scored(score, cut=0.0)


def _moved(candidates: Tensor, outside: Tensor) -> Tensor:
    """Return minus the change of the discrepancy that each candidate's last move made, float64 (n,), below 0 of non-members."""
    every = torch.cat([candidates, outside])
    kernel = torch.stack([torch.exp(-torch.cdist(every, every).square() / (2 * width)) for width in WIDTHS]).sum(dim=0)
    count = len(candidates)
    member = torch.arange(len(every)) < count
    score = torch.full((count,), float("nan"), dtype=torch.float64)
    # Non-members that were moved for good are not added to the generated ones: the authors' code compares with those alone.
    generated = ~member
    while True:
        rows = member.nonzero().squeeze(1)
        if not len(rows):
            return score
        before = _discrepancy(kernel, generated, member)
        change = torch.stack([_after_move(kernel, generated, member, int(row)) for row in rows]) - before
        score[rows] = -change
        gone = rows[change > 0]
        if not len(gone):
            return score
        member[gone] = False


def _after_move(kernel: Tensor, outside: Tensor, inside: Tensor, row: int) -> Tensor:
    outside, inside = outside.clone(), inside.clone()
    outside[row], inside[row] = True, False
    return _discrepancy(kernel, outside, inside)


def _discrepancy(kernel: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Return the squared maximum mean discrepancy of two sets, bool (n,), from the kernel of all pairs (n, n)."""
    if not b.any():
        return torch.tensor(LEAST, dtype=torch.float64)
    within = kernel[a][:, a].mean() + kernel[b][:, b].mean()
    return (within - 2 * kernel[a][:, b].mean()).clamp(min=LEAST)


def _compared(log_probs: Tensor, label: Tensor) -> Tensor:
    """Return the probability of the label and the two highest ones, float64 (n, 3)."""
    probs = log_probs.exp()
    return torch.cat([probs.gather(1, label[:, None]), probs.topk(2, dim=1).values], dim=1)


def _sobel(x: Tensor) -> Tensor:
    """Return the mean of the absolute slopes of pictures (n, ..., height, width) in both directions, by the Sobel operator."""
    rise = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    flat = nn.functional.pad(x.reshape(-1, 1, *x.shape[-2:]), (1, 1, 1, 1), mode="reflect")
    slopes = nn.functional.conv2d(flat, torch.stack([rise, rise.T])[:, None]).abs()
    return slopes.mean(dim=1).reshape(x.shape)


def _mixed(x: Tensor, ids: NDArray[np.uint64], count: int, seed: int) -> Tensor:
    """Return made-up records, float32 (count, width), each feature taken from another candidate, as a hash decides."""
    columns = [np.resize(np.argsort(hash_records(seed, k, ids), kind="stable"), count) for k in range(x.shape[1])]
    return torch.stack([x[torch.from_numpy(rows), k] for k, rows in enumerate(columns)], dim=1)
