"""What steps make: models of the adversary's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from attacks.errors import DivergedError
from attacks.handles.handle import AttackError, NotGrantedError
from attacks.handles.records import ShadowData
from attacks.handles.trainers import HostedModel
from attacks.seeds import record_ids
from attacks.training import Model, numbers

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
        """Copies of the records for which membership is known."""
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
        x = self._records.x if changed is None else changed(self._records.x.clone())
        try:
            return numbers(self._models[model].kept_log_probs(x)).clone()
        except DivergedError:
            diverged = [k for k, other in enumerate(self._models) if _diverged(other, x)]
            raise DivergedError(
                f"{len(diverged)} of {len(self)} shadow models answer not-a-number, since their training diverged: "
                f"number {', '.join(map(str, diverged))}"
            ) from None

    def signal(self, of: Callable[[Tensor, Tensor], Tensor], changed: Change | None = None) -> Tensor:
        """Return a signal of every model on every record, or on every record `changed`, float64 of shape (models, records)."""
        return torch.stack([of(self.log_probs(k, changed), self._records.label) for k in range(len(self))])

    def first(self, count: int) -> ShadowModels:
        """Return a view of the first `count` models."""
        return ShadowModels(self._models[:count], self._records, self._trained_on[:count])


def _diverged(model: Model | HostedModel, x: Tensor) -> bool:
    try:
        numbers(model.kept_log_probs(x))
    except DivergedError:
        return True
    return False


class ReferenceModels:
    """Models as seen by an offline adversary: for each candidate record, only those that were not trained on it.

    `own` are the same models, with records for which it is known which of them were trained on them.
    """

    def __init__(self, shadow_models: ShadowModels, own: ShadowModels | None = None):
        self._shadow_models = shadow_models
        self._own = own or shadow_models

    @property
    def own(self) -> ShadowModels:
        """The models with the records that they were trained on, for the store: only where no candidate is among these."""
        self.packed()
        return self._own

    def packed(self) -> ShadowModels:
        """Return all models, for the store: only a step that made them may be asked, never a view of shadow models."""
        if self._shadow_models.trained_on.any():
            raise NotGrantedError("these reference models are a view of shadow models, which stay hidden")
        return self._shadow_models

    def __len__(self) -> int:
        return len(self._shadow_models)

    @property
    def training_size(self) -> float:
        """Mean number of records that a model is known to have been trained on."""
        return float(self._own.trained_on.sum(dim=1).double().mean())

    def first(self, count: int) -> ReferenceModels:
        """Return a view of the first `count` models."""
        return ReferenceModels(self._shadow_models.first(count), self._own.first(count))

    def signal(self, of: Callable[[Tensor, Tensor], Tensor], changed: Change | None = None) -> Tensor:
        """Return a signal of every model on every candidate, float64 (models, records); NaN where it was trained on it.

        With `changed`, on every candidate that was changed so.
        """
        signal = self._shadow_models.signal(of, changed)
        signal[self._shadow_models.trained_on] = torch.nan
        return signal

    def inner_signal(self, of: Callable[[Model], Tensor]) -> Tensor:
        """Return what `of` reads off every model's inside, for every candidate, float64 (models, records); NaN as in `signal`.

        Raises AttackError if the models lie on a platform that shows no weights.
        """
        models = [model for model in self._shadow_models.models if isinstance(model, Model)]
        if len(models) < len(self):
            raise AttackError("these models lie on a platform that shows no weights; the attack needs models of one's own")
        signal = torch.stack([of(model) for model in models])
        signal[self._shadow_models.trained_on] = torch.nan
        return signal

    def answers(self, x: Tensor) -> Tensor:
        """Return the answers of every model on other records, float64 (models, n, classes).

        Raises NotGrantedError for a candidate that a model was trained on: what models make of their own candidates stays hidden.
        """
        hidden = self._shadow_models.records.ids[self._shadow_models.trained_on.any(dim=0).numpy()]
        if np.isin(record_ids(x.numpy()), hidden).any():
            raise NotGrantedError("a candidate was put to reference models of which some were trained on it")
        return torch.stack([model.kept_log_probs(x) for model in self._shadow_models.models])

    def member_signal(self, of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Return a signal of the models on their own training records, float64 (n,), sorted: whose is whose stays hidden."""
        return self._own.signal(of)[self._own.trained_on].sort().values


class Surrogate:
    """A model of the adversary's own that was trained to answer as the target does; its members are not the target's."""

    def __init__(self, model: Model):
        self._model = model
        self.fingerprint = model.fingerprint

    def log_probs(self, x: Tensor) -> Tensor:
        """Return log-probabilities, float64 of shape (n, classes), for x of shape (n, ...)."""
        return self._model.log_probs(x)
