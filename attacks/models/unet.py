"""A small U-Net: a network that labels every pixel (Ronneberger et al. 2015)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class UNet(nn.Module):
    """Pictures (n, height, width) -> logits (n, classes, height, width). One level a width; each level halves the picture."""

    def __init__(self, classes: int, widths: Sequence[int]):
        super().__init__()
        self.levels = _Level(1, widths)
        self.answer = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, float32 of shape (n, classes, height, width)."""
        logits: Tensor = self.answer(self.levels(x.unsqueeze(1)))
        return logits


class _Level(nn.Module):
    """Two convolutions, and below them a level at half the size, whose answer is joined to theirs."""

    def __init__(self, channels: int, widths: Sequence[int]):
        super().__init__()
        width, *deeper = widths
        self.into = nn.Sequential(_convolution(channels, width), _convolution(width, width))
        self.deeper = bool(deeper)
        if deeper:
            self.below = nn.Sequential(nn.MaxPool2d(2), _Level(width, deeper), nn.ConvTranspose2d(deeper[0], width, 2, stride=2))
            self.join = _convolution(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.into(x)
        return self.join(torch.cat([x, self.below(x)], dim=1)) if self.deeper else x


def _convolution(channels: int, width: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.ReLU())
