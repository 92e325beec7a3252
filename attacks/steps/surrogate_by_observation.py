"""A surrogate from decisions that were overheard."""

from __future__ import annotations

from attacks.handles import AttackError, Overheard, Records, Surrogate
from attacks.models import training
from attacks.models.training import Recipe, TrainingSet
from attacks.seeds import derive_seed


def from_decisions(records: Records, overheard: Overheard, *, hidden: int = 128, epochs: int = 40, seed: int = 0) -> Surrogate:
    """Train a multilayer perceptron on inputs as the adversary received them and on the target's decisions. Shi et al. 2020.

    The paper's architecture is not known to us: one hidden layer, as of other guessed models here.
    """
    if not len(overheard):
        raise AttackError("nothing was overheard, so there is nothing to train a surrogate on")
    x, decision = overheard.x, overheard.decision
    recipe = Recipe("mlp", tuple(x.shape[1:]), max(2, int(decision.max()) + 1), (hidden,), epochs, batch=64, learning_rate=0.001)
    (model,) = training.fit_many(recipe, [TrainingSet(x, decision, derive_seed(seed, "model", 0))], "surrogate")
    return Surrogate(model)
