"""The engine's workshop: trains models on an executor, and takes finished ones from the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, as_completed
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import sklearn
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attacks.code import Code
from attacks.generators import Generator, GeneratorRecipe
from attacks.generators import training as generators
from attacks.seeds import digest, digest_arrays
from attacks.store import Arrays, Store
from attacks.training import Model, Recipe, TrainingSet, fit

FIT = "attacks.training:fit"
FIT_GENERATOR = "attacks.generators.training:fit"
ANSWER = "attacks.training:Model"


class Progress(Protocol):
    """Where long work shows how far it is."""

    def start(self, what: str, total: int) -> None:
        """Begin a task of `total` parts."""

    def advance(self) -> None:
        """One part is done."""


class Silent:
    """Shows nothing."""

    def start(self, what: str, total: int) -> None:
        """Begin a task of `total` parts."""

    def advance(self) -> None:
        """One part is done."""


class SerialExecutor(Executor):
    """Runs each call at once, in this process."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run the call and return its finished future; an interrupt passes through."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def environment() -> dict[str, str]:
    """Return the versions that finished work depends on."""
    return {
        "torch": torch.__version__,
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
        "device": "cpu",
        "path": "loop",
    }


class StoreWorkshop:
    """Trains what the store does not hold yet; counts both."""

    def __init__(self, store: Store, executor: Executor, code: Code, progress: Progress):
        self.store, self.executor, self.code, self.progress = store, executor, code, progress
        self.trained = 0
        self.reused = 0

    def fit_many(self, recipe: Recipe, sets: Sequence[TrainingSet], what: str) -> list[Model]:
        """Return one model for each training set, in order. An interrupt loses only the models in progress."""
        return [self.model(recipe, name) for name in self._made(recipe, sets, what)]

    def fit_generators(self, recipe: GeneratorRecipe, sets: Sequence[TrainingSet], what: str) -> list[Generator]:
        """Return one generative model for each training set, in order."""
        return [self.generator(recipe, name) for name in self._made(recipe, sets, what)]

    def _made(self, recipe: Recipe | GeneratorRecipe, sets: Sequence[TrainingSet], what: str) -> list[str]:
        """Train what the store does not hold yet; return the name of each model."""
        names = [self.fingerprint(recipe, data) for data in sets]
        missing = {name: data for name, data in zip(names, sets, strict=True) if name not in self.store}
        self.reused += len(names) - len(missing)
        if missing:
            self.progress.start(f"Training {what}", len(missing))
            futures = []
            for name, data in missing.items():
                arrays = (data.x.numpy(), data.y.numpy(), data.seed)
                future = self.executor.submit(train_into, self.store.folder, name, what, recipe.as_json(), *arrays)
                if future.done():
                    self._count(future)
                else:
                    futures.append(future)
            for future in as_completed(futures):
                self._count(future)
        return names

    def _count(self, future: Future[Any]) -> None:
        future.result()
        self.trained += 1
        self.progress.advance()

    def fingerprint(self, recipe: Recipe | GeneratorRecipe, data: TrainingSet) -> str:
        """Return the name of a model: a hash of all that its weights follow from."""
        if isinstance(recipe, Recipe):
            code = self.code.digest(FIT)
        else:
            code = digest([self.code.digest(FIT_GENERATOR), self.code.digest(recipe.path)])
        return digest(
            {
                "code": code,
                "recipe": recipe.as_json(),
                "data": digest_arrays(data.x.numpy(), data.y.numpy()),
                "seed": data.seed,
                "environment": environment(),
            }
        )

    def model(self, recipe: Recipe, fingerprint: str) -> Model:
        """Return a finished model."""
        return _KeptModel(recipe, self._module(recipe, fingerprint), fingerprint, self)

    def generator(self, recipe: GeneratorRecipe, fingerprint: str) -> Generator:
        """Return a finished generative model."""
        return Generator(recipe, self._module(recipe, fingerprint), fingerprint)

    def _module(self, recipe: Recipe | GeneratorRecipe, fingerprint: str) -> nn.Module:
        _, _, weights = self.store.read(fingerprint)
        module = recipe.build()
        module.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
        return module

    def keep(self, run: str, what: str, recipe: Mapping[str, Any], make: Callable[[], Arrays]) -> Arrays:
        """Return named arrays of finished work, made if the store does not hold them yet.

        `run` names the code behind them, and `recipe` is all else that they follow from, as plain data; what stands under its own
        "recipe" says how long another of its kind may take. It counts as one model.
        """
        name = digest({"code": self.code.digest(run), "recipe": recipe, "environment": environment()})
        if name in self.store:
            self.reused += 1
        else:
            self.progress.start(f"Training {what}", 1)
            start = time.perf_counter()
            arrays = make()
            meta = {"seconds": time.perf_counter() - start, "recipe": recipe.get("recipe", {})}
            self.store.write(name, what, what, meta=meta, arrays=arrays)
            self.trained += 1
            self.progress.advance()
        return self.store.read(name)[1]

    def answers(self, model: Model, x: Tensor) -> Tensor:
        """Return a model's log-probabilities on x, worked out once and kept in the store, where they stay on disk."""
        code = self.code.digest(ANSWER)
        name = digest([code, model.fingerprint, digest_arrays(x.numpy()), environment()])
        if name not in self.store:
            self.store.write(name, "answers", "answers of a model", mapped=model.log_probs(x).numpy())
        return torch.from_numpy(np.array(self.store.map(name)))


class _KeptModel(Model):
    """A model whose answers to whole sets of records are kept in the store."""

    def __init__(self, recipe: Recipe, module: nn.Module, fingerprint: str, workshop: StoreWorkshop):
        super().__init__(recipe, module, fingerprint)
        self._workshop = workshop

    def kept_log_probs(self, x: Tensor) -> Tensor:
        """Return `log_probs(x)` from the store."""
        return self._workshop.answers(self, x)


def train_into(
    folder: Path, fingerprint: str, what: str, recipe: dict[str, Any], x: NDArray[Any], y: NDArray[Any], seed: int
) -> None:
    """Train one model and write it into the store: what a worker process runs."""
    data = TrainingSet(torch.from_numpy(x), torch.from_numpy(y), seed)
    start = time.perf_counter()
    module = (
        generators.fit(GeneratorRecipe.from_json(recipe), data) if "family" in recipe else fit(Recipe.from_json(recipe), data)
    )
    seconds = time.perf_counter() - start
    weights = {name: value.numpy() for name, value in module.state_dict().items()}
    meta = {"recipe": recipe, "records": len(x), "seconds": seconds}
    Store(folder).write(fingerprint, "model", what, meta=meta, weights=weights)
