"""The records that are asked about, and the truth. As a program it writes what `mia run` needs beside the recording."""

import numpy as np
import torch
from digits_federation import task
from torch import Tensor


def candidates() -> tuple[Tensor, Tensor, Tensor]:
    """Return the records of participant 1 and as many of nobody: x float32 (n, 64), y int64 (n,), member bool (n,)."""
    first, last, end = task.PARTS[1], task.PARTS[2], task.PARTS[-1]
    members, others = task.records(first, last), task.records(end, end + last - first)
    x, y = (torch.cat(pair) for pair in zip(members, others, strict=True))
    return x, y, torch.arange(len(x)) < last - first


if __name__ == "__main__":
    x, y, member = candidates()
    np.savez("candidates.npz", x=x.numpy(), y=y.numpy(), member=member.numpy())
