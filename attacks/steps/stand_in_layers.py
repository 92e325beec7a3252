"""Stand-ins for first layers that stay hidden: layers of the adversary's own in front of the later layers that it knows."""

from __future__ import annotations

from torch import Tensor, nn

from attacks.handles import Architecture, AttackError, LaterLayers, Population, Records, StandInLayers
from attacks.handles.split_model import split_of
from attacks.models import layers as network_layers
from attacks.models.custom_loss import minimised
from attacks.seeds import derive_seed


def from_samples(
    records: Records,
    later_layers: LaterLayers,
    population: Population,
    architecture: Architecture,
    *,
    epochs: int = 10,
    batch: int = 32,
    learning_rate: float = 0.001,
    seed: int = 0,
) -> StandInLayers:
    """Train first layers of the known structure until the known later layers behind them classify the adversary's records well.

    He et al. 2019, Section 6.1, Algorithm 3 and Equation 6: the loss is the cross-entropy of the whole, and the later layers stay
    as they are. Adam, the batch and the learning rate are those of the authors' code, which takes 50 epochs and halves the rate
    every ten; we take fewer, to save time. Raises AttackError if there are no records, or if the structure has no split.
    """
    if not len(population):
        raise AttackError("there are no labelled records to train first layers with")
    recipe, split_after = architecture.recipe, split_of(architecture)
    x, label = population.x, population.label

    def loss(layers: nn.Module, rows: Tensor) -> Tensor:
        return nn.functional.cross_entropy(later_layers(layers(x[rows])), label[rows])

    layers = minimised(
        lambda: network_layers.parts(recipe.build(), split_after)[0],
        loss,
        len(x),
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
        seed=derive_seed(seed, "model"),
    )
    return StandInLayers(layers, recipe, split_after)
