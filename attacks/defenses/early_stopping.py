"""Early stopping: the network of the epoch at which records beside the training set were predicted best."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from attacks.defenses.epochs import epochs
from attacks.defenses.networks import network_recipe
from attacks.defenses.owner import FACTS
from attacks.models.training import Recipe, TrainingSet
from attacks.seeds import derive_seed


def early_stopping(recipe: Recipe, data: TrainingSet, reference: TrainingSet, *, patience: int) -> nn.Module:
    """Train a network until its loss on other records has not fallen for `patience` epochs; return the best epoch's network.

    At most as many records as are trained on are watched. Prechelt 1998 compares criteria for when to
    stop; this is a simple one, which looks after every epoch. Training never goes beyond the recipe's epochs. The fact `epochs`
    says how many were kept.
    """
    network = network_recipe(recipe).build()
    loss_of = nn.CrossEntropyLoss()
    x, y = data.x.float(), data.y
    others = watched(reference, data)

    def loss(epoch: int, rows: Tensor) -> Tensor:
        found: Tensor = loss_of(network(x[rows]), y[rows])
        return found

    best, kept, weights = math.inf, 0, copy.deepcopy(network.state_dict())
    for epoch in epochs(network, recipe, len(x), loss):
        with torch.no_grad():
            now = float(loss_of(network.eval()(others.x.float()), others.y))
        network.train()
        if now < best:
            best, kept, weights = now, epoch + 1, copy.deepcopy(network.state_dict())
        elif epoch + 1 - kept >= patience:
            break
    network.load_state_dict(weights)
    vars(network)[FACTS] = {"epochs": kept}
    return network


early_stopping_suits = network_recipe


def watched(reference: TrainingSet, data: TrainingSet) -> TrainingSet:
    """Return the records that are watched: of those that are not trained on, at most as many as there are that are."""
    draw = torch.Generator().manual_seed(derive_seed(data.seed, "watched"))
    rows = torch.randperm(len(reference.x), generator=draw)[: len(data.x)]
    return TrainingSet(reference.x[rows], reference.y[rows], data.seed)
