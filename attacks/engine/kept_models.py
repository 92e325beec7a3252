"""Models that lie in the store: they hold nothing, and are read when they are asked for something."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor, nn

from attacks.models import accelerated
from attacks.models.devices import CPU
from attacks.models.training import Model, Recipe


class Keeper(Protocol):
    """What reads finished models, and keeps their answers: the engine's workshop."""

    def network(self, recipe: Recipe, fingerprint: str) -> nn.Module:
        """Return the network of a finished model."""

    def answers(self, model: KeptModel, x: Tensor) -> Tensor:
        """Return a model's log-probabilities on x, kept once they are worked out."""


class KeptModel(Model):
    """A model that lies in the store, and its answers to whole sets of records too: by itself it holds nothing.

    It answers on `device`.
    """

    def __init__(self, recipe: Recipe, fingerprint: str, workshop: Keeper, device: str):
        self.recipe = recipe
        self.fingerprint = fingerprint
        self.device = device
        self._workshop = workshop

    @property
    def _module(self) -> nn.Module:  # type: ignore[override]
        return self._workshop.network(self.recipe, self.fingerprint)

    def _answering(self) -> Model:
        there = self._module if self.device == CPU else accelerated.Answering(self._module, self.device)
        return Model(self.recipe, there, self.fingerprint)

    def log_probs(self, x: Tensor) -> Tensor:
        """Return log-probabilities as every model does."""
        return self._answering().log_probs(x)

    def values(self, x: Tensor) -> Tensor:
        """Return what a regression predicts, as every model does."""
        return self._answering().values(x)

    def kept_log_probs(self, x: Tensor) -> Tensor:
        """Return `log_probs(x)` from the store."""
        return self._workshop.answers(self, x)


def kept_by(workshop: Keeper, model: Any) -> KeptModel | None:
    """Return the model if its answers are kept by this workshop; of one that hides its inside, the model that it hides."""
    answering = getattr(getattr(model, "kept_log_probs", None), "__self__", None)
    return answering if isinstance(answering, KeptModel) and answering._workshop is workshop else None
