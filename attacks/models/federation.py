"""Federated training in one process: participants train on data of their own, a server averages what they upload.

Deterministic, on one thread. McMahan et al. 2017, Algorithm 1, with every participant in every round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attacks.models import training
from attacks.models.training import Recipe
from attacks.seeds import derive_seed, digest_arrays

# The weights of a model by name.
Weights = dict[str, Tensor]

ALGORITHMS = ("fedavg", "fedsgd")


class Part(Protocol):
    """What one participant holds: x float32 (n, ...), y int64 (n,)."""

    @property
    def x(self) -> Tensor:
        """Features."""
        ...

    @property
    def y(self) -> Tensor:
        """Labels."""
        ...


@dataclass(frozen=True)
class Federation:
    """How a federation trains: what an adversary with M2 knows beside the model's own recipe.

    `fedavg`: in every round each participant trains for `local_epochs` on all its records, in batches. `fedsgd`: in every round
    each participant takes the gradient step of one batch; its records are shuffled anew when all were used. Local training is
    plain gradient descent, so that weights stay as they were where the gradient is zero. `model` says what is trained; its
    epochs, batch and learning rate are those of a model that is trained in one place, and play no part here.
    """

    algorithm: str
    model: Recipe
    rounds: int
    batch: int
    learning_rate: float
    local_epochs: int = 1

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise ValueError(f"the algorithm is one of {', '.join(ALGORITHMS)} (found {self.algorithm!r})")

    def as_json(self) -> dict[str, Any]:
        """Return the recipe as plain data."""
        return {**asdict(self), "model": self.model.as_json()}


class Policy:
    """What an active adversary does inside the federation. The methods of this class are honest; override those of one's seat."""

    def upload(self, round: int, received: Weights, honest: Weights) -> Weights:
        """Return what the adversary, a participant, uploads: honestly, the weights after its local training."""
        return honest

    def send(self, round: int, participant: int, average: Weights, last_upload: Weights) -> Weights:
        """Return what the adversary, the server, sends a participant: honestly, the average of all last uploads.

        `last_upload` is that participant's own; before the first round it is the initial model, as `average` is.
        """
        return average


@dataclass(frozen=True)
class History:
    """All that happened in a federation, for the judges and for the target, which shows each adversary its part.

    `globals`: the server's model at the start of every round, and the final one (rounds + 1). `received[round][participant]`:
    what was sent to a participant, equal to the global model unless the server cheats. `uploads[round][participant]`: weights
    after local training. `batches[round][participant]`: which rows of its records, int64, a participant trained on, sorted; the
    truth about membership in a round. `shares`: every participant's share of all records, float64 (participants,), which is its
    weight in the average; None where it is not known that the server averages.
    """

    globals: list[Weights]
    received: list[list[Weights]]
    uploads: list[list[Weights]]
    batches: list[list[Tensor]]
    shares: Tensor | None


def run(recipe: Federation, parts: Sequence[Part], seed: int, policy: Policy | None = None, seat: int | None = None) -> History:
    """Train a federation; the same arguments give the same bits.

    `policy` acts for participant number `seat`, or for the server if `seat` is None; without a policy all are honest. Before
    each round, the server sends everyone a model; everyone trains it and uploads the result; the new global model is the mean
    of the uploads, weighted by numbers of records.
    """
    if not parts or any(not len(part.x) for part in parts):
        raise ValueError("a federation needs participants, and each of them records")
    records = torch.tensor([len(part.x) for part in parts], dtype=torch.float64)
    shares = records / records.sum()
    history = History([], [], [], [], shares)
    with training.one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "initial weights") % 2**63)
        module = recipe.model.build().train()
        current = _weights(module)
        last = [current] * len(parts)
        for number in range(recipe.rounds):
            received = [current] * len(parts)
            if policy is not None and seat is None:
                received = [policy.send(number, k, copied(current), copied(last[k])) for k in range(len(parts))]
            uploads, rows = [], []
            for k, part in enumerate(parts):
                torch.manual_seed(derive_seed(seed, "training", k, number) % 2**63)
                order = batches(recipe, len(part.x), seed, k, number)
                upload = _trained(recipe, module, received[k], part, order)
                if policy is not None and seat == k:
                    upload = policy.upload(number, copied(received[k]), upload)
                uploads.append(copied(upload))
                rows.append(torch.cat(order).unique())
            history.globals.append(current)
            history.received.append(received)
            history.uploads.append(uploads)
            history.batches.append(rows)
            current, last = average(uploads, shares), uploads
        history.globals.append(current)
    return history


def batches(recipe: Federation, records: int, seed: int, participant: int, round: int) -> list[Tensor]:
    """Return the rows of a participant's batches in a round, int64 each, in the order of training."""

    def epoch(number: int) -> Sequence[Tensor]:
        generator = torch.Generator().manual_seed(derive_seed(seed, "order", participant, number) % 2**63)
        order: Sequence[Tensor] = torch.randperm(records, generator=generator).split(recipe.batch)
        return order

    if recipe.algorithm == "fedsgd":
        number, place = divmod(round, -(-records // recipe.batch))
        return [epoch(number)[place]]
    first = round * recipe.local_epochs
    return [rows for number in range(first, first + recipe.local_epochs) for rows in epoch(number)]


def average(weights: Sequence[Weights], shares: Tensor) -> Weights:
    """Return the mean of models, weighted by `shares` (models,), which sum to 1. Where all agree, the mean is that value."""

    def mean(name: str) -> Tensor:
        first = weights[0][name]
        if not first.is_floating_point():
            return first.clone()
        # Summed in float64, so that rounding to float32 gives back what all agree on.
        total = sum(share * value[name].double() for share, value in zip(shares, weights, strict=True))
        return torch.as_tensor(total).to(first.dtype)

    return {name: mean(name) for name in weights[0]}


def change(after: Mapping[str, Tensor], before: Mapping[str, Tensor]) -> Weights:
    """Return how far weights moved, by name."""
    return {name: value - before[name] for name, value in after.items()}


def copied(weights: Mapping[str, Tensor]) -> Weights:
    """Return copies of weights."""
    return {name: value.detach().clone() for name, value in weights.items()}


def _weights(module: nn.Module) -> Weights:
    return copied(module.state_dict())


def _trained(recipe: Federation, module: nn.Module, received: Weights, part: Part, order: Sequence[Tensor]) -> Weights:
    module.load_state_dict(received)
    optimizer = torch.optim.SGD(module.parameters(), lr=recipe.learning_rate)
    x, y = part.x.float(), part.y
    for rows in order:
        optimizer.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(module(x[rows]), y[rows]).backward()
        optimizer.step()
    return _weights(module)


def recorded(recipe: Federation, parts: Sequence[Part], seed: int) -> History:
    """Return the history of an honest run, from the store if one is at work and holds it already."""
    keep = getattr(training.workshop.get(), "keep", None)
    if keep is None:
        return run(recipe, parts, seed)
    data = [digest_arrays(part.x.numpy(), part.y.numpy()) for part in parts]
    what = {"recipe": recipe.as_json(), "data": data, "seed": seed}
    arrays = keep("attacks.models.federation:recorded", "federation", what, lambda: _packed(run(recipe, parts, seed)))
    return _unpacked(recipe, parts, seed, arrays)


def _packed(history: History) -> dict[str, NDArray[Any]]:
    """Return the global models and the uploads of an honest run, stacked by name; the rest follows from them."""
    stacked = {f"global {name}": np.stack([w[name].numpy() for w in history.globals]) for name in history.globals[0]}
    for name in history.globals[0]:
        stacked[f"upload {name}"] = np.stack([np.stack([w[name].numpy() for w in row]) for row in history.uploads])
    return stacked


def _unpacked(recipe: Federation, parts: Sequence[Part], seed: int, arrays: Mapping[str, NDArray[Any]]) -> History:
    names = [key.removeprefix("global ") for key in arrays if key.startswith("global ")]
    found = {key: torch.from_numpy(np.array(value)) for key, value in arrays.items()}
    every = [{name: found[f"global {name}"][number] for name in names} for number in range(recipe.rounds + 1)]
    count, sizes = range(len(parts)), [len(part.x) for part in parts]
    records = torch.tensor(sizes, dtype=torch.float64)
    return History(
        every,
        [[every[number]] * len(parts) for number in range(recipe.rounds)],
        [[{name: found[f"upload {name}"][number, k] for name in names} for k in count] for number in range(recipe.rounds)],
        [[torch.cat(batches(recipe, sizes[k], seed, k, number)).unique() for k in count] for number in range(recipe.rounds)],
        records / records.sum(),
    )
