"""What steps make: models of the adversary's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from attacks.errors import DivergedError
from attacks.handles.handle import AttackError
from attacks.handles.records import ShadowData
from attacks.handles.trainers import HostedModel
from attacks.models import training
from attacks.models.signals import Signal
from attacks.models.training import Model, numbers

# A change to records x (n, ...) that leaves their number and their shape as they are, such as an augmentation.
Change = Callable[[Tensor], Tensor]


class ShadowModels:
    """Models whose members are known.

    `records` are those for which it is known which models were trained on them; of matched shadow models they are the
    candidate records, in the candidates' order. `trained_on` is bool of shape (models, records).
    """

    def __init__(self, models: Sequence[Model | HostedModel], records: ShadowData, trained_on: Tensor):
        if trained_on.shape != (len(models), len(records)):
            raise ValueError(f"trained_on has shape {tuple(trained_on.shape)}, not {(len(models), len(records))}")
        self._models = list(models)
        self._records = records
        self._trained_on = trained_on

    def __len__(self) -> int:
        return len(self._models)

    @property
    def models(self) -> list[Model | HostedModel]:
        """The models, as things that answer `log_probs(x)`."""
        return list(self._models)

    @property
    def records(self) -> ShadowData:
        """Copies of the records for which membership is known: x float32 (n, ...), label int64 (n,), ids uint64 (n,)."""
        return ShadowData(self._records.x.clone(), self._records.label.clone(), self._records.ids.copy())

    @property
    def trained_on(self) -> Tensor:
        """Which model was trained on which record, bool of shape (models, records)."""
        return self._trained_on.clone()

    def log_probs(self, model: int, changed: Change | None = None) -> Tensor:
        """Return the answers of one model on `records`, float64 of shape (records, classes), or on the records `changed`.

        They are worked out once and lie in the store, so that memory does not grow with the number of models. Raises
        DivergedError if one is not a number, and says of how many models: the others alone would be a weaker attack.
        """
        return _answers(self._models, model, self._changed(changed))

    def signal(self, of: Signal, changed: Change | None = None) -> Tensor:
        """Return a signal of every model on every record, or on every record `changed`, float64 of shape (models, records).

        The signal is of(log_probs float64 (records, classes), label int64 (records,)). One of `attacks.models.signals`, by itself
        or as a `functools.partial`, is worked out once and lies in the store.
        """
        return _signal(self._models, of, self._changed(changed), self._records.label)

    def first(self, count: int) -> ShadowModels:
        """Return a view of the first `count` models."""
        return ShadowModels(self._models[:count], self._records, self._trained_on[:count])

    def _changed(self, changed: Change | None) -> Tensor:
        return self._records.x if changed is None else changed(self._records.x.clone())


def _signal(models: Sequence[Model | HostedModel], of: Signal, x: Tensor, label: Tensor) -> Tensor:
    """Return a signal of every model on records x (n, ...) with label (n,), float64 (models, n)."""

    def made() -> Tensor:
        return torch.stack([of(_answers(models, k, x), label) for k in range(len(models))])

    return training.workshop.get().signal(of, models, x, label, made)


def _answers(models: Sequence[Model | HostedModel], number: int, x: Tensor) -> Tensor:
    """Return the answers of one of the models, which are the caller's own.

    Raises DivergedError, with how many of them diverged, if they are no numbers.
    """
    try:
        answers = models[number].kept_log_probs(x)
        # A sum tells in a fraction of the time that all of them are numbers; where it is none, infinities may be why.
        return answers if math.isfinite(answers.sum()) else numbers(answers)
    except DivergedError:
        diverged = [k for k, other in enumerate(models) if _diverged(other, x)]
        raise DivergedError(
            f"{len(diverged)} of {len(models)} shadow models answer not-a-number, since their training diverged: "
            f"number {', '.join(map(str, diverged))}"
        ) from None


def _diverged(model: Model | HostedModel, x: Tensor) -> bool:
    try:
        numbers(model.kept_log_probs(x))
    except DivergedError:
        return True
    return False


class ReferenceModels:
    """Models of the adversary's own that were trained before it knew the candidates: no candidate is among their records.

    `own` are the models with the records that they were trained on.
    """

    def __init__(self, own: ShadowModels):
        self._own = own

    @property
    def own(self) -> ShadowModels:
        """The models, with the records of which it is known which of them were trained on them."""
        return self._own

    def __len__(self) -> int:
        return len(self._own)

    @property
    def training_size(self) -> float:
        """Mean number of records that a model was trained on, a float."""
        return float(self._own.trained_on.sum(dim=1).double().mean())

    def first(self, count: int) -> ReferenceModels:
        """Return a view of the first `count` models."""
        return ReferenceModels(self._own.first(count))

    def answers(self, x: Tensor) -> Tensor:
        """Return the answers of every model on records x (n, ...), float64 (models, n, classes); raise DivergedError."""
        models = self._own.models
        return torch.stack([_answers(models, k, x) for k in range(len(models))])

    def signal(self, of: Signal, x: Tensor, label: Tensor) -> Tensor:
        """Return a signal of every model on records x (n, ...) with label (n,), as `ShadowModels.signal` does.

        It is float64 (models, n).
        """
        return _signal(self._own.models, of, x, label)

    def inner_signal(self, of: Callable[[Model], Tensor]) -> Tensor:
        """Return what `of` reads off every model's inside, float64 (models, n).

        Raises AttackError if the models lie on a platform that shows no weights.
        """
        models = [model for model in self._own.models if isinstance(model, Model)]
        if len(models) < len(self):
            raise AttackError("these models lie on a platform that shows no weights; the attack needs models of one's own")
        return torch.stack([of(model) for model in models])

    def member_signal(self, of: Signal) -> Tensor:
        """Return a signal of the models on their own training records, float64 (n,), sorted."""
        return self._own.signal(of)[self._own.trained_on].sort().values


class Surrogate:
    """A model of the adversary's own that was trained to answer as the target does; its members are not the target's."""

    def __init__(self, model: Model):
        self._model = model
        self.fingerprint = model.fingerprint

    def log_probs(self, x: Tensor) -> Tensor:
        """Return log-probabilities, float64 of shape (n, classes), for x of shape (n, ...)."""
        return self._model.log_probs(x)
