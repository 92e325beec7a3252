"""SELENA: many networks, each record answered by those that never saw it, and one network that learns these answers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attacks.defenses.networks import network_recipe
from attacks.errors import AttackError
from attacks.models.training import Model, Recipe, TrainingSet, fit, learn
from attacks.seeds import derive_seed


def selena(recipe: Recipe, data: TrainingSet, *, models: int, without: int) -> nn.Module:
    """Train networks on parts of the records, and one on what they answer about the records that they did not see.

    Each record is left out of `without` of so many `models`, which are drawn for it, and their mean answer is its label. Tang et
    al. 2022, after their code for Purchase (25 and 10), which keeps the best epoch on test records; here it is the last one, and
    all networks are trained by the target's recipe.
    Raises AttackError if no model is left to learn a record, and for parts of which one has no record.
    """
    selena_suits(recipe, models=models, without=without)
    left_out = left_out_of(len(data.x), models, without, derive_seed(data.seed, "left out"))
    answers = torch.zeros(len(data.x), recipe.classes, dtype=torch.float64)
    for k in range(models):
        inside = ~left_out[:, k]
        if not bool(inside.any()):
            raise AttackError(f"{len(data.x)} records are too few for {models} models: one of them would learn from none")
        part = TrainingSet(data.x[inside], data.y[inside], derive_seed(data.seed, "part", k))
        model = Model(recipe, fit(recipe, part), f"part {k}")
        answers[~inside] += model.log_probs(data.x[~inside]).exp() / without
    network = recipe.build()
    learn(network, recipe, TrainingSet(data.x, answers.float(), data.seed), recipe.epochs)
    return network


def selena_suits(recipe: Recipe, *, models: int, without: int) -> None:
    """Raise AttackError if no network is trained on its loss by a recipe, and if no model is left to learn a record."""
    network_recipe(recipe)
    if without >= models:
        raise AttackError(
            f"a record that {without} models leave out is learned by none of {models}: `without` must be below `models`"
        )


def left_out_of(records: int, models: int, without: int, seed: int) -> Tensor:
    """Return which model leaves out which record, bool (records, models): `without` models each record, drawn alike."""
    drawn = torch.rand(records, models, generator=torch.Generator().manual_seed(seed)).argsort(dim=-1)
    return torch.zeros(records, models, dtype=torch.bool).scatter(-1, drawn[:, :without], True)
