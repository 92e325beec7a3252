"""The engine's workshop: trains models on an executor, and takes finished ones from the store."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, as_completed
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import scipy
import sklearn
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attacks.engine.code import Code
from attacks.engine.store import WAIT_SECONDS, Arrays, Store
from attacks.handles import AttackError
from attacks.models import own_code
from attacks.models.generators import Generator, GeneratorRecipe
from attacks.models.generators import training as generators
from attacks.models.training import Model, Recipe, TrainingSet, fit
from attacks.seeds import digest, digest_arrays

FIT = "attacks.models.training:fit"
FIT_GENERATOR = "attacks.models.generators.training:fit"
ANSWER = "attacks.models.training:Model"


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
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
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
            self._train(recipe, missing, what)
        return names

    def _train(self, recipe: Recipe | GeneratorRecipe, missing: Mapping[str, TrainingSet], what: str) -> None:
        """Train models. Those that another process is at meanwhile are waited for, and trained here if it gives them up."""
        waiting = dict(missing)

        def count(future: Future[bool], name: str) -> None:
            if _result(future):
                self.trained += 1
                self.progress.advance()
                del waiting[name]

        while waiting:
            futures: dict[Future[bool], str] = {}
            for name, data in list(waiting.items()):
                if self.store.is_claimed(name):
                    continue
                arrays = (data.x.numpy(), data.y.numpy(), data.seed)
                own = own_code.allowed()
                future = self.executor.submit(train_into, self.store.folder, name, what, recipe.as_json(), *arrays, own)
                if future.done():
                    count(future, name)
                else:
                    futures[future] = name
            for future in as_completed(futures):
                count(future, futures[future])
            for name in [name for name in waiting if name in self.store]:
                self.reused += 1
                self.progress.advance()
                del waiting[name]
            if waiting:
                time.sleep(WAIT_SECONDS)

    def fingerprint(self, recipe: Recipe | GeneratorRecipe, data: TrainingSet) -> str:
        """Return the name of a model: a hash of all that its weights follow from."""
        if isinstance(recipe, Recipe):
            code = digest([self.code.digest(FIT), *map(self.code.digest, recipe.own_code)])
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
        _, _, weights = self.store.read(fingerprint)
        module = recipe.restored({name: torch.from_numpy(value) for name, value in weights.items()})
        return _KeptModel(recipe, module, fingerprint, self)

    def generator(self, recipe: GeneratorRecipe, fingerprint: str) -> Generator:
        """Return a finished generative model."""
        _, _, weights = self.store.read(fingerprint)
        module = recipe.build()
        module.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
        return Generator(recipe, module, fingerprint)

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

            def train() -> None:
                start = time.perf_counter()
                arrays = make()
                meta = {"seconds": time.perf_counter() - start, "recipe": recipe.get("recipe", {})}
                self.store.write(name, what, what, meta=meta, arrays=arrays)

            if self.store.once(name, train):
                self.trained += 1
            else:
                self.reused += 1
            self.progress.advance()
        return self.store.read(name)[1]

    def answers(self, model: Model, x: Tensor) -> Tensor:
        """Return a model's log-probabilities on x, worked out once and kept in the store, where they stay on disk."""
        code = self.code.digest(ANSWER)
        name = digest([code, model.fingerprint, digest_arrays(x.numpy()), environment()])
        self.store.once(name, lambda: self.store.write(name, "answers", "answers of a model", mapped=model.log_probs(x).numpy()))
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
    folder: Path,
    fingerprint: str,
    what: str,
    recipe: dict[str, Any],
    x: NDArray[Any],
    y: NDArray[Any],
    seed: int,
    own: Sequence[str] = (),
) -> bool:
    """Train one model and write it into the store, unless somebody else does: what a worker process runs.

    `own` are the packages whose functions a recipe may name, since a worker process is told nothing else of whom the user trusts.
    """
    own_code.allow(own)
    store = Store(folder)
    with store.claim(fingerprint) as mine:
        if not mine or fingerprint in store:
            return False
        data = TrainingSet(torch.from_numpy(x), torch.from_numpy(y), seed)
        start = time.perf_counter()
        module = (
            generators.fit(GeneratorRecipe.from_json(recipe), data) if "family" in recipe else fit(Recipe.from_json(recipe), data)
        )
        seconds = time.perf_counter() - start
        weights = {name: value.numpy() for name, value in module.state_dict().items()}
        meta = {"recipe": recipe, "records": len(x), "seconds": seconds}
        store.write(fingerprint, "model", what, meta=meta, weights=weights)
    return True


def _result(future: Future[bool]) -> bool:
    try:
        return future.result()
    except BrokenExecutor as error:
        raise AttackError("a worker was ended from outside, perhaps for lack of memory, of which fewer need less") from error
