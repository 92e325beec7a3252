"""How alike two pictures are: structural similarity, and the peak signal-to-noise ratio."""

from __future__ import annotations

import torch
from torch import Tensor

# Wang et al. 2004, Section III-C: the window, and the constants that keep the quotients stable.
WINDOW, SIGMA, K1, K2 = 11, 1.5, 0.01, 0.03
# Pictures that agree to the last bit would have an infinite ratio of signal to noise: 100 dB are the most that is told.
LEAST_ERROR = 1e-10


def similarity(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean structural similarity (SSIM) of pictures, float64 (n,), between -1 and 1; 1 is the same picture.

    The pictures are (n, height, width) or (n, colours, height, width), their values between 0 and 1. Wang, Bovik, Sheikh and
    Simoncelli 2004, "Image quality assessment", Equation 13: means, variances and covariance in a Gaussian window of 11 x 11
    pixels and deviation 1.5, wherever the window lies within the picture. In smaller pictures the window is the largest of odd
    width that fits. Colours are taken one by one and averaged.
    """
    a, b = (x.double().reshape(-1, 1, *x.shape[-2:]) for x in (first, second))
    window = _window(min(WINDOW, *(side - (side + 1) % 2 for side in a.shape[-2:])))

    def mean(values: Tensor) -> Tensor:
        return torch.conv2d(values, window)

    mean_a, mean_b = mean(a), mean(b)
    variances = mean(a * a) - mean_a**2 + mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    alike = (2 * mean_a * mean_b + K1**2) * (2 * covariance + K2**2)
    alike = alike / ((mean_a**2 + mean_b**2 + K1**2) * (variances + K2**2))
    return alike.reshape(len(first), -1).mean(dim=1)


def signal_to_noise(first: Tensor, second: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio (PSNR) of pictures (n, ...) in decibels, float64 (n,).

    Their values lie between 0 and 1, so that the peak is 1. He et al. 2019, Equation 2.
    """
    error = (first.double() - second.double()).square().flatten(1).mean(dim=1)
    return -10 * error.clamp(min=LEAST_ERROR).log10()


def _window(width: int) -> Tensor:
    """Return the weights of a Gaussian window, float64 (1, 1, width, width), which sum to 1."""
    place = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    weight = torch.exp(-(place**2) / (2 * SIGMA**2))
    weight = weight / weight.sum()
    return torch.outer(weight, weight)[None, None]
