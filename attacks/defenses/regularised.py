"""Defenses by which a network learns less of single records: large weights are punished, or units are left out."""

from __future__ import annotations

from torch import Tensor, nn

from attacks.defenses.networks import network_recipe
from attacks.models.dropout import Dropout, with_dropout
from attacks.models.training import Recipe, TrainingSet, learn


def l2(recipe: Recipe, data: TrainingSet, *, factor: float) -> nn.Module:
    """Train a network on its loss plus `factor` times the sum of its squared weights. Shokri et al. 2017, Table III."""
    network = network_recipe(recipe).build()

    def add_slope(weight: Tensor) -> None:
        assert weight.grad is not None, "it was differentiated just now"
        weight.grad.add_(weight.detach(), alpha=2 * factor)

    for weight in network.parameters():
        weight.register_post_accumulate_grad_hook(add_slope)
    learn(network, recipe, data, recipe.epochs)
    return network


l2_suits = network_recipe


def dropout(recipe: Recipe, data: TrainingSet, *, inputs: float, hidden: float) -> nn.Module:
    """Train a network of which these shares of the inputs and of the hidden units are left out at each step.

    Salem et al. 2019, Section VI-A (0.5 both).
    """
    network = with_dropout(network_recipe(recipe), hidden).build()
    learn(nn.Sequential(Dropout(inputs), network), recipe, data, recipe.epochs)
    return network


dropout_suits = network_recipe
