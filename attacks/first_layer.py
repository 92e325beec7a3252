"""The first dense layer of a network: what its gradient shows of the input stands in its weights and bias."""

from __future__ import annotations

import math

from torch import nn

from attacks.handles import AttackError
from attacks.training import Recipe


def names(recipe: Recipe) -> tuple[str, str]:
    """Return the names of the weights (units, features) and the bias (units,) of a network's first layer.

    Raises AttackError unless that layer is dense, takes in the whole record and has a bias.
    """
    for name, module in recipe.build().named_modules():
        if not list(module.parameters(recurse=False)):
            continue
        if isinstance(module, nn.Linear) and module.in_features == math.prod(recipe.shape) and module.bias is not None:
            return f"{name}.weight", f"{name}.bias"
        break
    raise AttackError(f"the first layer of a {recipe.architecture} is not a dense layer that takes in the whole record")
