"""What an adversary may touch: one small type a handle. Every handle gives copies, and notes that it was used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks import training
from attacks.seeds import record_ids
from attacks.training import Model, Recipe, TrainingSet

CANDIDATES = "records"


class AttackError(Exception):
    """The attack cannot go on; the message says why."""


class NotGrantedError(AttackError):
    """Code reached for something that its entry does not need."""


class QueryLimitError(AttackError):
    """The adversary has no queries left."""


class Ledger:
    """What one attack or step used: which handles it touched and how many records it queried."""

    def __init__(self, limit: int | None = None, spent: int = 0):
        self.limit = limit
        self.queries = spent
        self.touched: set[str] = set()

    def charge(self, queries: int) -> None:
        """Count queries; raise QueryLimitError before the limit is passed."""
        if self.limit is not None and self.queries + queries > self.limit:
            raise QueryLimitError(
                f"the query limit is {self.limit:,}: {self.queries:,} were spent and {queries:,} more were asked for"
            )
        self.queries += queries


class Handle:
    """What all handles have in common: a name, and the ledger of the code that holds it."""

    def __init__(self, name: str, ledger: Ledger):
        self._name = name
        self.ledger = ledger

    def _touch(self) -> None:
        self.ledger.touched.add(self._name)


class HeldRecords(Handle):
    """Records that the adversary holds: features and identities."""

    def __init__(self, name: str, x: Tensor, label: Tensor | None, ids: NDArray[np.uint64], ledger: Ledger):
        super().__init__(name, ledger)
        self._x, self._label, self._ids = x, label, ids

    def __len__(self) -> int:
        return len(self._x)

    @property
    def x(self) -> Tensor:
        """Features, float32 of shape (n, ...)."""
        self._touch()
        return self._x.clone()

    @property
    def ids(self) -> NDArray[np.uint64]:
        """Identity of every record, uint64 of shape (n,)."""
        self._touch()
        return self._ids.copy()

    @property
    def label(self) -> Tensor:
        """True labels, int64 of shape (n,), or (n, height, width) of pixels, or float64 (n,) of a regression.

        Raises NotGrantedError where they are not known.
        """
        if self._label is None:
            raise NotGrantedError(f"{self._name}.label was read, but the entry does not need record.label")
        self.ledger.touched.add("record.label" if self._name == CANDIDATES else self._name)
        return self._label.clone()


class Records(HeldRecords):
    """Candidate records; their labels can be read if `record.label` is granted."""

    def __init__(self, x: Tensor, label: Tensor | None, ids: NDArray[np.uint64], ledger: Ledger):
        super().__init__(CANDIDATES, x, label, ids, ledger)


class Population(HeldRecords):
    """Labelled records that the adversary holds beside the candidates; none of them is a candidate or a member."""


class KnownMembers(HeldRecords):
    """Labelled records that the adversary knows to be members, and as many that it knows to be none; none is a candidate."""

    def __init__(
        self,
        name: str,
        x: Tensor,
        label: Tensor | None,
        ids: NDArray[np.uint64],
        ledger: Ledger,
        non_members: ShadowData | None = None,
    ):
        super().__init__(name, x, label, ids, ledger)
        self._non_members = non_members

    @property
    def non_members(self) -> ShadowData:
        """Labelled records that are known not to be members; raises NotGrantedError where there are none."""
        if self._non_members is None:
            raise NotGrantedError(f"{self._name} holds no known non-members")
        self._touch()
        return ShadowData(self._non_members.x.clone(), self._non_members.label.clone(), self._non_members.ids.copy())


class Superset(HeldRecords):
    """Labelled records among which all members are, without a mark."""


class Number(Handle):
    """One number that the adversary knows, such as the mean training loss or the size of the training set."""

    def __init__(self, name: str, value: float, ledger: Ledger):
        super().__init__(name, ledger)
        self._value = value

    @property
    def value(self) -> float:
        """The number."""
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
        """Copies of the weights by name."""
        self._touch()
        return {name: value.clone() for name, value in self._weights.items()}


class ScoreOracle(Handle):
    """Answers with the score of every class. Each record that is asked about is one query."""

    def __init__(self, name: str, answer: Callable[[Tensor], Tensor], ledger: Ledger, *, counted: bool = True):
        super().__init__(name, ledger)
        self._answer = answer
        self._counted = counted

    def __call__(self, x: Tensor) -> Tensor:
        """Return log-probabilities, float64 of shape (n, classes), for x of shape (n, ...)."""
        self._touch()
        if self._counted:
            self.ledger.charge(len(x))
        return self._answer(x.detach().clone())


class MaskOracle(ScoreOracle):
    """Answers with the score of every class at every pixel. Each picture that is asked about is one query."""

    def __call__(self, x: Tensor) -> Tensor:
        """Return log-probabilities, float64 of shape (n, height, width, classes), for x of shape (n, height, width)."""
        return super().__call__(x)


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


class TopScoreOracle(Handle):
    """Answers with the highest scores and their classes."""

    def __init__(self, name: str, scores: ScoreOracle, k: int = 3):
        super().__init__(name, scores.ledger)
        self._scores = scores
        self._k = k

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return log-probabilities float64 and classes int64, both (n, k), highest first."""
        self._touch()
        log_probs = self._scores(x)
        top = log_probs.topk(min(self._k, log_probs.shape[-1]), dim=-1)
        return top.values, top.indices


class LabelOracle(Handle):
    """Answers with the predicted class and nothing else."""

    def __init__(self, name: str, answer: Callable[[Tensor], Tensor], ledger: Ledger):
        super().__init__(name, ledger)
        self._answer = answer

    def __call__(self, x: Tensor) -> Tensor:
        """Return predicted classes, int64 of shape (n,)."""
        self._touch()
        return self._answer(x)


class ValueOracle(Handle):
    """Answers with the number that a regression predicts. Each record that is asked about is one query."""

    def __init__(self, name: str, answer: Callable[[Tensor], Tensor], ledger: Ledger):
        super().__init__(name, ledger)
        self._answer = answer

    def __call__(self, x: Tensor) -> Tensor:
        """Return predicted values, float64 of shape (n,), for x of shape (n, ...)."""
        self._touch()
        self.ledger.charge(len(x))
        return self._answer(x.detach().clone())


class ErrorSpread(Handle):
    """Standard deviations of a regression's errors: on its training records and, if it is known, on others."""

    def __init__(self, name: str, training: float, others: float | None, ledger: Ledger):
        super().__init__(name, ledger)
        self._training, self._others = training, others

    @property
    def training(self) -> float:
        """Standard deviation of the errors on the training records."""
        self._touch()
        return self._training

    @property
    def others(self) -> float | None:
        """Standard deviation of the errors on other records; None if it is not known."""
        self._touch()
        return self._others


class Trainer(Handle):
    """Trains models by the target's own recipe, and hands over the models with their weights."""

    def __init__(self, name: str, recipe: Recipe, training_size: int, ledger: Ledger):
        super().__init__(name, ledger)
        self._recipe = recipe
        self._training_size = training_size

    @property
    def recipe(self) -> Recipe:
        """Architecture and training procedure."""
        self._touch()
        return self._recipe

    @property
    def training_size(self) -> int:
        """Number of records in the target's training set."""
        self._touch()
        return self._training_size

    def fit_many(self, sets: Sequence[TrainingSet]) -> list[Model]:
        """Return one trained model for each training set; raise AttackError if it does not fit the recipe."""
        self._touch()
        _check_fit(self._recipe, sets)
        return training.fit_many(self._recipe, sets, "shadow models")


class Platform(Handle):
    """Trains models by the target's hidden recipe; they answer queries, but their weights stay on the platform."""

    def __init__(self, name: str, recipe: Recipe, training_size: int, ledger: Ledger):
        super().__init__(name, ledger)
        self.__recipe = recipe
        self._training_size = training_size

    @property
    def training_size(self) -> int:
        """Number of records that the platform was given for the target."""
        self._touch()
        return self._training_size

    def fit_many(self, sets: Sequence[TrainingSet]) -> list[HostedModel]:
        """Return one trained model for each training set; raise AttackError if it does not fit the recipe."""
        self._touch()
        _check_fit(self.__recipe, sets)
        return [HostedModel(model) for model in training.fit_many(self.__recipe, sets, "shadow models")]


def _check_fit(recipe: Recipe, sets: Sequence[TrainingSet]) -> None:
    for data in sets:
        if tuple(data.x.shape[1:]) != recipe.shape or (len(data.y) and int(data.y.max()) >= recipe.classes):
            raise AttackError(
                f"the target's recipe is for records of shape {recipe.shape} and {recipe.classes} classes; these data are "
                f"of shape {tuple(data.x.shape[1:])}, with labels up to {int(data.y.max()) if len(data.y) else 0}"
            )


class HostedModel:
    """A model that answers queries and shows nothing of its inside."""

    def __init__(self, model: Model):
        self.__answer = model.log_probs
        self.kept_log_probs = model.kept_log_probs
        self.fingerprint = model.fingerprint

    def log_probs(self, x: Tensor) -> Tensor:
        """Return log-probabilities, float64 of shape (n, classes), for x of shape (n, ...)."""
        return self.__answer(x)


@dataclass(frozen=True)
class ShadowData:
    """Labelled records for shadow models: x float32 (n, ...), label int64 (n,) or (n, height, width), ids uint64 (n,)."""

    x: Tensor
    label: Tensor
    ids: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.x)


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

        They are worked out once and lie in the store, so that memory does not grow with the number of models.
        """
        x = self._records.x if changed is None else changed(self._records.x.clone())
        return self._models[model].kept_log_probs(x).clone()

    def signal(self, of: Callable[[Tensor, Tensor], Tensor], changed: Change | None = None) -> Tensor:
        """Return a signal of every model on every record, or on every record `changed`, float64 of shape (models, records)."""
        return torch.stack([of(self.log_probs(k, changed), self._records.label) for k in range(len(self))])

    def first(self, count: int) -> ShadowModels:
        """Return a view of the first `count` models."""
        return ShadowModels(self._models[:count], self._records, self._trained_on[:count])


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


class PopulationStatistics:
    """Labelled records that are known not to be members, with the scores that the target gives them."""

    def __init__(self, records: ShadowData, log_probs: Tensor):
        if log_probs.dtype != torch.float64 or log_probs.ndim != 2 or len(log_probs) != len(records):
            raise ValueError(f"log_probs is {log_probs.dtype} {tuple(log_probs.shape)}, not float64 ({len(records)}, classes)")
        self._records = records
        self._log_probs = log_probs

    def __len__(self) -> int:
        return len(self._records)

    @property
    def records(self) -> ShadowData:
        """Copies of the records."""
        return ShadowData(self._records.x.clone(), self._records.label.clone(), self._records.ids.copy())

    @property
    def log_probs(self) -> Tensor:
        """The target's log-probabilities, float64 of shape (n, classes)."""
        return self._log_probs.clone()

    def signal(self, of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Return a signal of the target on every record, float64 of shape (n,)."""
        return of(self.log_probs, self._records.label)


class ShadowAggregates:
    """Statistics of made-up groups of one size, for every candidate record with and without it.

    `others` float64 (groups, ...) are sums over other records; `waiting` bool (groups,) says which groups lack one record,
    whose place the candidate takes. `x` float32 (n, ...) are the candidates.
    """

    def __init__(self, others: Tensor, waiting: Tensor, x: Tensor, size: int):
        if others.dtype != torch.float64 or waiting.shape != (len(others),) or others.shape[1:] != x.shape[1:]:
            raise ValueError(f"groups {tuple(others.shape)}, waiting {tuple(waiting.shape)} and records {tuple(x.shape)} differ")
        self._others, self._waiting, self._x, self.size = others, waiting, x, size

    def __len__(self) -> int:
        return len(self._others)

    @property
    def inside(self) -> Tensor:
        """Which groups have the candidate, whoever it is, bool of shape (groups,)."""
        return self._waiting.clone()

    def of(self, record: int) -> Tensor:
        """Return what would be published of each group for one candidate, float64 of shape (groups, ...)."""
        places = self._waiting.double().reshape(-1, *[1] * (self._others.ndim - 1))
        return (self._others + places * self._x[record].double()) / self.size

    def packed(self) -> dict[str, Tensor]:
        """Return what the groups are made of, for the store."""
        return {"others": self._others, "waiting": self._waiting, "x": self._x, "size": torch.tensor(self.size)}

    def first(self, count: int) -> ShadowAggregates:
        """Return a view of the first `count` groups."""
        return ShadowAggregates(self._others[:count], self._waiting[:count], self._x, self.size)


class Surrogate:
    """A model of the adversary's own that was trained to answer as the target does; its members are not the target's."""

    def __init__(self, model: Model):
        self._model = model
        self.fingerprint = model.fingerprint

    def log_probs(self, x: Tensor) -> Tensor:
        """Return log-probabilities, float64 of shape (n, classes), for x of shape (n, ...)."""
        return self._model.log_probs(x)


@dataclass(frozen=True)
class AttackData:
    """Answers of some model on labelled records, each marked as trained on by that model or not: what attack models learn from.

    log_probs float64 (n, classes), label int64 (n,), member bool (n,).
    """

    log_probs: Tensor
    label: Tensor
    member: Tensor

    def __post_init__(self) -> None:
        if self.log_probs.dtype != torch.float64 or self.log_probs.ndim != 2 or self.member.dtype != torch.bool:
            raise ValueError(
                f"attack data are float64 (n, classes) and bool (n,), not {self.log_probs.dtype}, {self.member.dtype}"
            )
        if not len(self.log_probs) == len(self.label) == len(self.member):
            raise ValueError(f"{len(self.log_probs)} answers, {len(self.label)} labels, {len(self.member)} marks")

    def __len__(self) -> int:
        return len(self.log_probs)


@dataclass(frozen=True)
class Scored:
    """Scores with the paper's own decision point: member if score >= cut."""

    score: Tensor
    cut: float


@dataclass(frozen=True)
class Guessed:
    """Scores with an auditor's guesses, int8 (n,): 1 for "in", -1 for "out", 0 where it makes none."""

    score: Tensor
    guess: Tensor
