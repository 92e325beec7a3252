"""Small changes to pictures that leave what they show as it is: attacks ask about each to learn more of one record."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from attacks.handles import AttackError, Change

# Nine places a pixel apart, each plain and mirrored; the picture itself and its mirror image come first.
SHIFTS = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)]
MOST = 2 * len(SHIFTS)


def changes(x: Tensor, count: int) -> list[Change]:
    """Return the first `count` of 18 changes, of which the first leaves records x (n, ..., height, width) as they are.

    Mirror images and shifts by one pixel are those of Carlini et al. 2022, Section VI-B; a border is filled by reflection.
    Raises AttackError for another count, and for records that are no pictures where more than one is asked for.
    """
    if not 1 <= count <= MOST:
        raise AttackError(f"augmentations is a number from 1 to {MOST} (found {count})")
    if count > 1 and (x.ndim < 3 or min(x.shape[-2:]) < 2):
        raise AttackError(
            f"only pictures can be mirrored and shifted, and records of shape {tuple(x.shape[1:])} are none; "
            "augmentations must be 1"
        )
    every: list[Change] = [partial(_changed, down=down, right=right, mirror=m) for down, right in SHIFTS for m in (False, True)]
    return every[:count]


def asked(of: Callable[[Tensor], Tensor], x: Tensor, count: int) -> Tensor:
    """Return `of` each augmentation of x, stacked along a new last dimension."""
    return torch.stack([of(change(x)) for change in changes(x, count)], dim=-1)


def _changed(x: Tensor, *, down: int, right: int, mirror: bool) -> Tensor:
    if mirror:
        x = x.flip(-1)
    if not down and not right:
        return x
    height, width = x.shape[-2:]
    wide = torch.nn.functional.pad(x.reshape(-1, 1, height, width), (1, 1, 1, 1), mode="reflect")
    return wide[:, :, 1 - down : 1 - down + height, 1 - right : 1 - right + width].reshape(x.shape).contiguous()
