"""How well a diffusion model finds the noise in a candidate: better if it was trained to do so."""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from attacks.handles import AttackError, DenoiserAccess, NoisePredictor, Population, Records, SuspectSets
from attacks.models import weighing
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
    return -predicted_noise(records.x.double(), step).flatten(1).norm(dim=1)


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


# Steps at which the loss is a signal of a set, and the share of a record that is masked, as CDI's authors set them.
STEPS = tuple(range(0, 1000, 100))
MASKED = 0.2


def of_sets(
    records: Records,
    predicted_noise: NoisePredictor,
    population: Population,
    suspect_sets: SuspectSets,
    *,
    penalty: float = 1.0,
    draws: int = 1999,
    seed: int = 0,
) -> Tensor:
    """P-value of each set, float64 (sets,), from many signals of membership (CDI without gradients).

    Dubinski et al. 2025, by the authors' code: attacks on single records (loss at one step, SecMI, PIA and PIAN) and the loss at
    ten steps are weighed by logistic regression, which learns on one half of a set and of what was kept back with it; the other
    halves are compared. The authors take Welch's t-test, here it is a permutation (`weighing.p_values`). Of their two signals
    that take gradients one is in `of_sets_by_gradients`.
    """
    both = suspect_sets.joined(records, population)
    signals = torch.stack(_signals(both, predicted_noise, seed), dim=1)
    return weighing.p_values(signals, both.ids, len(suspect_sets), draws=draws, penalty=penalty, seed=seed)


def of_sets_by_gradients(
    records: Records,
    denoiser: DenoiserAccess,
    predicted_noise: NoisePredictor,
    population: Population,
    suspect_sets: SuspectSets,
    *,
    penalty: float = 1.0,
    draws: int = 1999,
    seed: int = 0,
) -> Tensor:
    """As `of_sets`, with gradient masking at ten steps as further signals (CDI), float64 (sets,).

    The fifth of a noisy record's values at which the loss is steepest is replaced by noise, and how well the model tells there
    what was put in from what was taken away is the signal. The authors' last signal, noise found by L-BFGS, is left out.
    """
    both = suspect_sets.joined(records, population)
    masked = [_masked(both, denoiser, step, seed) for step in STEPS]
    signals = torch.stack([*_signals(both, predicted_noise, seed), *masked], dim=1)
    return weighing.p_values(signals, both.ids, len(suspect_sets), draws=draws, penalty=penalty, seed=seed)


def _signals(records: Records, predicted_noise: NoisePredictor, seed: int) -> list[Tensor]:
    """Return the signals of each record by queries, float64 (n,) each."""
    attacks = [
        loss(records, predicted_noise, draws=8, seed=seed),
        step_error(records, predicted_noise),
        proximal_initialization(records, predicted_noise),
        _proximal_scaled(records, predicted_noise),
    ]
    return [*attacks, *(loss(records, predicted_noise, step=step, draws=1, seed=seed) for step in STEPS)]


def _proximal_scaled(records: Records, predicted_noise: NoisePredictor, step: int = 200, power: int = 4) -> Tensor:
    """As `proximal_initialization`, with the noise of step 0 scaled to the mean size of normal noise (PIAN), float64 (n,)."""
    x = records.x.double()
    first = predicted_noise(x, 0)
    size = first.flatten(1).abs().mean(dim=1).clamp(min=1e-12).reshape(-1, *[1] * (x.ndim - 1))
    # As equation 10 of Kong et al. 2024 stands in CDI's code, though normal noise has a mean size of the root of 2 / pi.
    first = first / size * math.sqrt(math.pi / 2)
    second = predicted_noise(predicted_noise.noised(x, first, step), step)
    return -(first - second).abs().pow(power).flatten(1).sum(dim=1)


def _masked(records: Records, denoiser: DenoiserAccess, step: int, seed: int) -> Tensor:
    """Return minus the error in the masked values of each record at a step, float64 (n,)."""
    x = records.x
    noise = torch.from_numpy(np.stack([s.standard_normal(x.shape[1:]) for s in streams(seed, records.ids)])).float()
    noisy = denoiser.noised(x, noise, step).float().requires_grad_(True)
    error = (denoiser(noisy, step) - noise).flatten(1).norm(dim=1)
    (slope,) = torch.autograd.grad(error.sum(), noisy)
    steep = slope.flatten(1).abs()
    top = steep.topk(max(1, int(MASKED * steep.shape[1])), dim=1).indices
    flat, put_in = x.flatten(1), noise.flatten(1)
    changed = flat.scatter(1, top, put_in.gather(1, top)).reshape(x.shape)
    with torch.no_grad():
        answer = denoiser(changed, step).flatten(1)
    wrong: Tensor = (put_in - flat - answer).gather(1, top).double()
    size: Tensor = torch.linalg.vector_norm(wrong, dim=1)
    return -size
