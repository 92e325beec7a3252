"""Structural similarity and the peak signal-to-noise ratio, against values worked out by hand and in plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attacks.metrics.structural_similarity import signal_to_noise, similarity

C1, C2 = 0.01**2, 0.03**2


def by_loops(a: np.ndarray, b: np.ndarray, width: int) -> float:
    """Equation 13 of Wang et al. 2004, window by window, with two-pass variances."""
    place = np.arange(width) - width // 2
    weight = np.exp(-(place[:, None] ** 2 + place[None, :] ** 2) / (2 * 1.5**2))
    weight /= weight.sum()
    found = []
    for i in range(a.shape[0] - width + 1):
        for j in range(a.shape[1] - width + 1):
            p, q = a[i : i + width, j : j + width], b[i : i + width, j : j + width]
            mean_p, mean_q = (weight * p).sum(), (weight * q).sum()
            var_p, var_q = (weight * (p - mean_p) ** 2).sum(), (weight * (q - mean_q) ** 2).sum()
            covariance = (weight * (p - mean_p) * (q - mean_q)).sum()
            luminance = (2 * mean_p * mean_q + C1) / (mean_p**2 + mean_q**2 + C1)
            found.append(luminance * (2 * covariance + C2) / (var_p + var_q + C2))
    return float(np.mean(found))


def test_flat_pictures_differ_in_luminance_only():
    """By hand: (2 * 0.5 * 0.25 + 0.0001) / (0.25 + 0.0625 + 0.0001) = 0.2501 / 0.3126."""
    a, b = torch.full((1, 28, 28), 0.5), torch.full((1, 28, 28), 0.25)
    assert similarity(a, b).tolist() == pytest.approx([0.2501 / 0.3126])
    assert signal_to_noise(a, b).tolist() == pytest.approx([-20 * np.log10(0.25)])


def test_a_negative_of_a_picture_is_worked_out_by_hand():
    """3 x 3 pixels fit one window. Its weights are w0^2 in the middle, w0 w1 beside it, w1^2 in the corners, w1 = w0 e^(-1/4.5).

    A picture that is 1 in the middle and 0 elsewhere has mean m = w0^2 and variance m - m^2; its negative has mean 1 - m, the
    same variance, and the covariance is minus that.
    """
    w0 = 1 / (1 + 2 * np.exp(-1 / 4.5))
    m = w0**2
    variance = m - m**2
    expected = (2 * m * (1 - m) + C1) * (-2 * variance + C2) / ((m**2 + (1 - m) ** 2 + C1) * (2 * variance + C2))
    picture = torch.zeros(1, 3, 3)
    picture[0, 1, 1] = 1
    assert similarity(picture, 1 - picture).tolist() == pytest.approx([expected])


@pytest.mark.parametrize(("side", "width"), [(28, 11), (13, 11), (8, 7), (5, 5)])
def test_windows_one_by_one(side, width):
    generator = np.random.default_rng(side)
    a = generator.random((3, side, side))
    b = np.clip(a + 0.3 * generator.normal(size=a.shape), 0, 1)
    expected = [by_loops(p, q, width) for p, q in zip(a, b, strict=True)]
    assert similarity(torch.from_numpy(a), torch.from_numpy(b)).tolist() == pytest.approx(expected)


def test_colours_are_averaged_and_equal_pictures_are_alike():
    generator = torch.Generator().manual_seed(1)
    a, b = (torch.rand(2, 3, 16, 12, generator=generator) for _ in range(2))
    single = torch.stack([similarity(a[:, c], b[:, c]) for c in range(3)]).mean(0)
    assert torch.allclose(similarity(a, b), single) and similarity(a, b).dtype == torch.float64
    assert similarity(a, a).tolist() == pytest.approx([1, 1])
    assert torch.allclose(similarity(a, b), similarity(b, a))
    assert signal_to_noise(a, a).tolist() == pytest.approx([100, 100])
    by_hand = [-10 * np.log10(((p - q) ** 2).mean()) for p, q in zip(a.double().numpy(), b.double().numpy(), strict=True)]
    assert signal_to_noise(a, b).tolist() == pytest.approx(by_hand)
