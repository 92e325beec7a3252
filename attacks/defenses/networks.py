"""Which recipes a defense can change that trains the network itself, in place of our training."""

from __future__ import annotations

from attacks.errors import AttackError
from attacks.models import architectures
from attacks.models.training import Recipe


def network_recipe(recipe: Recipe, **settings: object) -> Recipe:
    """Return a recipe by which our loop trains a network on its loss; raise AttackError for any other.

    It takes what the defense is set to as well, which changes nothing, so that it can stand as its function `..._suits`.
    """
    if recipe.architecture in architectures.ESTIMATORS or recipe.trainer:
        raise AttackError(f"this defense trains a network, and the target is made by {recipe.trainer or recipe.architecture}")
    if recipe.clip:
        raise AttackError("this defense changes how a network learns; the target learns by noisy descent, which is one itself")
    return recipe


def classifier_recipe(recipe: Recipe, **settings: object) -> Recipe:
    """Return a recipe by which our loop trains a network that tells classes apart; raise AttackError for any other."""
    if recipe.regression:
        raise AttackError("this defense changes how a classifier learns, and the target predicts a number")
    return network_recipe(recipe)
