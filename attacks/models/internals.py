"""A network seen from inside: rebuilt from its weights, the values of its layers, and each record's gradient of the loss."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from attacks.errors import AttackError
from attacks.models.architectures import Estimator
from attacks.models.training import Recipe

# Gradients of this many records lie in memory at once, and of fewer where they would have more than so many numbers.
CHUNK, NUMBERS = 128, 2**27


def rebuilt(recipe: Recipe, weights: Mapping[str, Tensor]) -> nn.Module:
    """Return the model that has this recipe's architecture and these weights."""
    module = recipe.build()
    module.load_state_dict(dict(weights))
    return module.eval()


def network(recipe: Recipe, weights: Mapping[str, Tensor]) -> nn.Module:
    """Return the same as a network in float64, to be differentiated; raise AttackError if it is no network."""
    module = rebuilt(recipe, weights)
    if isinstance(module, Estimator):
        raise AttackError(f"a {recipe.architecture} has no gradients; the attack needs a neural network")
    return copy.deepcopy(module).double()


def layers(network: nn.Module, x: Tensor) -> list[Tensor]:
    """Return the values of every hidden layer, behind its activation function, and the logits last, each float64 (n, width)."""
    values: list[Tensor] = []

    def keep(module: nn.Module, given: object, output: Tensor) -> None:
        values.append(output.flatten(1))

    hooks = [module.register_forward_hook(keep) for module in network.modules() if isinstance(module, nn.ReLU)]
    try:
        with torch.no_grad():
            logits = network(x.double())
    finally:
        for hook in hooks:
            hook.remove()
    return [*values, logits]


def gradients(network: nn.Module, x: Tensor, label: Tensor, of: Callable[[dict[str, Tensor]], Tensor]) -> Tensor:
    """Return what `of` reads off each record's gradient of the cross-entropy, float64 (n, ...).

    `of` gets the gradients of some records by the name of the weights, each (records, *shape of the weights).
    """
    weights = {name: value.detach() for name, value in network.named_parameters()}

    def loss(weights: dict[str, Tensor], x: Tensor, label: Tensor) -> Tensor:
        logits = torch.func.functional_call(network, weights, (x.unsqueeze(0),))
        return nn.functional.cross_entropy(logits, label.unsqueeze(0))

    chunk = max(1, min(CHUNK, NUMBERS // max(1, sum(value.numel() for value in weights.values()))))
    of_each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))
    chunks = zip(x.double().split(chunk), label.split(chunk), strict=True)
    return torch.cat([of(of_each(weights, some, their)) for some, their in chunks])


def norm(gradient: dict[str, Tensor]) -> Tensor:
    """Return the Euclidean norm of each record's gradient over all weights, float64 (n,)."""
    return torch.stack([part.flatten(1).square().sum(dim=1) for part in gradient.values()]).sum(dim=0).sqrt()
