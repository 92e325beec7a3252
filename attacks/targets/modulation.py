"""Targets that hear simulated radio signals: a classifier of modulations, and an adversary who hears through other channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.handles import Ledger, Overheard, Population
from attacks.models import signals, training
from attacks.models.training import Recipe, TrainingSet
from attacks.seeds import derive_seed, digest, digest_arrays, record_ids
from attacks.targets.split import shuffled
from attacks.targets.target import HandleMaker, Target

# The plane of received samples is cut into GRID x GRID cells between -REACH and REACH on both axes.
GRID = 16
REACH = 2.5
# A receiver does not notice transmitters that arrive with less than this amplitude.
SQUELCH = 0.3


def build(
    *,
    members: int,
    non_members: int,
    population: int,
    signals_each: int,
    overheard_each: int,
    symbols: int,
    service_snr: float,
    adversary_snr: float,
    hidden: Sequence[int],
    epochs: int,
    batch: int,
    learning_rate: float,
    members_trained: bool = True,
    seed: int = 0,
) -> Target:
    """Simulate transmitters by the seed, and train a classifier of modulations on what the service hears of the members.

    `members`, `non_members` and `population` count transmitters. Each has an amplitude and a phase of its own, stays in one
    place, and keeps to one modulation; so what the service hears of it always looks alike, and other than what the adversary
    hears. The service is trained on `signals_each` signals of every member. One signal a transmitter is a candidate, as the
    adversary heard it: of a member the first of those that were trained on. Later, every candidate transmitter sends
    `overheard_each` more signals, and the adversary overhears both them and what the service decides on them. Of the
    population, which the service never hears, it has `signals_each` signals each with the true modulation. With
    `members_trained` false the service is trained on as many transmitters that are no candidates: a control.
    """
    candidates = members + non_members
    held, extra = slice(candidates, candidates + population), 0 if members_trained else members
    air = _transmitters(candidates + population + extra, derive_seed(seed, "transmitters", "modulation"))
    trained = slice(0, members) if members_trained else slice(candidates + population, None)
    sent = _sent(air.modulation, signals_each + overheard_each, symbols, derive_seed(seed, "symbols", "modulation"))
    at_service = _received(sent, air.to_service, service_snr, derive_seed(seed, "service", "modulation"))
    at_adversary = _received(sent, air.to_adversary, adversary_snr, derive_seed(seed, "adversary", "modulation"))
    kind = torch.from_numpy(air.modulation)

    x_train, y_train = _flat(at_service[trained, :signals_each]), kind[trained].repeat_interleave(signals_each)
    recipe = Recipe("mlp", (GRID, GRID), len(MODULATIONS), tuple(hidden), epochs, batch, learning_rate)
    training_set = TrainingSet(x_train, y_train, derive_seed(seed, "target", "modulation"))
    (model,) = training.fit_many(recipe, [training_set], "target")

    judged, is_member = shuffled(np.arange(members), np.arange(members, candidates), "modulation", seed)
    x, label = torch.from_numpy(at_adversary[judged, 0]), kind[judged]
    # In an order of their own: nothing but the signal itself tells which transmitter it is from.
    order = np.random.default_rng(derive_seed(seed, "overheard", "modulation")).permutation(candidates * overheard_each)
    later = slice(signals_each, None)
    decision = signals.predicted(model.log_probs(_flat(at_service[:candidates, later])))[order]
    heard = _flat(at_adversary[:candidates, later])[order]
    own_x, own_label = _flat(at_adversary[held, :signals_each]), kind[held].repeat_interleave(signals_each)
    own_ids = record_ids(own_x.numpy())

    def population_of(ledger: Ledger) -> Population:
        return Population("shifted_population", own_x, own_label, own_ids, ledger)

    def overheard(ledger: Ledger) -> Overheard:
        return Overheard("overheard", heard, decision, ledger)

    makers: dict[str, HandleMaker] = {"D1.shifted": population_of, "Q.overheard": overheard}

    def accuracy(of: Tensor, truth: Tensor) -> float:
        return signals.accuracy(model.log_probs(of), truth)

    outsiders = slice(members, candidates)
    return Target(
        id="modulation",
        x=x,
        label=label,
        ids=record_ids(x.numpy()),
        member=torch.from_numpy(is_member),
        makers=makers,
        fingerprint=digest(
            [model.fingerprint, digest_arrays(*(part.numpy() for part in (x, label, heard, decision, own_x, own_label)))]
        ),
        facts={
            "training_accuracy": accuracy(x_train, y_train),
            "test_accuracy": accuracy(_flat(at_service[outsiders, later]), kind[outsiders].repeat_interleave(overheard_each)),
            "accuracy_on_later_signals_of_members": accuracy(
                _flat(at_service[:members, later]), kind[:members].repeat_interleave(overheard_each)
            ),
            "training_size": len(x_train),
            "pool_size": len(own_x),
        },
    )


def _phases(count: int) -> NDArray[np.complex128]:
    points: NDArray[np.complex128] = np.exp(2j * np.pi * np.arange(count) / count)
    return points


def _lattice(rows: int, columns: int) -> NDArray[np.complex128]:
    points = ((2 * np.arange(rows) - rows + 1)[:, None] + 1j * (2 * np.arange(columns) - columns + 1)).ravel()
    scaled: NDArray[np.complex128] = points / np.sqrt((np.abs(points) ** 2).mean())
    return scaled


# Each modulation's symbols in the complex plane, of mean power one.
MODULATIONS: dict[str, NDArray[np.complex128]] = {
    "BPSK": _phases(2),
    "QPSK": _phases(4),
    "8PSK": _phases(8),
    "16PSK": _phases(16),
    "4PAM": _lattice(4, 1),
    "8PAM": _lattice(8, 1),
    "16QAM": _lattice(4, 4),
    "64QAM": _lattice(8, 8),
}


@dataclass(frozen=True)
class _Air:
    """Transmitters: modulation int64 (n,), and the factor by which a receiver hears each, complex128 (n,)."""

    modulation: NDArray[np.int64]
    to_service: NDArray[np.complex128]
    to_adversary: NDArray[np.complex128]


def _transmitters(count: int, seed: int) -> _Air:
    """Draw transmitters that both receivers notice: amplitude and phase of the device, flat Rayleigh fading to either."""
    generator = np.random.default_rng(seed)
    drawn = 4 * count + 100
    device = generator.uniform(0.5, 1.5, drawn) * np.exp(2j * np.pi * generator.random(drawn))
    to_service, to_adversary = (device * _gaussian(generator, (drawn,)) for _ in range(2))
    noticed = np.flatnonzero((np.abs(to_service) > SQUELCH) & (np.abs(to_adversary) > SQUELCH))[:count]
    return _Air(generator.integers(0, len(MODULATIONS), count), to_service[noticed], to_adversary[noticed])


def _sent(modulation: NDArray[np.int64], each: int, symbols: int, seed: int) -> NDArray[np.complex128]:
    """Return random symbols of every transmitter's modulation, complex128 (n, each, symbols)."""
    generator, kinds = np.random.default_rng(seed), list(MODULATIONS.values())
    return np.stack([generator.choice(kinds[kind], (each, symbols)) for kind in modulation])


def _received(sent: NDArray[np.complex128], factor: NDArray[np.complex128], snr: float, seed: int) -> NDArray[np.float32]:
    """Return what a receiver makes of signals (n, each, symbols): how many samples fell into which cell of the complex plane.

    The noise is white and Gaussian, `snr` decibels below a signal of power one. Counts are float32 (n, each, 16, 16), divided
    by the root of the number of symbols; what lies outside is counted in the nearest cell.
    """
    noise = _gaussian(np.random.default_rng(seed), sent.shape) * 10 ** (-snr / 20)
    received = sent * factor[:, None, None] + noise
    row, column = (
        np.clip((part + REACH) / (2 * REACH) * GRID, 0, GRID - 1).astype(int) for part in (received.real, received.imag)
    )
    counts = np.zeros((*sent.shape[:2], GRID, GRID))
    transmitter, signal, _ = np.indices(sent.shape)
    np.add.at(counts, (transmitter, signal, row, column), 1)
    scaled: NDArray[np.float32] = (counts / np.sqrt(sent.shape[2])).astype(np.float32)
    return scaled


def _gaussian(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.complex128]:
    """Return complex Gaussian numbers of mean power one."""
    numbers: NDArray[np.complex128] = (generator.normal(size=shape) + 1j * generator.normal(size=shape)) / np.sqrt(2)
    return numbers


def _flat(pictures: NDArray[np.float32]) -> Tensor:
    """Return signals of transmitters (n, each, 16, 16) as (n * each, 16, 16)."""
    return torch.from_numpy(pictures.reshape(-1, GRID, GRID).copy())
