"""What an active adversary does inside a federation to learn more about records (Nasr et al. 2019, Sections II-C and IV-E)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attacks.handles import AttackError
from attacks.models.federation import Policy, Weights, copied
from attacks.models.training import Recipe


class Ascent:
    """One step up the gradient of the loss on some records, x float32 (n, ...), label int64 (n,).

    Each record counts by itself, however many others there are: the step is the sum of `rate` times the gradient of each.
    """

    def __init__(self, recipe: Recipe, x: Tensor, label: Tensor, rate: float):
        self._module = recipe.build()
        self._x, self._label, self._rate = x.float(), label, rate

    def __call__(self, weights: Weights) -> Weights:
        """Return the weights moved up; raise AttackError if they are no longer finite."""
        self._module.load_state_dict(weights)
        loss = nn.functional.cross_entropy(self._module(self._x), self._label, reduction="sum")
        names, values = zip(*self._module.named_parameters(), strict=True)
        slope = dict(zip(names, torch.autograd.grad(loss, values), strict=True))
        moved = {name: value + self._rate * slope[name] if name in slope else value for name, value in weights.items()}
        if not all(value.isfinite().all() for value in moved.values()):
            raise AttackError(
                f"to climb {len(self._x):,} records by {self._rate:g} each makes the model diverge; take a smaller rate"
            )
        return copied(moved)


class AscendingParticipant(Policy):
    """Trains honestly, and pushes its upload up the gradient of the loss on the records in question."""

    def __init__(self, ascent: Ascent):
        self._ascent = ascent

    def upload(self, round: int, received: Weights, honest: Weights) -> Weights:
        """Return the honest upload, moved."""
        return self._ascent(honest)


class CheatingServer(Policy):
    """Is honest to all but the victim, whom it isolates, or sends a model that is pushed up the gradient, or both.

    An isolated victim never gets the average, but what it uploaded last itself: a model that nobody else has trained.
    """

    def __init__(self, victim: int, *, isolate: bool, ascent: Ascent | None):
        self._victim, self._isolate, self._ascent = victim, isolate, ascent

    def send(self, round: int, participant: int, average: Weights, last_upload: Weights) -> Weights:
        """Return what this participant is sent."""
        if participant != self._victim:
            return average
        sent = last_upload if self._isolate else average
        return self._ascent(sent) if self._ascent else sent
