"""The engine's workshop: trains models on an executor, and takes finished ones from the store."""

from __future__ import annotations

import copy
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, as_completed
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from attacks.defenses.owner import FACTS, Trained
from attacks.engine.code import Code
from attacks.engine.foreseen import TARGET
from attacks.engine.kept_models import KeptModel, kept_by
from attacks.engine.named_signals import named
from attacks.engine.pieces import fitted, load_for, train_into, train_named
from attacks.engine.places import NamedExecutor, Progress
from attacks.engine.store import WAIT_SECONDS, Arrays, Store
from attacks.engine.versions import beside, environment
from attacks.handles import AttackError
from attacks.models import accelerated, own_code, paths
from attacks.models.blocks import Block
from attacks.models.devices import CPU
from attacks.models.generators import Generator, GeneratorRecipe
from attacks.models.signals import Signal
from attacks.models.training import Model, NumberedSets, Recipe, TrainingSet
from attacks.seeds import digest, digest_arrays
from taxonomy.defended import TRAINED

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
# What trainings of models of an adversary's own are called that stand for the target: these it defends as the target's owner
# does, if it knows how. Surrogates learn from what the target answers, and attack models are none of the target's kind.
STAND_INS = ("shadow models", "reference generators", "reference language models")
# Of how many nodes of the store the networks are held: few, so that memory does not grow with the number of models, but enough
# that a target and a few models beside it can be asked by turns and are read once.
HELD = 8


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
        # By which defense models are trained now, and what trainings of these are called.
        self.defense: Trained | None = None
        self.defended: tuple[str, ...] = ()
        # The last model that was trained as a target, or is to be had as one, with its training set.
        self.last: tuple[Model | Generator, TrainingSet] | None = None
        # Gives back a model that no recipe of ours trained, by its name: an audit's, whose function trained it.
        self.own: Callable[[str, Store], Any] | None = None
        self._elsewhere = executor if isinstance(executor, NamedExecutor) else None
        # The networks of the nodes that were asked last, the last one at the end.
        self._held = OrderedDict[str, list[nn.Module]]()
        self._asked: tuple[Tensor, str] | None = None  # records that many models are asked about now, and their hash

    def fit_many(self, recipe: Recipe, sets: Sequence[TrainingSet], what: str) -> list[Model]:
        """Return one model for each training set, in order. An interrupt loses only the blocks and models in progress."""
        if self.defense is not None and what in self.defended:
            found = [self.model(name) for name in self._defended(self.defense, recipe, sets, what)]
        else:
            found = self._plain(recipe, sets, what)
        if what == TARGET:
            self.last = found[-1], sets[-1]
        return found

    def _plain(self, recipe: Recipe, sets: Sequence[TrainingSet], what: str) -> list[Model]:
        size = recipe.block_size
        if size == 1 or not isinstance(sets, NumberedSets):
            return [self._kept(recipe, name) for name in self._made(recipe, _singles(sets), what)]
        blocks = sets.blocks(size)
        names = self._made(recipe, blocks, what, wanted=len(sets), in_blocks=True)
        members = [f"{name}{MEMBER}{k}" for name, block in zip(names, blocks, strict=True) for k in range(len(block))]
        return [self._kept(recipe, member) for member in members[: len(sets)]]

    def fit_generators(self, recipe: GeneratorRecipe, sets: Sequence[TrainingSet], what: str) -> list[Generator]:
        """Return one generative model for each training set, in order."""
        if self.defense is not None and what in self.defended:
            names = self._defended(self.defense, recipe, sets, what)
        else:
            names = self._made(recipe, _singles(sets), what)
        found = [self.generator(recipe, name) for name in names]
        if what == TARGET:
            self.last = found[-1], sets[-1]
        return found

    def _defended(self, defense: Trained, recipe: Recipe | GeneratorRecipe, sets: Sequence[TrainingSet], what: str) -> list[str]:
        """Return the names of defended models, one for each training set. Those whose training is changed come one by one."""
        if defense.kind == "training":
            return self._made(recipe, _singles(sets), what, defense=defense)
        if isinstance(recipe, Recipe):
            trained = [model.fingerprint for model in self._plain(recipe, sets, what)]
        else:
            trained = self._made(recipe, _singles(sets), what)
        return [self._changed(defense, recipe, name, data) for name, data in zip(trained, sets, strict=True)]

    def _changed(self, defense: Trained, recipe: Recipe | GeneratorRecipe, trained: str, data: TrainingSet) -> str:
        """Return the name of a model that a defense made of a trained one."""
        name = digest({"trained": trained, **self._told(defense, data)})

        def change() -> None:
            network = self.network(recipe, trained) if isinstance(recipe, Recipe) else self.generator(recipe, trained).module
            load_for(recipe.as_json())
            start = time.process_time()
            changed = fitted(defense, recipe, data, copy.deepcopy(network))
            seconds = time.process_time() - start + self.store.meta(node_of(trained))["seconds"]
            meta = {"recipe": recipe.as_json(), "records": len(data.x), "models": 1, "seconds": seconds, "device": CPU}
            meta |= {"for": self.made_for, "defense": defense.as_json(), FACTS: vars(changed)[FACTS]}
            weights = {key: value.detach().numpy() for key, value in changed.state_dict().items()}
            self.store.write(name, "model", "defended model", meta=meta, weights=weights)

        self.store.once(name, change)
        return name

    def _told(self, defense: Trained, data: TrainingSet) -> dict[str, Any]:
        """Return all that a defense brings into a model, as plain data: code, what that is built on, parameters, and records."""
        code: list[Any] = [self.code.digest(run) for run in (*TRAINED, defense.run, defense.built) if run]
        code.append(beside(defense.run))
        handed = defense.takes_records and defense.reference(data)
        records = digest_arrays(handed.x.numpy(), handed.y.numpy()) if handed else ""
        return {"defense": defense.as_json(), "defended by": code, "reference": records, "seed": data.seed}

    def _made(
        self,
        recipe: Recipe | GeneratorRecipe,
        pieces: Sequence[Block],
        what: str,
        *,
        wanted: int = 0,
        in_blocks: bool = False,
        defense: Trained | None = None,
    ) -> list[str]:
        """Train what the store does not hold yet, by a defense if there is one; return the name of each piece of work.

        Of blocks so many models are `wanted`, the first ones.
        """
        names = [self.fingerprint(recipe, piece, in_blocks=in_blocks, defense=defense) for piece in pieces]
        missing = {name: piece for name, piece in zip(names, pieces, strict=True) if name not in self.store}
        total = sum(map(len, pieces))
        models = sum(map(len, missing.values()))
        spare = total - (wanted or total) if names and names[-1] in missing else 0
        self.reused += (wanted or total) - (models - spare)
        if missing:
            filled = f" and {spare} more, so that blocks of {len(pieces[0])} are whole" if spare else ""
            self.progress.start(f"Training {what}{filled}", models)
            self._train(recipe, missing, what, in_blocks, defense)
            self.spare += spare
        return names

    def _train(
        self,
        recipe: Recipe | GeneratorRecipe,
        missing: Mapping[str, Block],
        what: str,
        in_blocks: bool,
        defense: Trained | None = None,
    ) -> None:
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
                device = CPU if defense else self.device_of(recipe)
                said, own = {"device": device, "for": self.made_for}, own_code.allowed()
                training = (self.store.folder.absolute(), name, what, recipe.as_json(), piece, in_blocks, own, said, defense)
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

    def fingerprint(
        self, recipe: Recipe | GeneratorRecipe, piece: Block, *, in_blocks: bool = False, defense: Trained | None = None
    ) -> str:
        """Return the name of a block, or of a model that is trained by itself: a hash of all that its weights follow from."""
        # What a defense trains by itself is trained on the CPU.
        device = CPU if defense else self.device_of(recipe)
        told = self._told(defense, TrainingSet(*piece.only(0))) if defense else {}
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
                **told,
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
        return self._kept(Recipe.from_json(meta["recipe"]), fingerprint, CPU if meta.get("defense") else None)

    def _kept(self, recipe: Recipe, fingerprint: str, device: str | None = None) -> KeptModel:
        # What a defense made answers where it was trained, for it may be another network than its recipe says.
        return KeptModel(recipe, fingerprint, self, device or self.device_of(recipe))

    def network(self, recipe: Recipe, fingerprint: str) -> nn.Module:
        """Return the network of a finished model, ready to answer; raise StoreError if it is damaged or not there."""
        node, _, place = fingerprint.partition(MEMBER)
        if node not in self._held:
            weights = self.store.read(node)[2]
            members = _members(weights) if place else [weights]
            # Building draws first weights, and whoever asks in the middle of an attack draws the same numbers as without it.
            with torch.random.fork_rng(devices=[]):
                by = self._defense_of(node)
                restored = (by.restored(recipe, _tensors(one)) if by else recipe.restored(_tensors(one)) for one in members)
                self._held[node] = [network.eval() for network in restored]
            while len(self._held) > HELD:
                self._held.popitem(last=False)
        self._held.move_to_end(node)
        return self._held[node][int(place or 0)]

    def generator(self, recipe: GeneratorRecipe, fingerprint: str) -> Generator:
        """Return a finished generative model."""
        _, _, weights = self.store.read(fingerprint)
        by = self._defense_of(fingerprint)
        if by is not None:
            return Generator(recipe, by.restored(recipe, _tensors(weights)), fingerprint)
        module = recipe.build()
        module.load_state_dict(_tensors(weights))
        return Generator(recipe, module, fingerprint)

    def _defense_of(self, node: str) -> Trained | None:
        """Return the defense that a finished model was trained by, without its records."""
        told = self.store.meta(node).get("defense")
        return Trained(told["kind"], told["run"], told["params"]) if told else None

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

    def answers(self, model: KeptModel, x: Tensor) -> Tensor:
        """Return a model's log-probabilities on x, worked out once and kept in the store, where they stay on disk."""
        content = self._asked[1] if self._asked is not None and self._asked[0] is x else digest_arrays(x.numpy())
        return self._mapped(self._answers_name(model, content), "answers", "answers of a model", lambda: model.log_probs(x))

    def signal(self, of: Signal, models: Sequence[Any], x: Tensor, label: Tensor, make: Callable[[], Tensor]) -> Tensor:
        """Return a signal of every model on records x (n, ...) with label (n,), float64 (models, n), which `make` works out.

        It is kept as one array, if it is one of `attacks.models.signals` and the answers of all models are kept here.
        """
        own = [found for model in models if (found := kept_by(self, model)) is not None]
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

    def _answers_name(self, model: KeptModel, content: str) -> str:
        """Return the node of a model's answers to records of this content."""
        by, device = self._code(ANSWER, model.device), environment(device=model.device)
        return digest([by, model.fingerprint, content, device])

    def _mapped(self, name: str, kind: str, what: str, make: Callable[[], Tensor]) -> Tensor:
        """Return the array of a node, worked out if the store does not hold it yet."""
        self.store.once(name, lambda: self.store.write(name, kind, what, mapped=make().numpy()))
        return torch.from_numpy(np.array(self.store.map(name)))


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
