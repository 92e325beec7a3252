"""A network of one's own seen from inside: its weights, and how it is built, for attacks that read layers and gradients."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attacks.audit.kinds.model import OwnModel
from attacks.audit.rows import Rows
from attacks.handles import Architecture, Ledger, Parameters
from attacks.models import internals
from attacks.models.training import Recipe
from attacks.targets.target import HandleMaker
from taxonomy.findings import printable

# Gradients of each record by itself take too long beyond so many weights.
MOST_WEIGHTS = 20_000_000
# On so many records it is seen whether the network can be looked into.
TRIED = 4
# In float64, or record by record, a probability may differ by this from what the network answers a batch in float32.
CLOSE = 1e-3
# What stands for the logarithm of a probability of 0.
LEAST = 1e-30


class TurnedBack(nn.Module):
    """Turns columns of tables back from the form in which attacks see them into what they are; other records are left alone."""

    mean: Tensor | None
    spread: Tensor | None

    def __init__(self, mean: Tensor | None, spread: Tensor | None):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("spread", spread)

    def forward(self, x: Tensor) -> Tensor:
        """Return records (n, ...) as the network takes them."""
        return x if self.mean is None or self.spread is None else (x * self.spread + self.mean).to(x.dtype)


class Logarithms(nn.Module):
    """Makes logits of probabilities."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the logarithms of x (n, classes)."""
        return x.clamp_min(LEAST).log()


def behind(network: nn.Module, mean: Tensor | None, spread: Tensor | None, scale: str) -> nn.Sequential:
    """Return a copy of a network that answers records as attacks see them with logits. Layers in a row stay in a row."""
    layers = list(network) if type(network) is nn.Sequential else [network]
    return nn.Sequential(TurnedBack(mean, spread), *copy.deepcopy(layers), *([Logarithms()] if scale == "probabilities" else []))


@dataclass(frozen=True)
class OwnRecipe(Recipe):
    """The architecture of a user's own network. How it was trained, nothing here says, so that nothing trains by it."""

    network: nn.Module = field(default_factory=nn.Module)

    def build(self) -> nn.Module:
        """Return a copy of the network, with the weights that it has."""
        return copy.deepcopy(self.network)


@dataclass(frozen=True)
class Inside:
    """What of a network can be looked into, or why nothing: of one that has an inside, `recipe` is None with a `reason`."""

    recipe: OwnRecipe | None = None
    reason: str | None = None

    def makers(self) -> dict[str, HandleMaker]:
        """Return what makes a fresh handle for each term on offer."""
        if (recipe := self.recipe) is None:
            return {}
        return {
            "M1.parameters": lambda ledger: _parameters(recipe, ledger),
            "M2.architecture": lambda ledger: Architecture("architecture", recipe, ledger),
        }


def _parameters(recipe: OwnRecipe, ledger: Ledger) -> Parameters:
    weights = {name: value.detach().clone() for name, value in recipe.network.state_dict().items()}
    return Parameters("parameters", weights, ledger)


def look(model: OwnModel, rows: Rows, label: NDArray[np.int64], classes: int) -> Inside:
    """Return what can be seen inside of a model, after trying it on a few records; label int64 (n,) of the first n of the rows.

    Raises InputError, with the user's line, for a network that does not answer them at all.
    """
    if model.network is None:
        return Inside()
    count = sum(value.numel() for value in model.network.parameters())
    if not count:
        return Inside(reason="it has no weights that could be differentiated")
    if count > MOST_WEIGHTS:
        return Inside(reason=f"it has {count:,} weights, and gradients of each record take too long beyond {MOST_WEIGHTS:,}")
    if rows.x.ndim == 2 and any(column.gaps or column.values for column in rows.columns or ()):
        return Inside(reason="its records have gaps, through which no gradient goes")
    few = np.unique(np.linspace(0, len(label) - 1, TRIED).astype(int))
    answered = _probabilities(torch.as_tensor(model.ask(rows.original(few))).double(), model.scale)
    try:
        shape = tuple(rows.x.shape[1:])
        network = behind(model.network, *_scales(rows), model.scale)
        recipe = OwnRecipe(_kind(network, shape), shape, classes, network=network)
        alone, norms = _seen(recipe, rows.x[few], torch.from_numpy(label[few]))
    except Exception as error:  # copies and derivatives of a module of somebody's own can fail in any way; the check says how
        text = printable(" ".join(str(error).split()))[:200]
        return Inside(reason=f"it cannot be differentiated record by record ({type(error).__name__}: {text})")
    if alone.shape != answered.shape or not bool((alone - answered).abs().max() < CLOSE):
        return Inside(reason="it answers a record by itself, in float64, otherwise than within a batch, in float32")
    if not bool(norms.isfinite().all()):
        return Inside(reason="gradients of its loss are not finite")
    return Inside(recipe)


def _seen(recipe: OwnRecipe, x: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """Return what a network answers each of a few records by itself, (n, classes), and the norms of its gradients, (n,)."""
    network = internals.network(recipe, recipe.network.state_dict())
    with torch.no_grad():
        alone = torch.cat([network(record[None].double()) for record in x]).softmax(dim=-1)
    return alone, internals.gradients(network, x, label, internals.norm)


def _probabilities(answer: Tensor, scale: str) -> Tensor:
    return answer if scale == "probabilities" else answer.softmax(dim=-1)


def _scales(rows: Rows) -> tuple[Tensor | None, Tensor | None]:
    """Return what turns columns of tables back into what they are: their means and their standard deviations."""
    if rows.columns is None:
        return None, None
    mean, spread = ([getattr(column, name) for column in rows.columns] for name in ("mean", "spread"))
    return torch.tensor(mean, dtype=torch.float64), torch.tensor(spread, dtype=torch.float64)


def _kind(network: nn.Module, shape: Sequence[int]) -> str:
    """Return of which of our kinds of networks it is, which is all that its type tells."""
    convolves = any(isinstance(module, nn.Conv2d) for module in network.modules())
    return "cnn" if convolves and len(shape) in (2, 3) and min(shape[-2:]) >= 4 else "mlp"
