"""The user's training function: models of one's own, trained once each, whose answers to all records lie in the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.audit import classes
from attacks.audit.answers import floats, log_probs
from attacks.audit.functions import Function, aside, blamed
from attacks.audit.kinds import networks
from attacks.audit.rows import Rows, digest_features, take
from attacks.defenses import answers as masks
from attacks.engine.places import SerialExecutor
from attacks.engine.store import Store
from attacks.engine.versions import environment
from attacks.engine.workshop import StoreWorkshop
from attacks.errors import AttackError
from attacks.handles import HostedModel, Ledger, Platform, ShadowData, ShadowModels, Trainer, UnsuitableError
from attacks.models import training
from attacks.models.resolution import bounded
from attacks.models.training import Recipe, TrainingSet
from attacks.seeds import derive_seed, digest, digest_arrays, record_ids
from taxonomy.findings import InputError, nearest, quoted

KIND = "answers of an own model"
# What an answer of a model without logits is worth where it says 0 (attacks/models/resolution.py).
LEAST = 2.0**-24


@dataclass(frozen=True)
class Method:
    """How models are trained: a function `(x, y, seed) -> model` and what its models' answers are.

    `function` is one that any process can load; `local` one that only this process has. `identity` is a hash of its code.
    """

    classes: tuple[str, ...]
    scale: str
    identity: str
    function: Function | None = None
    local: Callable[..., Any] | None = None

    def trained(self, features: Any, label: NDArray[np.int64], seed: int) -> Callable[[Any], NDArray[np.float64]]:
        """Train a model on features with labels (n,), places among the classes; return what answers rows with log-probabilities.

        Raises InputError with the user's line for a function that raises, or that returns nothing that answers.
        """
        call = self.local or (self.function.load() if self.function else None)
        assert call is not None, "a method has a function"
        home = self.function.folder if self.function else Path("/")
        named = np.array(self.classes, dtype=str)[label]
        try:
            # As our own training has it: on one thread, so that the bits do not hang on how many workers there are.
            with aside(), training.one_thread(), torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed % 2**32)
                model = call(features, classes.typed(named), seed % 2**32)
        except (Exception, SystemExit) as error:
            raise InputError(f"the training function failed on {len(label):,} records: {blamed(error, home)}") from error
        answer, known, scale = answering(model, self.scale)

        def log_probabilities(rows: Any) -> NDArray[np.float64]:
            count = len(rows)
            try:
                with aside():
                    found = answer(rows)
            except InputError:
                raise
            except (Exception, SystemExit) as error:
                raise InputError(f"a model of the training function does not answer: {blamed(error, home)}") from error
            exact = log_probs(floats(found, count, None, "a model of the training function"), scale, "a trained model")
            return self._in_order(exact, known)

        return log_probabilities

    def _in_order(self, found: NDArray[np.float64], known: Sequence[str] | None) -> NDArray[np.float64]:
        """Return answers in the order of the target's classes; a class that a model never saw has a probability of 0."""
        if known is None or list(known) == list(self.classes):
            if found.shape[1] != len(self.classes):
                raise InputError(
                    f"a trained model answers with {found.shape[1]} columns, and there are {len(self.classes)} classes"
                )
            return found
        if odd := [name for name in known if name not in self.classes]:
            raise InputError(
                f"a trained model has an output of the class {quoted(odd[0])}, which the model under audit has not "
                f"({nearest(odd[0], self.classes)})"
            )
        places = {name: k for k, name in enumerate(known)}
        ordered = np.full((len(found), len(self.classes)), -np.inf)
        for k, name in enumerate(self.classes):
            if name in places:
                ordered[:, k] = found[:, places[name]]
        return ordered


def answering(model: Any, scale: str) -> tuple[Callable[[Any], Any], list[str] | None, str]:
    """Return how a trained model answers rows, the names of its outputs where it knows them, and the scale of its answers."""
    if isinstance(model, torch.nn.Module):
        network = model.cpu().eval()
        return lambda rows: networks.outputs(network, rows), None, "logits"
    if hasattr(model, "predict_proba"):
        known = getattr(model, "classes_", None)
        return (
            model.predict_proba,
            None if known is None else classes.names(np.asarray(known), "the model").tolist(),
            "probabilities",
        )
    if callable(model):
        return model, None, scale
    raise InputError(
        f"the training function returned a {type(model).__name__}; return a torch module, an object with predict_proba, or "
        "a function from rows to scores"
    )


@dataclass(frozen=True)
class Task:
    """One training: which of the known records, with which labels, by which method and seed. Any process can carry it out."""

    method: Method
    known: Any
    rows: NDArray[np.int64]
    label: NDArray[np.int64]
    seed: int

    def run(self) -> NDArray[np.float64]:
        """Train, and return the model's log-probabilities on all known records, float64 (known, classes)."""
        answer = self.method.trained(take(self.known, self.rows), self.label, self.seed)
        return answer(take(self.known, np.arange(len(self.known))))


class TrainedModel:
    """A model that the user's function trained: answers to known records come from the store, others from training it again."""

    def __init__(self, fingerprint: str, answers: NDArray[np.float64], place: OwnTraining, task: Task):
        self.fingerprint = fingerprint
        self._answers, self._place, self._task = answers, place, task
        self._live: Callable[[Any], NDArray[np.float64]] | None = None

    def saw(self, count: int) -> NDArray[np.bool_]:
        """Return which of the first `count` known records it was trained on, bool (count,)."""
        return np.isin(np.arange(count), self._task.rows)

    def log_probs(self, x: Tensor) -> Tensor:
        """Return log-probabilities, float64 (n, classes), for x float32 (n, ...)."""
        rows = self._place.rows
        places = rows.places(x)
        if (places >= 0).all():
            found = self._answers[places]
        else:
            if self._live is None:
                task = self._task
                self._live = task.method.trained(take(task.known, task.rows), task.label, task.seed)
            found = self._live(rows.decoded(x))
        exact = torch.from_numpy(np.ascontiguousarray(found))
        ends = bool(torch.isneginf(exact).any())
        return bounded(exact, self._place.resolution or LEAST) if ends or self._place.resolution else exact

    kept_log_probs = log_probs


class OwnTraining:
    """Trains models by the user's function on records of the audit, and keeps what they answer."""

    def __init__(self, method: Method, rows: Rows, resolution: float):
        self.method, self.rows, self.resolution = method, rows, resolution
        self._content = digest([digest_arrays(rows.x.numpy()), digest_features(rows.known)])
        # Every model that was asked for, by name.
        self.models: dict[str, TrainedModel] = {}

    def fit_many(self, sets: Sequence[TrainingSet], what: str) -> list[HostedModel]:
        """Return a model for each training set of known records, in order; finished ones are taken from the store."""
        workshop = training.workshop.get()
        if not isinstance(workshop, StoreWorkshop):
            raise AttackError("models of one's own are trained within a run")
        tasks = [self._task(data) for data in sets]
        names = [self._name(task) for task in tasks]
        missing = {name: task for name, task in zip(names, tasks, strict=True) if name not in workshop.store}
        workshop.reused += len(names) - len(missing)
        if missing:
            workshop.progress.start(f"Training {what} by your function", len(missing))
            folder = workshop.store.folder
            # A function that only this process has cannot be sent to a worker.
            executor = SerialExecutor() if self.method.local else workshop.executor
            for future in as_completed([executor.submit(train_into, folder, name, task) for name, task in missing.items()]):
                workshop.trained += future.result()
                workshop.progress.advance()
        return [HostedModel(self.restored(name, workshop.store)) for name in names]  # type: ignore[arg-type]

    def restored(self, name: str, store: Store) -> TrainedModel:
        """Return a finished model by its name, whoever trained it."""
        meta, arrays, _ = store.read(name)
        task = Task(self.method, self.rows.known, arrays["rows"], arrays["label"], int(meta["seed"]))
        if name not in self.models:
            self.models[name] = TrainedModel(name, store.map(name), self, task)
        return self.models[name]

    def _task(self, data: TrainingSet) -> Task:
        places = self.rows.places(data.x)
        if (places < 0).any():
            raise UnsuitableError("the training function trains on records of the audit, and not on made-up ones")
        if data.y.is_floating_point():
            raise UnsuitableError("the training function takes classes as labels, and not probabilities")
        return Task(self.method, self.rows.known, places, data.y.numpy(), data.seed)

    def _name(self, task: Task) -> str:
        data = [self._content, digest_arrays(task.rows, task.label), task.seed]
        return digest([KIND, task.method.identity, list(task.method.classes), *data, environment()])


def train_into(folder: Path, name: str, task: Task) -> bool:
    """Carry out one training and write what the model answers into the store: what a worker process runs."""
    store = Store(folder)

    def make() -> None:
        start = time.perf_counter()
        answers = task.run()
        meta = {"seconds": time.perf_counter() - start, "records": len(task.rows), "seed": task.seed}
        arrays = {"rows": task.rows, "label": task.label}
        store.write(name, KIND, "a model of one's own", meta=meta, arrays=arrays, mapped=answers)

    return store.once(name, make)


class FunctionTrainer(Trainer):
    """The handle of M2 where the recipe is a function of the user's own: it trains, and shows nothing of the structure."""

    def __init__(self, own: OwnTraining, training_size: int, ledger: Ledger, mask: masks.Mask | None = None):
        super().__init__("trainer", None, training_size, ledger)  # type: ignore[arg-type]
        self._own, self._mask = own, mask

    @property
    def recipe(self) -> Recipe:
        """Raise UnsuitableError: nothing is known of what the function builds."""
        raise UnsuitableError("the recipe is a training function, of whose architecture nothing is known")

    def behind(self, mask: masks.Mask) -> FunctionTrainer:
        """Return the handle of the same function, whose models answer through a mask."""
        return FunctionTrainer(self._own, self._training_size, self.ledger, mask)

    def _fitted(self, recipe: Any, sets: Sequence[TrainingSet]) -> Any:
        models = self._own.fit_many(sets, "shadow models")
        if self._mask is None:
            return models
        return [_masked(model, data, self._mask) for model, data in zip(models, sets, strict=True)]


def _masked(model: HostedModel, data: TrainingSet, mask: masks.Mask) -> Any:
    """Return a model that answers through a mask, whose chance is of the training's seed."""
    records = ShadowData(data.x, data.y, record_ids(data.x.numpy()))
    one = ShadowModels([model], records, torch.ones(1, len(records), dtype=torch.bool))
    return masks.answering(one, replace(mask, seed=derive_seed(mask.seed, "model", data.seed))).models[0]


class FunctionPlatform(Platform):
    """The handle of M3 where the platform is a function of the user's own."""

    def __init__(self, own: OwnTraining, ledger: Ledger):
        super().__init__("platform", None, ledger)  # type: ignore[arg-type]
        self._own = own

    def _hosted(self, recipe: Any, sets: Sequence[TrainingSet]) -> list[HostedModel]:
        return self._own.fit_many(sets, "shadow models")
