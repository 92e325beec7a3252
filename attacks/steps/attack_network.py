"""The attack networks of Nasr et al. 2019: what they look at in one or several models, and how they are trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attacks.handles import Architecture, AttackError, KnownFeatures, KnownMembers, Rounds, UnsuitableError, Updates
from attacks.models import internals, signals
from attacks.models.dropout import Dropout
from attacks.seeds import hash_records

# What the attack network may look at: the three columns of Table VIII, each with all before it.
VIEWS = ("scores", "outputs", "gradients")


def components(
    networks: Sequence[nn.Module], x: Tensor, label: Tensor, features: str = "gradients", layers: int = 1
) -> list[Tensor]:
    """Return what the attack network looks at: vectors (n, width), and gradients (n, width of the layer, next layer), float64.

    From each network in turn: probabilities, loss, label (once, since all have the same), with `outputs` the hidden layers too,
    and with `gradients` the gradients of the last `layers` weight matrices too, the last first. Gradients of convolutions and
    biases are not among them, where the paper takes any layer's; it finds those of the last layers to tell most (Table IV).
    """
    if features not in VIEWS:
        raise AttackError(f"features is one of {', '.join(VIEWS)} (found {features!r})")
    found: list[Tensor] = []
    for network in networks:
        values = internals.layers(network, x)
        log_probs = torch.log_softmax(values[-1], dim=-1)
        one_hot = nn.functional.one_hot(label, log_probs.shape[-1]).double()
        found += [log_probs.exp(), signals.loss(log_probs, label).unsqueeze(1), *([] if found else [one_hot])]
        if features != "scores":
            found += values[:-1]
        if features == "gradients":
            found += _last_gradients(network, x, label, layers)
    return found


def _last_gradients(network: nn.Module, x: Tensor, label: Tensor, layers: int) -> list[Tensor]:
    matrices = [name for name, value in network.named_parameters() if value.ndim == 2][::-1]
    if not matrices:
        raise UnsuitableError("it looks at the gradient of a layer's weight matrix, and the network has no such layer")
    if not 1 <= layers <= len(matrices):
        raise AttackError(f"layers is a number from 1 to {len(matrices)} here (found {layers})")

    def of(name: str) -> Tensor:
        return internals.gradients(network, x, label, lambda gradient: gradient[name].transpose(1, 2))

    return [of(name) for name in matrices[:layers]]


@dataclass(frozen=True)
class Look:
    """What an attack network looks at of a model that changes from round to round.

    `snapshots` of its states, in equal steps from the share `begin` of all rounds to the share `end`: by default from a third on
    to the last, as the best of the choices in Table XII does (rounds 100, 150, ... 300 of 300). One snapshot is the state at
    `end`. In each of them the network looks at `features`, with the gradients of the last `layers` weight matrices.
    """

    snapshots: int = 5
    begin: float = 1 / 3
    end: float = 1.0
    features: str = "gradients"
    layers: int = 1

    def rounds(self, last: int) -> tuple[int, ...]:
        """Return the numbers of the states that are looked at, of those from 0 to `last`. Raises AttackError for too few."""
        if not 0 <= self.begin <= self.end <= 1:
            raise AttackError(f"begin and end are shares from 0 to 1, in this order (found {self.begin} and {self.end})")
        final = round(last * self.end)
        if not 1 <= self.snapshots <= final + 1:
            raise AttackError(f"snapshots is a number from 1 to {final + 1} here (found {self.snapshots})")
        first = min(round(last * self.begin), final + 1 - self.snapshots)
        steps = max(self.snapshots - 1, 1)
        return tuple(final - round((final - first) * k / steps) for k in reversed(range(self.snapshots)))


def of_rounds(rounds: Rounds, architecture: Architecture, numbers: Sequence[int]) -> list[nn.Module]:
    """Return the global models of these rounds."""
    return [internals.network(architecture.recipe, rounds.weights(number)) for number in numbers]


def of_uploads(updates: Updates, architecture: Architecture, numbers: Sequence[int]) -> list[nn.Module]:
    """Return the models that the victim uploaded in these rounds."""
    return [internals.network(architecture.recipe, updates.upload(number, updates.victim)) for number in numbers]


def known_features(
    networks: Sequence[nn.Module], known_members: KnownMembers, rounds: Sequence[int], look: Look
) -> KnownFeatures:
    """Return what the attack network looks at in some rounds' models, for known members and then for as many non-members."""
    members, others = known_members, known_members.non_members
    rows = drawn(others.ids, len(members))
    x, label = torch.cat([members.x, others.x[rows]]), torch.cat([members.label, others.label[rows]])
    seen = components(networks, x, label, look.features, look.layers)
    return KnownFeatures(tuple(seen), torch.arange(len(x)) < len(members), tuple(rounds), look.features, look.layers)


def drawn(ids: NDArray[np.uint64], count: int) -> Tensor:
    """Return the rows of at most `count` records, int64, drawn by a hash of their ids (n,): their order changes nothing."""
    return torch.from_numpy(np.argsort(hash_records(0, 0, ids), kind="stable")[:count])


def learnt_from(known: KnownFeatures, kernels: int, epochs: int) -> Callable[[Sequence[Tensor]], Tensor]:
    """Do as `learnt` with all known records; raise AttackError unless there are members and others among them."""
    if known.member.all() or not known.member.any():
        raise AttackError("the attack network learns from known members and known non-members; one kind is missing")
    return learnt(known.components, known.member, kernels, epochs)


def learnt(seen: Sequence[Tensor], member: Tensor, kernels: int, epochs: int) -> Callable[[Sequence[Tensor]], Tensor]:
    """Train the supervised network on components of known records, member bool (n,); return what gives others' log-odds (n,).

    Mean square loss (equation 3), with members and others of equal weight. Each component is scaled to mean square 1 on the
    known records. The random numbers are those of torch's generator as it stands.
    """
    scale = [component.square().mean().sqrt().clamp(min=1e-30) for component in seen]
    scaled = [component / by for component, by in zip(seen, scale, strict=True)]
    encoder = Encoder(scaled, kernels)

    def loss(rows: Tensor) -> Tensor:
        guess = encoder([component[rows] for component in scaled]).sigmoid()
        weight = torch.where(member[rows], 0.5 / member.double().mean(), 0.5 / (~member).double().mean())
        error: Tensor = weight * (guess - member[rows].double()).square()
        return error.mean()

    train(encoder, loss, len(member), epochs)

    def log_odds(others: Sequence[Tensor]) -> Tensor:
        found: Tensor = encoder([component / by for component, by in zip(others, scale, strict=True)])
        return found

    return log_odds


def embedded(
    networks: Sequence[nn.Module],
    x: Tensor,
    label: Tensor,
    ids: NDArray[np.uint64],
    kernels: int,
    epochs: int,
    layers: int = 1,
) -> tuple[Tensor, float]:
    """Return the place (n,) of each record on a line that an autoencoder found, members above, and where two clusters part.

    An encoder squeezes the components into one number, from which a decoder with a hidden layer of 64 rebuilds, for every
    network, loss, correctness, confidence in the label, entropy and gradient norm (each standardised here). The cluster with
    the larger mean gradient norm, over all networks, holds the non-members.

    All this is learnt from the records as a set: it is drawn from in the order of their `ids` uint64 (n,), so that the order in
    which they stand changes nothing, but another set is another line. Raises UnsuitableError for fewer than two.
    """
    if len(x) < 2:
        raise UnsuitableError(f"the candidates are split into two clusters, which takes two or more of them (found {len(x)})")
    order = torch.from_numpy(np.lexsort((label.numpy(), ids)))
    x, label = x[order], label[order]
    seen = components(networks, x, label, "gradients", layers)
    seen = [component / component.square().mean().sqrt().clamp(min=1e-30) for component in seen]
    columns, norms = list[Tensor](), list[Tensor]()
    for network in networks:
        log_probs = torch.log_softmax(internals.layers(network, x)[-1], dim=-1)
        norms.append(internals.gradients(network, x, label, internals.norm))
        columns += [
            signals.loss(log_probs, label),
            (signals.predicted(log_probs) == label).double(),
            signals.log_confidence(log_probs, label).exp(),
            -(log_probs.exp() * log_probs).sum(dim=-1),
            norms[-1],
        ]
    wanted = torch.stack(columns, dim=1)
    wanted = (wanted - wanted.mean(dim=0)) / wanted.std(dim=0).clamp(min=1e-30)
    encoder = Encoder(seen, kernels)
    decoder = nn.Sequential(nn.Linear(1, 64), nn.ReLU(), nn.Linear(64, wanted.shape[1])).double()

    def loss(rows: Tensor) -> Tensor:
        code = encoder([component[rows] for component in seen])
        error: Tensor = decoder(code.unsqueeze(1)) - wanted[rows]
        return error.square().mean()

    train(nn.ModuleList([encoder, decoder]), loss, len(x), epochs)
    code: Tensor = encoder(seen)
    norm = torch.stack(norms).mean(dim=0)
    upper = code > between_two_clusters(code)
    if norm[upper].mean() > norm[~upper].mean():
        code = -code
    return code[order.argsort()], float(between_two_clusters(code))


class Encoder(nn.Module):
    """One component network for each thing looked at, joined into one number, in float64 (Nasr et al. 2019, Table XIV)."""

    def __init__(self, like: Sequence[Tensor], kernels: int):
        super().__init__()
        self.parts = nn.ModuleList([_gradient_part(part, kernels) if part.ndim == 3 else _part(part.shape[1]) for part in like])
        self.joint = nn.Sequential(*_dense(64 * len(like), 256), *_dense(256, 128), *_dense(128, 64), nn.Linear(64, 1))
        self.double()

    def forward(self, components: Sequence[Tensor]) -> Tensor:
        """Return one number a record (n,)."""
        joined = torch.cat([part(component) for part, component in zip(self.parts, components, strict=True)], dim=1)
        number: Tensor = self.joint(joined).squeeze(1)
        return number


def _dense(width: int, size: int) -> list[nn.Module]:
    return [nn.Linear(width, size), nn.ReLU(), Dropout(0.2)]


def _part(width: int) -> nn.Module:
    return nn.Sequential(*_dense(width, 128), *_dense(128, 64))


def _gradient_part(like: Tensor, kernels: int) -> nn.Module:
    """Kernels of the size 1 x next layer over the rows of the gradient, then as the other components."""
    rows, columns = like.shape[1:]
    return nn.Sequential(nn.Linear(columns, kernels), nn.ReLU(), nn.Flatten(), Dropout(0.2), _part(rows * kernels))


def train(module: nn.Module, loss: Callable[[Tensor], Tensor], records: int, epochs: int) -> None:
    """Train on batches of record numbers, then switch dropout off."""
    optimizer = torch.optim.Adam(module.parameters(), lr=0.001, fused=True)
    for _ in range(epochs):
        for rows in torch.randperm(records).split(64):
            optimizer.zero_grad(set_to_none=True)
            loss(rows).backward()
            optimizer.step()
    module.eval().requires_grad_(False)


def between_two_clusters(values: Tensor) -> Tensor:
    """Return the point between the two clusters of values (n,) that have the least sum of squares."""
    ordered = values.sort().values
    count = torch.arange(1, len(ordered), dtype=torch.float64)
    below = ordered.cumsum(0)[:-1]
    above = ordered.sum() - below
    # The sum of squares within is that of all values less this.
    between = below**2 / count + above**2 / (len(ordered) - count)
    at = between.argmax()
    return (ordered[at] + ordered[at + 1]) / 2
