"""The judge of attacks that recover inputs: how alike the recovered pictures and the true ones are."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from attacks.handles import AttackError
from attacks.metrics import DIFFERENCE, Metric
from attacks.metrics.intervals import mean_interval
from attacks.metrics.structural_similarity import signal_to_noise, similarity
from attacks.targets.target import Judge

# Below this similarity the paper calls a recovered picture unrecognisable (He et al. 2019, Section 4.2).
RECOGNISABLE = 0.3


def judge(truth: Tensor, own: Tensor, black: float, white: float) -> Judge:
    """Return the judge of recovered pictures: their mean structural similarity to the true ones (inputs, ...).

    Values are scaled so that `black` is 0 and `white` is 1, and what lies outside is cut off. Chance is the similarity that the
    mean of the adversary's own records `own` (n, ...) has to the true pictures. `psnr` is the mean peak signal-to-noise ratio in
    decibels, and `mean_picture_psnr` that of the mean picture; `recognisable` the share of pictures with a similarity of 0.3 or
    more; `shuffled` the similarity if the recovered pictures were dealt out to the inputs by chance.
    """

    def scaled(x: Tensor) -> Tensor:
        return ((x.double() - black) / (white - black)).clamp(0, 1)

    true = scaled(truth)
    mean = scaled(own.double().mean(dim=0)).expand_as(true)
    chance, mean_psnr = float(similarity(mean, true).mean()), float(signal_to_noise(mean, true).mean())

    def judged(found: Any) -> Metric:
        if not isinstance(found, Tensor) or found.shape != truth.shape or not found.isfinite().all():
            raise AttackError(f"an attack on inputs finds one finite input for each, {tuple(truth.shape)}")
        pictures = scaled(found)
        alike = similarity(pictures, true)
        details = {
            "psnr": float(signal_to_noise(pictures, true).mean()),
            "mean_picture_psnr": mean_psnr,
            "recognisable": float((alike >= RECOGNISABLE).double().mean()),
            "shuffled": _shuffled(pictures, true),
        }
        interval = mean_interval(alike.numpy(), *DIFFERENCE)
        return Metric("structural similarity", float(alike.mean()), interval, chance, details, DIFFERENCE)

    return judged


def _shuffled(found: Tensor, true: Tensor) -> float:
    """Return the mean similarity of every recovered picture to every true one but its own."""
    count = len(true)
    turned = [similarity(found, torch.roll(true, shift, dims=0)).mean() for shift in range(1, count)]
    return float(torch.stack(turned).mean())
