"""Dropout whose masks do not depend on the build of PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """Leave out each number with probability `share` in training, and scale the others up so that their mean stays.

    `torch.nn.Dropout` draws its masks by whatever the build of PyTorch brings: the same seed gives other masks, and so another
    network, with another version. Uniform numbers are drawn alike by all of them. Srivastava et al. 2014, Section 4, scaled as
    in Section 10.
    """

    def __init__(self, share: float):
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """Return x with some of its numbers left out while the network trains, and x itself afterwards."""
        if not self.training or not self.share:
            return x
        return x * (torch.rand(x.shape, device=x.device) >= self.share) / (1 - self.share)
