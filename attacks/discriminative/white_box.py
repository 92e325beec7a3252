"""Attacks that look inside the model: at gradients, at hidden layers, and at where training has moved the weights."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from attacks.handles import (
    Architecture,
    AttackError,
    KnownMembers,
    Parameters,
    Population,
    Records,
    ReferenceModels,
    Scored,
    Trainer,
    UnsuitableError,
)
from attacks.models import internals
from attacks.models.training import TrainingSet
from attacks.seeds import derive_seed, hash_records
from attacks.steps import attack_network


def gradient_norm(records: Records, parameters: Parameters, architecture: Architecture) -> Tensor:
    """Minus the norm of each record's gradient of the loss over all weights, float64 (n,).

    Carlini et al. 2022, Appendix A, where this white-box signal takes the place of the loss under one threshold for all records:
    on what it was trained on, a model has little left to learn.
    """
    network = internals.network(architecture.recipe, parameters.weights)
    return -internals.gradients(network, records.x, records.label, internals.norm)


def gradient_norm_calibrated(
    records: Records, parameters: Parameters, architecture: Architecture, reference_models: ReferenceModels
) -> Tensor:
    """Mean gradient norm of models without the record, less the target's, float64 (n,).

    Watson et al. 2022, difficulty calibration with the gradient norm as the signal. The reference models must be the adversary's
    own, since their weights are read.
    """
    x, label = records.x, records.label

    def norms(network: nn.Module) -> Tensor:
        return internals.gradients(network, x, label, internals.norm)

    target = norms(internals.network(architecture.recipe, parameters.weights))
    without = reference_models.inner_signal(lambda model: norms(internals.network(model.recipe, model.parameters())))
    return without.mean(dim=0) - target


def taylor(records: Records, parameters: Parameters, trainer: Trainer, population: Population, *, seed: int = 0) -> Tensor:
    """How far the weights were moved down each record's gradient, float64 (n,) (MATT).

    Sablayrolles et al. 2019: -(theta - theta0) . grad loss(theta0, z). theta are the target's weights, theta0 those of one model
    that was trained by the same recipe on as many records of the population, hence without any candidate. The expansion takes
    theta0 to be near theta, as it is where the loss is convex; two networks with hidden layers, trained from different initial
    weights, are not near each other even where they answer alike. Raises UnsuitableError if the population is too small.
    """
    size = trainer.training_size
    if len(population) < size:
        raise UnsuitableError(
            f"a model without the candidates takes {size:,} records of the population (found {len(population):,})"
        )
    order = np.argsort(hash_records(derive_seed(seed, "draw"), 0, population.ids), kind="stable")[:size]
    rows = torch.from_numpy(order)
    without = TrainingSet(population.x[rows], population.label[rows], derive_seed(seed, "model"))
    (reference,) = trainer.fit_many([without])
    start = {name: value.double() for name, value in reference.parameters().items()}
    step = {name: value.double() - start[name] for name, value in parameters.weights.items()}

    def along_the_step(gradient: dict[str, Tensor]) -> Tensor:
        return torch.stack([part.flatten(1) @ step[name].flatten() for name, part in gradient.items()]).sum(dim=0)

    network = internals.network(trainer.recipe, reference.parameters())
    return -internals.gradients(network, records.x, records.label, along_the_step)


def supervised(
    records: Records,
    parameters: Parameters,
    architecture: Architecture,
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
    network = internals.network(architecture.recipe, parameters.weights)
    others = attack_network.drawn(population.ids, len(known_members))
    x = torch.cat([known_members.x, population.x[others]])
    label = torch.cat([known_members.label, population.label[others]])
    seen = attack_network.components([network], x, label, features)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        log_odds = attack_network.learnt(seen, torch.arange(len(x)) < len(known_members), kernels, epochs)
    return Scored(log_odds(attack_network.components([network], records.x, records.label, features)), cut=0.0)


def unsupervised(
    records: Records,
    parameters: Parameters,
    architecture: Architecture,
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
    Autoencoder and clusters are learnt from the set of candidates, of which there must be two or more: a record's score depends
    on the others, and not on their order.
    """
    network = internals.network(architecture.recipe, parameters.weights)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        return Scored(*attack_network.embedded([network], records.x, records.label, records.ids, kernels, epochs))
