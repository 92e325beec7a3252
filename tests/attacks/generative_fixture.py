"""A small fixed generator: it makes points on a line, and records lie beside it, members nearer than others.

Every record is a point (k, height); the generator makes (12 + 8 z, 0) of a code z, in float64 where it can, so that golden
values do not hang on sums. Two records tie.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import fixture
import language_fixture
import numpy as np
import torch
from torch import Tensor

from attacks.handles import (
    DiscriminatorAccess,
    EncoderAccess,
    GeneratorAccess,
    KnownMembers,
    LatentOracle,
    Ledger,
    NoisePredictor,
    OwnDiscriminator,
    OwnGan,
    Population,
    Records,
    ReferenceGenerator,
    SampleOracle,
    SamplePool,
)
from attacks.models.generators import Generator, GeneratorRecipe


def records() -> Tensor:
    """The candidates, float32 (24, 2)."""
    height = np.random.default_rng(500).uniform(0.5, 1.5, fixture.RECORDS) * np.where(fixture.member(), 1, 2)
    height[1] = height[0]
    x = torch.stack([torch.arange(fixture.RECORDS), torch.from_numpy(height)], dim=1).float()
    x[1, 0] = x[0, 0]
    return x


def decode(z: Tensor, shift: float = 0.0) -> Tensor:
    """The point of each code z (n, 1), (n, 2)."""
    return torch.cat([12 + 8 * z, shift * torch.ones_like(z)], dim=1)


class Line(torch.nn.Module):
    """The generator as a family has it; `shift` moves its line."""

    latent = 1

    def __init__(self, shift: float):
        super().__init__()
        self.shift = shift

    def decode(self, z: Tensor) -> Tensor:
        return decode(z, self.shift)

    def real(self, x: Tensor) -> Tensor:
        return 3 - 2 * (x[:, 1] - self.shift).abs() - 0.01 * x[:, 0]


def line(shift: float) -> Generator:
    return Generator(GeneratorRecipe("fixed", (2,), latent=1), Line(shift), f"line-{shift}")


class Judge:
    """A model of two classes that judges as a line does."""

    fingerprint = "judge"

    def log_probs(self, x: Tensor) -> Tensor:
        odds = Line(0.2).real(x.double())
        return torch.log_softmax(torch.stack([torch.zeros_like(odds), odds], dim=1), dim=1)


def samples(count: int) -> Tensor:
    """Samples of random codes, float32 (count, 2), a little off the line."""
    generator = np.random.default_rng(501)
    z, off = generator.normal(size=(count, 1)), generator.normal(size=(count, 1)) * 0.7
    return torch.from_numpy(np.concatenate([12 + 8 * z, off], axis=1)).float()


def pictures(seed: int, noise: np.ndarray) -> Tensor:
    """Slopes of 27 x 27 pixels that run in eight directions, with noise (n,) on them, float32 (n, 27, 27)."""
    angle = np.pi / 8 * (np.arange(len(noise)) % 8 + 0.4)[:, None, None]
    down, right = np.mgrid[:27, :27]
    uneven = np.random.default_rng(seed).normal(size=(len(noise), 27, 27)) * noise[:, None, None]
    return torch.from_numpy(np.sin(angle) * down + np.cos(angle) * right + uneven).float()


@functools.cache
def sample_pictures(count: int) -> Tensor:
    return pictures(504, np.full(count, 0.5))


def encode(x: Tensor) -> tuple[Tensor, Tensor]:
    """The code of each record, and a small variance."""
    return (x[:, :1] - 12) / 8, torch.full((len(x), 1), -8.0)


# The share of a record that is left at each of 1,000 steps: it falls along a line.
KEPT = [1 - (step + 1) / 1001 for step in range(1000)]


def noise(x: Tensor, step: int) -> Tensor:
    """The noise that a model finds, in float64: it errs the more, the farther off the line a record (n, 2) is.

    In pictures (n, height, width) it takes what changes from one column to the next for noise, so that uneven ones mislead it.
    """
    if x.ndim == 3:
        return x.double() - x.double().roll(1, dims=-1)
    height = x[:, 1].double()
    return torch.stack([torch.zeros_like(height), height * height.abs() / 2], dim=1) * (1 + step / 1000)


def makers() -> dict[str, Callable[[], Any]]:
    """Makers of every handle, by name."""
    ledger = Ledger()
    x, member, label = records(), fixture.member(), fixture.label()
    others = torch.from_numpy(np.random.default_rng(502).normal(size=(200, 2)) * [8, 2] + [12, 0]).float()
    return {
        "records": lambda: Records(x, label, fixture.IDS, ledger),
        "samples": lambda: SampleOracle("samples", samples, ledger),
        "sample_pool": lambda: SamplePool(samples(2000)),
        "latent": lambda: LatentOracle("latent", 1, decode, ledger),
        "generator": lambda: GeneratorAccess("generator", 1, decode, ledger),
        "discriminator": lambda: DiscriminatorAccess("discriminator", Line(0.0).real, ledger),
        "surrogate_gan": lambda: OwnGan(line(0.4)),
        "informed_gan": lambda: OwnGan(line(0.3)),
        "informed_discriminator": lambda: OwnDiscriminator(Judge()),
        "encoder": lambda: EncoderAccess("encoder", encode, ledger),
        "predicted_noise": lambda: NoisePredictor("predicted_noise", KEPT, noise, ledger),
        "reference_generator": lambda: ReferenceGenerator(line(3.0), differentiable=True),
        "population": lambda: Population("population", others, torch.arange(200) % fixture.CLASSES, np.arange(200) + 99, ledger),
        "known_members": lambda: KnownMembers("known_members", x[member], label[member], fixture.IDS[member], ledger),
    }


# Names of handles that only generative models have.
OWN = {"samples", "sample_pool", "latent", "generator", "discriminator", "encoder", "reference_generator", "predicted_noise"}
OWN |= {"surrogate_gan", "informed_gan", "informed_discriminator"}
OWN |= language_fixture.OWN | {"retrieval"}


def handles(names: list[str], *, of_pictures: bool = False) -> dict[str, Any]:
    """Return the handles of these names, over points or over pictures."""
    if "retrieval" in names:
        return {name: make() for name, make in language_fixture.retrieval().items() if name in names}
    made = language_fixture.makers() if language_fixture.OWN & {*names} else makers()
    if of_pictures:
        ledger, x = Ledger(), pictures(503, np.where(fixture.member(), 0.5, 1.5))
        made["records"] = lambda: Records(x, fixture.label(), fixture.IDS, ledger)
        made["samples"] = lambda: SampleOracle("samples", sample_pictures, ledger)
    missing = [name for name in names if name not in made]
    assert not missing, f"tests/attacks/generative_fixture.py makes no handle {missing}; add one"
    return {name: made[name]() for name in names}
