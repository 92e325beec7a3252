"""Attacks that look inside the model: at gradients, at hidden layers, and at where training has moved the weights."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from attacks import inside, signals
from attacks.handles import (
    AttackError,
    HeldRecords,
    KnownMembers,
    Parameters,
    Population,
    Records,
    ReferenceModels,
    Scored,
    Trainer,
)
from attacks.seeds import derive_seed
from attacks.training import TrainingSet

# What the attack network of Nasr et al. 2019 may look at: the three columns of their Table VIII, each with all before it.
VIEWS = ("scores", "outputs", "gradients")


def gradient_norm(records: Records, parameters: Parameters, trainer: Trainer) -> Tensor:
    """Minus the norm of each record's gradient of the loss over all weights, float64 (n,).

    Carlini et al. 2022, Appendix A, where this white-box signal takes the place of the loss under one threshold for all records:
    on what it was trained on, a model has little left to learn.
    """
    network = inside.network(trainer.recipe, parameters.weights)
    return -inside.gradients(network, records.x, records.label, inside.norm)


def gradient_norm_calibrated(
    records: Records, parameters: Parameters, trainer: Trainer, reference_models: ReferenceModels
) -> Tensor:
    """Mean gradient norm of models without the record, less the target's, float64 (n,).

    Watson et al. 2022, difficulty calibration with the gradient norm as the signal. The reference models must be the adversary's
    own, since their weights are read.
    """
    x, label = records.x, records.label

    def norms(network: nn.Module) -> Tensor:
        return inside.gradients(network, x, label, inside.norm)

    target = norms(inside.network(trainer.recipe, parameters.weights))
    without = reference_models.inner_signal(lambda model: norms(inside.network(model.recipe, model.parameters())))
    mean = without.nanmean(dim=0)
    # A record that every model was trained on takes the mean over all records.
    return torch.where(mean.isnan(), mean.nanmean(), mean) - target


def taylor(records: Records, parameters: Parameters, trainer: Trainer, population: Population, *, seed: int = 0) -> Tensor:
    """How far the weights were moved down each record's gradient, float64 (n,) (MATT).

    Sablayrolles et al. 2019: -(theta - theta0) . grad loss(theta0, z). theta are the target's weights, theta0 those of one model
    that was trained by the same recipe on as many records of the population, hence without any candidate. The expansion takes
    theta0 to be near theta, as it is where the loss is convex; two networks with hidden layers, trained from different initial
    weights, are not near each other even where they answer alike.
    """
    order = torch.randperm(len(population), generator=torch.Generator().manual_seed(seed % 2**63))[: trainer.training_size]
    without = TrainingSet(population.x[order], population.label[order], derive_seed(seed, "model"))
    (reference,) = trainer.fit_many([without])
    start = {name: value.double() for name, value in reference.parameters().items()}
    step = {name: value.double() - start[name] for name, value in parameters.weights.items()}

    def along_the_step(gradient: dict[str, Tensor]) -> Tensor:
        return torch.stack([part.flatten(1) @ step[name].flatten() for name, part in gradient.items()]).sum(dim=0)

    network = inside.network(trainer.recipe, reference.parameters())
    return -inside.gradients(network, records.x, records.label, along_the_step)


def supervised(
    records: Records,
    parameters: Parameters,
    trainer: Trainer,
    known_members: KnownMembers,
    population: Population,
    *,
    features: str = "gradients",
    kernels: int = 20,
    epochs: int = 50,
    seed: int = 0,
) -> Scored:
    """Log-odds of membership from an attack network on layers, loss, label and gradient, float64 (n,); member if above 0.

    Nasr et al. 2019, Section III, network of Table XIV, mean square loss (equation 3). It is trained on the known members and on
    as many records of the population, which are known not to be members. `features` are the columns of Table VIII: the target's
    `scores`, `outputs` of all layers too, or `gradients` of the last layer too, which tell most by Table IV; loss and label
    belong to all three. The paper's 1,000 kernels over the gradient are `kernels` here, for the sake of time. Its learning rate
    and epochs are not known to us: Adam at 0.001, batches of 64. Each component is scaled to mean square 1 on the records that
    the network is trained on.
    """
    if not len(known_members) or not len(population):
        raise AttackError("the attack network learns from known members and known non-members; one kind is missing")
    network = inside.network(trainer.recipe, parameters.weights)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        others = torch.randperm(len(population))[: len(known_members)]
        known = _Joined(known_members, population, others)
        seen = _components(network, known.x, known.label, features)
        scale = [component.square().mean().sqrt().clamp(min=1e-30) for component in seen]
        seen = [component / by for component, by in zip(seen, scale, strict=True)]
        encoder = _Encoder(seen, kernels)

        def loss(rows: Tensor) -> Tensor:
            guess = encoder([component[rows] for component in seen]).sigmoid()
            weight = torch.where(known.member[rows], 0.5 / known.member.double().mean(), 0.5 / (~known.member).double().mean())
            error: Tensor = weight * (guess - known.member[rows].double()).square()
            return error.mean()

        _train(encoder, loss, len(known.x), epochs)
    candidates = _components(network, records.x, records.label, features)
    return Scored(encoder([c / by for c, by in zip(candidates, scale, strict=True)]), cut=0.0)


def unsupervised(
    records: Records,
    parameters: Parameters,
    trainer: Trainer,
    *,
    kernels: int = 5,
    epochs: int = 20,
    seed: int = 0,
) -> Scored:
    """Place of each record on a line that an autoencoder found, float64 (n,); member if in the cluster of small gradients.

    Nasr et al. 2019, Section III: an encoder as in `supervised` squeezes layers, loss, label and gradient into one number, from
    which a decoder with a hidden layer of 64 rebuilds loss, correctness, confidence in the label, entropy and gradient norm (each
    standardised here). Kernels and epochs are few for the sake of time. The numbers of all candidates are split into two
    clusters; the one with the larger mean gradient norm holds the non-members. On a line the best two clusters of least squares
    are exact, and have a threshold between them, which gives every record a score: they stand for the clustering of the paper.
    """
    network = inside.network(trainer.recipe, parameters.weights)
    x, label = records.x, records.label
    seen = _components(network, x, label, "gradients")
    seen = [component / component.square().mean().sqrt().clamp(min=1e-30) for component in seen]
    log_probs = torch.log_softmax(inside.layers(network, x)[-1], dim=-1)
    norms = inside.gradients(network, x, label, inside.norm)
    wanted = torch.stack(
        [
            signals.loss(log_probs, label),
            (signals.predicted(log_probs) == label).double(),
            signals.log_confidence(log_probs, label).exp(),
            -(log_probs.exp() * log_probs).sum(dim=-1),
            norms,
        ],
        dim=1,
    )
    wanted = (wanted - wanted.mean(dim=0)) / wanted.std(dim=0).clamp(min=1e-30)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        encoder = _Encoder(seen, kernels)
        decoder = nn.Sequential(nn.Linear(1, 64), nn.ReLU(), nn.Linear(64, wanted.shape[1])).double()

        def loss(rows: Tensor) -> Tensor:
            code = encoder([component[rows] for component in seen])
            error: Tensor = decoder(code.unsqueeze(1)) - wanted[rows]
            return error.square().mean()

        _train(nn.ModuleList([encoder, decoder]), loss, len(x), epochs)
    code = encoder(seen)
    upper = code > _between_two_clusters(code)
    if norms[upper].mean() > norms[~upper].mean():
        code = -code
    return Scored(code, cut=float(_between_two_clusters(code)))


class _Joined:
    """Known members, and then known non-members."""

    def __init__(self, members: HeldRecords, population: HeldRecords, others: Tensor):
        self.x = torch.cat([members.x, population.x[others]])
        self.label = torch.cat([members.label, population.label[others]])
        self.member = torch.arange(len(self.x)) < len(members)


def _components(network: nn.Module, x: Tensor, label: Tensor, features: str) -> list[Tensor]:
    """Return what the attack network looks at: vectors (n, width), and the gradient (n, width of the layer, classes) last."""
    if features not in VIEWS:
        raise AttackError(f"features is one of {', '.join(VIEWS)} (found {features!r})")
    values = inside.layers(network, x)
    log_probs = torch.log_softmax(values[-1], dim=-1)
    one_hot = nn.functional.one_hot(label, log_probs.shape[-1]).double()
    found = [log_probs.exp(), signals.loss(log_probs, label).unsqueeze(1), one_hot]
    if features != "scores":
        found += values[:-1]
    if features == "gradients":
        last = [name for name, value in network.named_parameters() if value.ndim == 2][-1]
        found.append(inside.gradients(network, x, label, lambda gradient: gradient[last].transpose(1, 2)))
    return found


class _Encoder(nn.Module):
    """One component network for each thing looked at, joined into one number, in float64 (Nasr et al. 2019, Table XIV)."""

    def __init__(self, like: list[Tensor], kernels: int):
        super().__init__()
        self.parts = nn.ModuleList([_gradient_part(part, kernels) if part.ndim == 3 else _part(part.shape[1]) for part in like])
        self.joint = nn.Sequential(*_dense(64 * len(like), 256), *_dense(256, 128), *_dense(128, 64), nn.Linear(64, 1))
        self.double()

    def forward(self, components: list[Tensor]) -> Tensor:
        joined = torch.cat([part(component) for part, component in zip(self.parts, components, strict=True)], dim=1)
        number: Tensor = self.joint(joined).squeeze(1)
        return number


def _dense(width: int, size: int) -> list[nn.Module]:
    return [nn.Linear(width, size), nn.ReLU(), nn.Dropout(0.2)]


def _part(width: int) -> nn.Module:
    return nn.Sequential(*_dense(width, 128), *_dense(128, 64))


def _gradient_part(like: Tensor, kernels: int) -> nn.Module:
    """Kernels of the size 1 x next layer over the rows of the gradient, then as the other components."""
    rows, columns = like.shape[1:]
    return nn.Sequential(nn.Linear(columns, kernels), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2), _part(rows * kernels))


def _train(module: nn.Module, loss: Callable[[Tensor], Tensor], records: int, epochs: int) -> None:
    """Train on batches of record numbers, then switch dropout off."""
    optimizer = torch.optim.Adam(module.parameters(), lr=0.001, fused=True)
    for _ in range(epochs):
        for rows in torch.randperm(records).split(64):
            optimizer.zero_grad(set_to_none=True)
            loss(rows).backward()
            optimizer.step()
    module.eval().requires_grad_(False)


def _between_two_clusters(values: Tensor) -> Tensor:
    """Return the point between the two clusters of values (n,) that have the least sum of squares."""
    ordered = values.sort().values
    count = torch.arange(1, len(ordered), dtype=torch.float64)
    below = ordered.cumsum(0)[:-1]
    above = ordered.sum() - below
    # The sum of squares within is that of all values less this.
    between = below**2 / count + above**2 / (len(ordered) - count)
    at = between.argmax()
    return (ordered[at] + ordered[at + 1]) / 2
