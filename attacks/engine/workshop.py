"""The engine's workshop: trains models on an executor, and takes finished ones from the store."""

from __future__ import annotations

import functools
import importlib.metadata
import sys
import time
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, as_completed
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from attacks.engine.code import Code
from attacks.engine.named_signals import named
from attacks.engine.pieces import train_into, train_named
from attacks.engine.store import WAIT_SECONDS, Arrays, Store
from attacks.handles import AttackError
from attacks.models import accelerated, own_code, paths
from attacks.models.blocks import Block
from attacks.models.devices import CPU
from attacks.models.generators import Generator, GeneratorRecipe
from attacks.models.signals import Signal
from attacks.models.training import Model, NumberedSets, Recipe, TrainingSet
from attacks.seeds import digest, digest_arrays

FIT = "attacks.models.training:fit"
FIT_BLOCK = "attacks.models.training:fit_block"
FIT_GENERATOR = "attacks.models.generators.training:fit"
ANSWER = "attacks.models.training:Model"
# What stands for these on an accelerator.
ACCELERATED = {
    FIT: "attacks.models.accelerated:fit",
    FIT_BLOCK: "attacks.models.accelerated:fit_block",
    ANSWER: "attacks.models.accelerated:Answering",
}
# Stands between the name of a block and the number of one of its models.
MEMBER = "."
# Of how many nodes of the store the networks are held: few, so that memory does not grow with the number of models, but enough
# that a target and a few models beside it can be asked by turns and are read once.
HELD = 8


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


class NamedExecutor(Executor):
    """Carries out calls in places that may be lost with what they are at: then the call is carried out in another place.

    Calls have names. Who asks for what is at work already gets no result of their own, and finds what the other's call leaves.
    """

    @abstractmethod
    def named(self, name: str, fn: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Carry out a call; its result is None if it was at work already, for somebody else."""

    @abstractmethod
    def errand(self, name: str, fn: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Carry out a call as `named` does, which is handed an executor for calls of its own, and then the arguments."""

    def waiting(self) -> AbstractContextManager[None]:
        """Let other calls have the place of one that only waits. Nobody who holds a claim may wait so."""
        return nullcontext()


@functools.cache
def _version(package: str) -> str:
    """Return the version of an installed package without loading it, which takes longer than a run from the store."""
    return importlib.metadata.version(package)


def environment(path: str = paths.BLOCKS, device: str = CPU) -> dict[str, str]:
    """Return the versions that finished work depends on, and the path by which and the device on which its models were trained.

    What rests on many models rests on blocks, where their recipe comes in blocks.
    """
    return {
        "torch": torch.__version__,
        "numpy": np.__version__,
        "scipy": _version("scipy"),
        "scikit-learn": _version("scikit-learn"),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "device": device,
        "path": path,
    }


class StoreWorkshop:
    """Trains what the store does not hold yet; counts both.

    A piece of work is a block of models, or a model that is trained by itself: it is trained by one worker, and is one node of
    the store. `spare` counts the models that nobody wanted, by which blocks were filled up. Networks are trained, and answer, on
    `device`.
    """

    def __init__(self, store: Store, executor: Executor, code: Code, progress: Progress, device: str = CPU):
        self.store, self.executor, self.code, self.progress, self.device = store, executor, code, progress, device
        # What is trained now, and will say so in the store.
        self.made_for: dict[str, Any] = {}
        self.trained = 0
        self.reused = 0
        self.spare = 0
        # Gives back a model that no recipe of ours trained, by its name: an audit's, whose function trained it.
        self.own: Callable[[str, Store], Any] | None = None
        self._elsewhere = executor if isinstance(executor, NamedExecutor) else None
        # The networks of the nodes that were asked last, the last one at the end.
        self._held = OrderedDict[str, list[nn.Module]]()
        self._asked: tuple[Tensor, str] | None = None  # records that many models are asked about now, and their hash

    def fit_many(self, recipe: Recipe, sets: Sequence[TrainingSet], what: str) -> list[Model]:
        """Return one model for each training set, in order. An interrupt loses only the blocks and models in progress."""
        size = recipe.block_size
        if size == 1 or not isinstance(sets, NumberedSets):
            return [_KeptModel(recipe, name, self) for name in self._made(recipe, _singles(sets), what)]
        blocks = sets.blocks(size)
        names = self._made(recipe, blocks, what, wanted=len(sets), in_blocks=True)
        members = [f"{name}{MEMBER}{k}" for name, block in zip(names, blocks, strict=True) for k in range(len(block))]
        return [_KeptModel(recipe, member, self) for member in members[: len(sets)]]

    def fit_generators(self, recipe: GeneratorRecipe, sets: Sequence[TrainingSet], what: str) -> list[Generator]:
        """Return one generative model for each training set, in order."""
        return [self.generator(recipe, name) for name in self._made(recipe, _singles(sets), what)]

    def _made(
        self, recipe: Recipe | GeneratorRecipe, pieces: Sequence[Block], what: str, *, wanted: int = 0, in_blocks: bool = False
    ) -> list[str]:
        """Train what the store does not hold yet; return the name of each piece of work.

        Of blocks so many models are `wanted`, the first ones.
        """
        names = [self.fingerprint(recipe, piece, in_blocks=in_blocks) for piece in pieces]
        missing = {name: piece for name, piece in zip(names, pieces, strict=True) if name not in self.store}
        total = sum(map(len, pieces))
        models = sum(map(len, missing.values()))
        spare = total - (wanted or total) if names and names[-1] in missing else 0
        self.reused += (wanted or total) - (models - spare)
        if missing:
            filled = f" and {spare} more, so that blocks of {len(pieces[0])} are whole" if spare else ""
            self.progress.start(f"Training {what}{filled}", models)
            self._train(recipe, missing, what, in_blocks)
            self.spare += spare
        return names

    def _train(self, recipe: Recipe | GeneratorRecipe, missing: Mapping[str, Block], what: str, in_blocks: bool) -> None:
        """Train models. Those that another process is at meanwhile are waited for, and trained here if it gives them up."""
        waiting = dict(missing)

        def advance(name: str) -> int:
            models = len(waiting.pop(name))
            for _ in range(models):
                self.progress.advance()
            return models

        def count(future: Future[bool], name: str) -> None:
            if _result(future):
                if self._elsewhere:
                    self.store.wait_for(name)
                self.trained += advance(name)

        while waiting:
            futures: dict[Future[bool], str] = {}
            for name, piece in list(waiting.items()):
                if self.store.is_claimed(name):
                    continue
                said, own = {"device": self.device_of(recipe), "for": self.made_for}, own_code.allowed()
                training = (self.store.folder.absolute(), name, what, recipe.as_json(), piece, in_blocks, own, said)
                if self._elsewhere:
                    future = self._elsewhere.named(name, train_named, *training)
                else:
                    future = self.executor.submit(train_into, *training)
                if future.done():
                    count(future, name)
                else:
                    futures[future] = name
            with self._elsewhere.waiting() if self._elsewhere else nullcontext():
                for future in as_completed(futures):
                    count(future, futures[future])
                for name in [name for name in waiting if name in self.store]:
                    self.reused += advance(name)
                if waiting:
                    time.sleep(WAIT_SECONDS)

    def fingerprint(self, recipe: Recipe | GeneratorRecipe, piece: Block, *, in_blocks: bool = False) -> str:
        """Return the name of a block, or of a model that is trained by itself: a hash of all that its weights follow from."""
        device = self.device_of(recipe)
        if isinstance(recipe, Recipe):
            fitted = self._code(FIT_BLOCK if in_blocks else FIT, device)
            code = digest([fitted, *map(self.code.digest, recipe.named_code)])
        else:
            code = digest([self.code.digest(FIT_GENERATOR), self.code.digest(recipe.path)])
        return digest(
            {
                "code": code,
                "recipe": recipe.as_json(),
                "data": piece.content,
                "environment": environment(paths.BLOCKS if in_blocks else paths.LOOP, device),
            }
        )

    def device_of(self, recipe: Recipe | GeneratorRecipe) -> str:
        """Return on which device models of a recipe are trained, and answer."""
        return accelerated.device_of(recipe, self.device)

    def _code(self, run: str, device: str) -> str:
        return self.code.digest(run if device == CPU else ACCELERATED[run])

    def model(self, fingerprint: str) -> Model:
        """Return a finished model; raise StoreError if it is not there. Its weights are read when it is asked for something."""
        meta = self.store.meta(node_of(fingerprint))
        if "recipe" not in meta and self.own is not None:
            found: Model = self.own(fingerprint, self.store)
            return found
        return _KeptModel(Recipe.from_json(meta["recipe"]), fingerprint, self)

    def network(self, recipe: Recipe, fingerprint: str) -> nn.Module:
        """Return the network of a finished model, ready to answer; raise StoreError if it is damaged or not there."""
        node, _, place = fingerprint.partition(MEMBER)
        if node not in self._held:
            weights = self.store.read(node)[2]
            members = _members(weights) if place else [weights]
            # Building draws first weights, and whoever asks in the middle of an attack draws the same numbers as without it.
            with torch.random.fork_rng(devices=[]):
                self._held[node] = [recipe.restored(_tensors(member)).eval() for member in members]
            while len(self._held) > HELD:
                self._held.popitem(last=False)
        self._held.move_to_end(node)
        return self._held[node][int(place or 0)]

    def generator(self, recipe: GeneratorRecipe, fingerprint: str) -> Generator:
        """Return a finished generative model."""
        _, _, weights = self.store.read(fingerprint)
        module = recipe.build()
        module.load_state_dict(_tensors(weights))
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
                start = time.process_time()
                arrays = make()
                seconds = time.process_time() - start
                meta = {"seconds": seconds, "recipe": recipe.get("recipe", {}), "device": CPU, "for": self.made_for}
                self.store.write(name, what, what, meta=meta, arrays=arrays)

            if self.store.once(name, train):
                self.trained += 1
            else:
                self.reused += 1
            self.progress.advance()
        return self.store.read(name)[1]

    def answers(self, model: Model, x: Tensor) -> Tensor:
        """Return a model's log-probabilities on x, worked out once and kept in the store, where they stay on disk."""
        content = self._asked[1] if self._asked is not None and self._asked[0] is x else digest_arrays(x.numpy())
        return self._mapped(self._answers_name(model, content), "answers", "answers of a model", lambda: model.log_probs(x))

    def signal(self, of: Signal, models: Sequence[Any], x: Tensor, label: Tensor, make: Callable[[], Tensor]) -> Tensor:
        """Return a signal of every model on records x (n, ...) with label (n,), float64 (models, n), which `make` works out.

        It is kept as one array, if it is one of `attacks.models.signals` and the answers of all models are kept here.
        """
        own = [found for model in models if (found := _kept(model, self)) is not None]
        if (name := named(of)) is None or not own or len(own) < len(models):
            return make()
        run, settings = name
        content = digest_arrays(x.numpy())
        answers = [self._answers_name(model, content) for model in own]
        node = digest([self.code.digest(run), settings, answers, digest_arrays(label.numpy()), environment()])

        def made() -> Tensor:
            before, self._asked = self._asked, (x, content)
            try:
                return make()
            finally:
                self._asked = before

        return self._mapped(node, "signal", run.partition(":")[2], made)

    def _answers_name(self, model: Model, content: str) -> str:
        """Return the node of a model's answers to records of this content."""
        device = self.device_of(model.recipe)
        return digest([self._code(ANSWER, device), model.fingerprint, content, environment(device=device)])

    def _mapped(self, name: str, kind: str, what: str, make: Callable[[], Tensor]) -> Tensor:
        """Return the array of a node, worked out if the store does not hold it yet."""
        self.store.once(name, lambda: self.store.write(name, kind, what, mapped=make().numpy()))
        return torch.from_numpy(np.array(self.store.map(name)))


class _KeptModel(Model):
    """A model that lies in the store, and its answers to whole sets of records too: by itself it holds nothing.

    It answers on the device of its workshop.
    """

    def __init__(self, recipe: Recipe, fingerprint: str, workshop: StoreWorkshop):
        self.recipe = recipe
        self.fingerprint = fingerprint
        self._workshop = workshop
        self._device = workshop.device_of(recipe)

    @property
    def _module(self) -> nn.Module:  # type: ignore[override]
        return self._workshop.network(self.recipe, self.fingerprint)

    def _answering(self) -> Model:
        there = self._module if self._device == CPU else accelerated.Answering(self._module, self._device)
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


def _kept(model: Any, workshop: StoreWorkshop) -> _KeptModel | None:
    """Return the model if its answers are kept by this workshop; of one that hides its inside, the model that it hides."""
    answering = getattr(getattr(model, "kept_log_probs", None), "__self__", None)
    return answering if isinstance(answering, _KeptModel) and answering._workshop is workshop else None


def _tensors(weights: Arrays) -> dict[str, Tensor]:
    return {name: torch.from_numpy(value) for name, value in weights.items()}


def _members(weights: Arrays) -> list[Arrays]:
    """Return the weights of each model of a block, which lie stacked in its node."""
    return [dict(zip(weights, each, strict=True)) for each in zip(*weights.values(), strict=True)]


def node_of(fingerprint: str) -> str:
    """Return the node of the store in which a model lies: its block, or a node of its own."""
    return fingerprint.partition(MEMBER)[0]


def _singles(sets: Sequence[TrainingSet]) -> list[Block]:
    """Return training sets as pieces of work of one model each."""
    if isinstance(sets, NumberedSets):
        return sets.blocks(1)
    return [Block(data.x, data.y, (torch.arange(len(data.x)),), (data.seed,)) for data in sets]


def _result(future: Future[bool]) -> bool:
    try:
        return future.result()
    except BrokenExecutor as error:
        raise AttackError("a worker was ended from outside, perhaps for lack of memory, of which fewer need less") from error
