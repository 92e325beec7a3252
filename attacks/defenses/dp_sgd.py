"""Training with differential privacy, by Opacus, or by noisy full-batch descent where the target learns by descent already."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from attacks.defenses.networks import network_recipe
from attacks.defenses.noise_for_epsilon import noise_for, opacus
from attacks.defenses.owner import FACTS
from attacks.errors import AttackError
from attacks.models import noisy_descent
from attacks.models.training import Recipe, TrainingSet


def dp_sgd(recipe: Recipe, data: TrainingSet, *, epsilon: float, delta: float, clip: float) -> nn.Module:
    """Train a network with (epsilon, delta)-differential privacy of single records, added or removed. Abadi et al. 2016.

    In each step every record's gradient is clipped to the norm `clip`, and noise is added to their sum (Algorithm 1). Epochs,
    batch and learning rate are the recipe's, and Adam takes the noisy gradients as it does ours, which costs no privacy. Opacus
    1.6 does it: each step draws every record with the same chance, as its accountant has it (not in shuffled batches), and the
    sum is divided by the expected number of them. As in Opacus, how many records there are is public, and so is the recipe.
    A batch of all records is no draw: then the exact epsilon of our own accountant holds. The noise comes from the seed, so that
    a result can be had again; who knew the seed could take it off.

    The network's facts are the epsilon that was reached, at most the one asked for, its delta, the noise in units of `clip`, the
    rate at which records are drawn, and the number of steps. Raises AttackError without Opacus, and for a network that it cannot
    differentiate record by record, such as one that normalises over batches.
    """
    with torch.random.fork_rng(devices=[]):
        dp_sgd_suits(recipe)
    if recipe.clip:
        return _descent(recipe, data, epsilon, delta, clip)
    network = recipe.build()
    batches = DataLoader(TensorDataset(data.x.float(), data.y), batch_size=min(recipe.batch, len(data.x)))
    rate, steps = 1 / len(batches), recipe.epochs * len(batches)
    noise, reached = noise_for(epsilon, delta, rate, steps)
    optimizer: Any = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    loss_of = nn.MSELoss() if recipe.regression else nn.CrossEntropyLoss()
    with warnings.catch_warnings():
        # It warns of noise that comes from a seed, and of hooks on records that need no gradient.
        warnings.simplefilter("ignore")
        module, optimizer, drawn = (
            opacus()
            .PrivacyEngine()
            .make_private(module=network, optimizer=optimizer, data_loader=batches, noise_multiplier=noise, max_grad_norm=clip)
        )
        for _ in range(recipe.epochs):
            for x, y in drawn:
                optimizer.zero_grad()
                output = module(x)
                loss_of(output[:, 0] if recipe.regression else output, y).backward()
                optimizer.step()
    return _telling(network, reached, delta, noise, rate, steps)


def dp_sgd_suits(recipe: Recipe, **settings: object) -> None:
    """Raise AttackError for a recipe that has noise already, without Opacus, and for a network that Opacus cannot train."""
    if recipe.clip:
        if recipe.noise:
            raise AttackError("the target learns with the noise of differential privacy already")
        return
    network = network_recipe(recipe).build()
    opacus()
    from opacus.validators import ModuleValidator

    if errors := ModuleValidator.validate(network, strict=False):
        raise AttackError(f"Opacus cannot train this network: {errors[0]}")


def _descent(recipe: Recipe, data: TrainingSet, epsilon: float, delta: float, clip: float) -> nn.Module:
    """Train by the descent that the recipe states, with noise of an exact epsilon."""
    network = recipe.build()
    noise, reached = noise_for(epsilon, delta, 1.0, recipe.epochs)
    noisy_descent.descend(
        network,
        data.x.float(),
        data.y,
        steps=recipe.epochs,
        divisor=recipe.batch,
        learning_rate=recipe.learning_rate,
        clip=clip,
        noise=noise,
    )
    return _telling(network, reached, delta, noise, 1.0, recipe.epochs)


def _telling(network: nn.Module, epsilon: float, delta: float, noise: float, rate: float, steps: int) -> nn.Module:
    vars(network)[FACTS] = {"epsilon": epsilon, "delta": delta, "noise": noise, "sampling_rate": rate, "steps": steps}
    return network
