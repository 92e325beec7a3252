"""A generator inside a federation: records of a class that only others hold."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from attacks.handles import AttackError, FederatedTrainer, Records, Seat
from attacks.models.federation import Federation, Policy, Weights, copied
from attacks.seeds import derive_seed

BATCH = 64


def generated(
    records: Records,
    seat: Seat,
    trainer: FederatedTrainer,
    *,
    label: int = 0,
    generators: int = 5,
    count: int = 200,
    fakes: int = 60,
    steps: int = 20,
    latent: int = 32,
    hidden: int = 128,
    learning_rate: float = 0.001,
    seed: int = 0,
) -> Tensor:
    """Records that look like those of class `label`, float32 (generators, count, ...). Hitaj et al. 2017, Section 7, Algorithm 1.

    In every round the adversary takes the global model for a discriminator and trains a generator for `steps` batches so that
    the model calls what it makes the class. `fakes` of these go into the federation under the last class, which nobody's
    records have: to tell them from its own, the victim must show the model more. With no fakes the generator only looks on. After
    its honest training the adversary trains on the fakes by the recipe of the federation, where the paper mixes them with its
    own records. The generator, two hidden layers trained by Adam, is smaller than the paper's, and makes values between the
    smallest and the largest of the candidates, of which nothing else is read.

    What one generator makes up is nearly one record, and another may make another: the attack is done `generators` times, each
    in a federation of its own, which is what it costs. Raises AttackError if `label` is no class beside the last one.
    """
    recipe = trainer.federation
    if not 0 <= label < recipe.model.classes - 1:
        raise AttackError(f"label is a class from 0 to {recipe.model.classes - 2}; the last one is for fakes (found {label})")
    if min(generators, count) < 2 or min(steps, latent, hidden) < 1 or fakes < 0:
        raise AttackError("generators and count are at least 2, steps, latent and hidden at least 1, and fakes at least 0")
    low, high = float(records.x.min()), float(records.x.max())
    made = []
    for number in range(generators):
        own = derive_seed(seed, "generator", number)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(own)
            generator = _Generator(records.x.shape[1:], latent, hidden, low, high)
        policy = _Fakes(recipe, generator, label, fakes, steps, learning_rate, own)
        seat.run(policy)
        made.append(policy.sample(count))
    return torch.stack(made)


class _Generator(nn.Module):
    """A perceptron from codes (n, latent) to records (n, ...) with values between two bounds."""

    def __init__(self, shape: Sequence[int], latent: int, hidden: int, low: float, high: float):
        super().__init__()
        self.shape, self.latent, self.low, self.high = tuple(shape), latent, low, high
        self.layers = nn.Sequential(
            nn.Linear(latent, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, math.prod(shape)),
            nn.Sigmoid(),
        )

    def forward(self, z: Tensor) -> Tensor:
        x: Tensor = self.layers(z)
        return (self.low + (self.high - self.low) * x).reshape(-1, *self.shape)


class _Fakes(Policy):
    """Trains a generator against each round's model, and trains what it uploads on the fakes as well."""

    def __init__(
        self, recipe: Federation, generator: _Generator, label: int, fakes: int, steps: int, learning_rate: float, seed: int
    ):
        self._recipe, self._generator, self._label, self._fakes, self._steps = recipe, generator, label, fakes, steps
        self._optimizer = torch.optim.Adam(generator.parameters(), lr=learning_rate)
        self._module = recipe.model.build().train()
        self._draws = torch.Generator().manual_seed(seed % 2**63)

    def sample(self, count: int) -> Tensor:
        """Return records of random codes, float32 (count, ...)."""
        with torch.no_grad():
            x: Tensor = self._generator(self._codes(count))
            return x

    def _codes(self, count: int) -> Tensor:
        return torch.randn(count, self._generator.latent, generator=self._draws)

    def upload(self, round: int, received: Weights, honest: Weights) -> Weights:
        """Return the weights after honest training and training on the fakes."""
        self._module.load_state_dict(received)
        wanted = torch.full((BATCH,), self._label)
        for _ in range(self._steps):
            self._optimizer.zero_grad(set_to_none=True)
            nn.functional.cross_entropy(self._module(self._generator(self._codes(BATCH))), wanted).backward()
            self._optimizer.step()
        if not self._fakes:
            return honest
        x = self.sample(self._fakes)
        self._module.load_state_dict(honest)
        optimizer = torch.optim.SGD(self._module.parameters(), lr=self._recipe.learning_rate)
        averaging = self._recipe.algorithm == "fedavg"
        for _ in range(self._recipe.local_epochs if averaging else 1):
            batches = torch.randperm(len(x), generator=self._draws).split(self._recipe.batch)
            for rows in batches if averaging else batches[:1]:
                optimizer.zero_grad(set_to_none=True)
                fake = torch.full((len(rows),), self._recipe.model.classes - 1)
                nn.functional.cross_entropy(self._module(x[rows]), fake).backward()
                optimizer.step()
        return copied(self._module.state_dict())
