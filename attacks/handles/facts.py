"""Handles of what the adversary knows without asking: numbers, published statistics, weights."""

from __future__ import annotations

from torch import Tensor

from attacks.handles.handle import Handle, Ledger, Oracle


class Number(Handle):
    """One number that the adversary knows, such as the mean training loss or the size of the training set."""

    def __init__(self, name: str, value: float, ledger: Ledger):
        super().__init__(name, ledger)
        self._value = value

    @property
    def value(self) -> float:
        """The number, a float."""
        self._touch()
        return self._value


class LossThreshold(Handle):
    """The loss up to which a record is called a member, or None where the adversary knows of none."""

    def __init__(self, name: str, value: float | None, ledger: Ledger):
        super().__init__(name, ledger)
        self._value = value

    @property
    def value(self) -> float | None:
        """The threshold in nats, a float, or None."""
        self._touch()
        return self._value


class Marginals(Handle):
    """The values of every feature by themselves: each column is sorted, so that rows mean nothing."""

    def __init__(self, name: str, columns: Tensor, ledger: Ledger):
        super().__init__(name, ledger)
        self._columns = columns

    @property
    def columns(self) -> Tensor:
        """Values of every feature, float32 of shape (n, ...), each column sorted."""
        self._touch()
        return self._columns.clone()


class Aggregates(Handle):
    """The statistics that were published of a group, once and for everyone: reading them is no query."""

    def __init__(self, name: str, values: Tensor, ledger: Ledger):
        super().__init__(name, ledger)
        self._values = values

    @property
    def values(self) -> Tensor:
        """The mean of every feature over the group, float64 of the shape of one record.

        Counts of people are such means times the size of the group.
        """
        self._touch()
        return self._values.clone()


class SuppressedAggregates(Handle):
    """Statistics that were published of a group but for small ones, which are left out: reading them is no query."""

    def __init__(self, name: str, values: Tensor, below: float, ledger: Ledger):
        super().__init__(name, ledger)
        self._values, self._below = values, below

    @property
    def values(self) -> Tensor:
        """The mean of every feature over the group, float64 of the shape of one record, NaN where it is left out."""
        self._touch()
        return self._values.clone()

    @property
    def below(self) -> float:
        """What every mean that is left out is below."""
        self._touch()
        return self._below


class Beacon(Oracle[Tensor]):
    """Answers whether anybody of a group has a feature, yes or no. Each feature that is asked about is one query."""

    def __init__(self, name: str, present: Tensor, ledger: Ledger, *, counted: bool = True):
        super().__init__(name, present.flatten(), ledger, counted=counted)

    def __len__(self) -> int:
        """Return of how many features it knows."""
        return len(self._answer)

    def __call__(self, features: Tensor) -> Tensor:
        """Return whether anybody of the group has each of these features, bool (n,), for their numbers int64 (n,)."""
        self._ask(len(features))
        return self._answer[features]


class ModelType(Handle):
    """The kind of model that the target is."""

    def __init__(self, name: str, value: str, ledger: Ledger):
        super().__init__(name, ledger)
        self._value = value

    @property
    def value(self) -> str:
        """Name of the architecture."""
        self._touch()
        return self._value


class Parameters(Handle):
    """The trained weights, without the architecture that they belong to."""

    def __init__(self, name: str, weights: dict[str, Tensor], ledger: Ledger):
        super().__init__(name, ledger)
        self._weights = weights

    @property
    def weights(self) -> dict[str, Tensor]:
        """Copies of the weights by name, float32 each."""
        self._touch()
        return {name: value.clone() for name, value in self._weights.items()}


class ErrorSpread(Handle):
    """Standard deviations of a regression's errors: on its training records and, if it is known, on others."""

    def __init__(self, name: str, training: float, others: float | None, ledger: Ledger):
        super().__init__(name, ledger)
        self._training, self._others = training, others

    @property
    def training(self) -> float:
        """Standard deviation of the errors on the training records, a float."""
        self._touch()
        return self._training

    @property
    def others(self) -> float | None:
        """Standard deviation of the errors on other records, a float; None if it is not known."""
        self._touch()
        return self._others


class Overheard(Handle):
    """Inputs that others put to the model, as they reached the adversary, and what the model decided. Nothing can be asked."""

    def __init__(self, name: str, x: Tensor, decision: Tensor, ledger: Ledger):
        super().__init__(name, ledger)
        self._x, self._decision = x, decision

    def __len__(self) -> int:
        return len(self._x)

    @property
    def x(self) -> Tensor:
        """The inputs as the adversary received them, float32 of shape (n, ...)."""
        self._touch()
        return self._x.clone()

    @property
    def decision(self) -> Tensor:
        """The classes that the model decided on, int64 of shape (n,)."""
        self._touch()
        return self._decision.clone()
