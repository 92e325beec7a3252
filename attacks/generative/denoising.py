"""How well a diffusion model finds the noise in a candidate: better if it was trained to do so."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from attacks.handles import AttackError, NoisePredictor, Records
from attacks.seeds import streams


def loss(records: Records, predicted_noise: NoisePredictor, *, step: int = 350, draws: int = 16, seed: int = 0) -> Tensor:
    """Minus the squared error of the noise that the model finds, at one step, float64 (n,).

    The training loss of a diffusion model, as Matsumoto et al. 2023 attack with it. The authors' code sums the squares over the
    pixels, takes step 350 of 1,000 and draws the noise once for each record. Which noise that is then decides much of the
    ranking, so here the loss is a mean over `draws`, drawn by the record's id.
    """
    x = records.x.double()
    sources = streams(seed, records.ids)
    error = torch.zeros(len(x), dtype=torch.float64)
    for _ in range(draws):
        noise = torch.from_numpy(np.stack([source.standard_normal(x.shape[1:]) for source in sources]))
        found = predicted_noise(predicted_noise.noised(x, noise, step), step)
        error += (found - noise).square().flatten(1).sum(dim=1)
    return -error / draws


def step_error(records: Records, predicted_noise: NoisePredictor, *, step: int = 100, stride: int = 10) -> Tensor:
    """Minus the squared distance between a record on its way into the noise and what one step on and back makes of it, (n,).

    Float64. SecMI of Duan et al. 2023, its variant with a statistic, as in the authors' code: a candidate moves deterministically
    from step 0 in strides of 10 to the last one before step 100, then one stride on and back again. It takes 11 queries.
    """
    if stride < 1 or step <= stride:
        raise AttackError(f"step ({step}) must be beyond the first stride ({stride}), and a stride at least 1")
    x = records.x.double()
    places = list(range(0, step, stride))
    for here, there in itertools.pairwise(places):
        x = predicted_noise.moved(x, predicted_noise(x, here), here, there)
    here, there = places[-1], places[-1] + stride
    beyond = predicted_noise.moved(x, predicted_noise(x, here), here, there)
    back = predicted_noise.moved(beyond, predicted_noise(beyond, there), there, here)
    return -(x - back).square().flatten(1).sum(dim=1)


def proximal_initialization(records: Records, predicted_noise: NoisePredictor, *, step: int = 200, power: int = 4) -> Tensor:
    """Minus the distance between the noise found in a record as it is and in the record with that noise in it, float64 (n,).

    PIA of Kong et al. 2024: the noise of step 0 stands in for random noise, so two queries are enough. The authors' code sums the
    fourth powers of the differences, and reports the best of many steps up to 300; which one the paper settles on is from memory.
    """
    x = records.x.double()
    first = predicted_noise(x, 0)
    second = predicted_noise(predicted_noise.noised(x, first, step), step)
    return -(first - second).abs().pow(power).flatten(1).sum(dim=1)


def noise_norm(records: Records, predicted_noise: NoisePredictor, *, step: int = 50) -> Tensor:
    """Minus the length of the noise that the model finds in a record as it is, at one step, float64 (n,).

    SimA of Rao et al. 2025: what the model would take off a record points to training records near it, and there is little to
    take off one of them. The authors' code sums fourth powers, and reports the best of many steps; here it is the Euclidean
    norm that the abstract speaks of, at one step for all targets.
    """
    return -predicted_noise(records.x.double(), step).flatten(1).square().sum(dim=1).sqrt()


def fluctuation(
    records: Records,
    predicted_noise: NoisePredictor,
    *,
    versions: int = 10,
    least: float = 0.7,
    most: float = 0.95,
    steps: int = 10,
    stride: int = 50,
    seed: int = 0,
) -> Tensor:
    """How much more the model errs on versions of a picture than on the picture itself, as a share, float64 (n,).

    PFAMI of Fu et al. 2024, its variant with a statistic, as in the authors' code: the training loss at ten steps, on the
    picture and on ten versions of it, of which each is the middle brought to full size, from `most` to `least` of the sides.
    What is left out is the code's calibration by a reference model. The code draws noise anew for every version; here that of a
    step is the same for all versions of a picture and drawn by its id, so that only the version makes a difference.
    """
    x = records.x.double()
    if x.ndim != 3 or versions < 1 or steps < 1 or not 0 < least <= most <= 1:
        raise AttackError(f"it takes pictures (n, height, width), and versions of 0 to 1 of their sides (found {tuple(x.shape)})")
    sources = streams(seed, records.ids)
    total = torch.zeros(len(x), dtype=torch.float64)
    for step in range(0, steps * stride, stride):
        noise = torch.from_numpy(np.stack([source.standard_normal(x.shape[1:]) for source in sources]))

        def error(picture: Tensor, step: int = step, noise: Tensor = noise) -> Tensor:
            found = predicted_noise(predicted_noise.noised(picture, noise, step), step)
            return (found - noise).square().flatten(1).mean(dim=1)

        plain = error(x)
        for share in np.linspace(most, least, versions):
            total += (error(_middle(x, float(share))) - plain) / plain
    return total / (steps * versions)


def _middle(x: Tensor, share: float) -> Tensor:
    """The middle of pictures (n, height, width), this share of each side, brought to full size; bilinear."""
    zoom = torch.zeros(len(x), 2, 3, dtype=x.dtype)
    zoom[:, 0, 0] = zoom[:, 1, 1] = share
    grid = functional.affine_grid(zoom, [len(x), 1, *x.shape[1:]], align_corners=False)
    return functional.grid_sample(x[:, None], grid, padding_mode="border", align_corners=False)[:, 0]
