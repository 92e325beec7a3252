"""Exposure of canaries: how much easier to guess a secret is than another of its format (Carlini et al. 2019)."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import optimize, special
from torch import Tensor

from attacks.handles import AttackError, LikelihoodOracle, RecordFormat, Records
from attacks.seeds import record_ids

# Below this the distribution function is worked out in another way, since its two terms cancel.
TAIL = 1e-8


def by_rank(
    records: Records, likelihood: LikelihoodOracle, record_format: RecordFormat, *, samples: int = 10000, seed: int = 0
) -> Tensor:
    """Exposure of each record in bits, float64 (n,): log2 of the number of secrets less log2 of the record's rank among them.

    Carlini et al. 2019, Section 4 (remembered). Secrets that are as likely stand before it. All secrets are asked about if there
    are at most `samples` of them. Else that many random ones stand for all, the record itself is counted once, and no exposure
    can be higher than log2(`samples` + 1).
    """
    own, others, same = _compared(records, likelihood, record_format, samples, seed)
    before = ((others >= own[:, None]) & ~same).sum(axis=1)
    return torch.from_numpy(np.log2((~same).sum(axis=1) + 1) - np.log2(before + 1))


def by_extrapolation(
    records: Records, likelihood: LikelihoodOracle, record_format: RecordFormat, *, samples: int = 10000, seed: int = 0
) -> Tensor:
    """Exposure of each record in bits, float64 (n,): minus log2 of the share of secrets that are as likely, by a fit.

    Carlini et al. 2019, Section 4 (remembered): a skew-normal distribution is fitted to the log-perplexities of random secrets,
    by maximum likelihood as in the code of TensorFlow Privacy, and its distribution function taken at the record's. So it can
    tell secrets apart that are more likely than all that were asked about; it may pass the logarithm of the number of secrets.
    """
    own, others, _ = _compared(records, likelihood, record_format, samples, seed)
    shape, place, scale = skew_normal(-others)
    return torch.from_numpy(-log_share((-own - place) / scale, shape) / math.log(2))


def _compared(
    records: Records, likelihood: LikelihoodOracle, record_format: RecordFormat, samples: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return the log-likelihoods of records (n,) and of others of their format (m,), and which of these equal which, (n, m)."""
    if samples < 1:
        raise AttackError(f"samples is at least 1 (found {samples})")
    x = records.x
    made = record_format.every() if record_format.size <= samples else record_format.random(samples, seed)
    own, others = (likelihood(asked).sum(dim=1).numpy() for asked in (x, made))
    return own, others, record_ids(x.numpy())[:, None] == record_ids(made.numpy())


def skew_normal(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return shape, location and scale of the skew-normal distribution under which values (n,) are likeliest (Azzalini 1985).

    Raises AttackError if all values are alike.
    """
    spread = float(values.std())
    if not spread > 0:
        raise AttackError("all secrets are equally likely, so no distribution can be fitted to them")
    z = (values - values.mean()) / spread
    # The moments say where to begin; those of a skew-normal distribution have a skewness below 0.9953.
    skewness = float(np.clip((z**3).mean(), -0.99, 0.99))
    root = abs(skewness) ** (2 / 3)
    delta = math.copysign(math.sqrt(math.pi / 2 * root / (root + ((4 - math.pi) / 2) ** (2 / 3))), skewness)
    scale = 1 / math.sqrt(1 - 2 * delta**2 / math.pi)
    start = [delta / math.sqrt(1 - delta**2), -scale * delta * math.sqrt(2 / math.pi), math.log(scale)]

    def loss(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        shape, place, log_scale = at
        t = (z - place) / math.exp(log_scale)
        pull = _pull(shape * t)
        value = (log_scale + t**2 / 2 - special.log_ndtr(shape * t)).mean()
        slope = [-(t * pull).mean(), -(t - shape * pull).mean() / math.exp(log_scale), (1 - t**2 + shape * t * pull).mean()]
        return float(value), np.array(slope)

    shape, place, log_scale = optimize.minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-9}).x
    return float(shape), float(values.mean() + spread * place), float(spread * math.exp(log_scale))


def log_share(z: NDArray[np.float64], shape: float) -> NDArray[np.float64]:
    """Return the logarithm of the standard skew-normal distribution function at z (n,), also far down where it is tiny."""
    share = special.ndtr(z) - 2 * special.owens_t(z, shape)
    found: NDArray[np.float64] = np.log(np.maximum(share, TAIL))
    low = z[share < TAIL]
    # There the density falls faster than exponentially from z downwards, so that Gauss-Laguerre quadrature is exact enough.
    nodes, weights = np.polynomial.laguerre.laggauss(64)
    slope = -low + shape * _pull(shape * low)
    falls = _log_density(low[:, None] - nodes / slope[:, None], shape) - _log_density(low, shape)[:, None] + nodes
    found[share < TAIL] = _log_density(low, shape) - np.log(slope) + np.log(np.exp(falls) @ weights)
    return found


def _pull(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the slope of the logarithm of the normal distribution function at u."""
    slope: NDArray[np.float64] = np.exp(-(u**2) / 2 - math.log(2 * math.pi) / 2 - special.log_ndtr(u))
    return slope


def _log_density(z: NDArray[np.float64], shape: float) -> NDArray[np.float64]:
    density: NDArray[np.float64] = math.log(2) - z**2 / 2 - math.log(2 * math.pi) / 2 + special.log_ndtr(shape * z)
    return density
