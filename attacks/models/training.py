"""Training of models: a recipe, what it is applied to, and the model that comes out. Deterministic, on one thread."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import Any, Protocol, overload

import torch
from torch import Tensor, nn

from attacks.errors import AttackError, DivergedError
from attacks.models import architectures, blocks, noisy_descent, own_training, paths
from attacks.models.blocks import Block
from attacks.models.signals import Signal
from taxonomy.named_code import is_path

CHUNK = 1024


@dataclass(frozen=True)
class Recipe:
    """Architecture and training procedure of a classifier: what an adversary with M2 knows.

    `shape` is that of one record. Hidden layers, epochs, batch and learning rate are those of networks; estimators of
    scikit-learn have none of them. A `regression` has one output, which is trained on the squared error. With `clip`, training is
    noisy full-batch gradient descent: `epochs` steps on all records, each divided by `batch`, with noise of `noise` times `clip`.
    `architecture` may be the path of a function `(shape, classes, hidden) -> nn.Module`, and `trainer` is that of a function that
    trains in place of ours (attacks/models/own_training.py).
    Raises AttackError for a classifier with less than two classes.
    """

    architecture: str
    shape: tuple[int, ...]
    classes: int
    hidden: tuple[int, ...] = ()
    epochs: int = 0
    batch: int = 0
    learning_rate: float = 0.0
    clip: float = 0.0
    noise: float = 0.0
    regression: bool = False
    trainer: str = ""

    def __post_init__(self) -> None:
        if self.classes < 2 and not self.regression:
            raise AttackError(f"a classifier tells at least two classes apart (found {self.classes}, which teaches nothing)")

    def as_json(self) -> dict[str, Any]:
        """Return the recipe as plain data."""
        return {**asdict(self), "shape": list(self.shape), "hidden": list(self.hidden)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Recipe:
        """Return the recipe from plain data."""
        return cls(**{**data, "shape": tuple(data["shape"]), "hidden": tuple(data["hidden"])})

    def build(self) -> nn.Module:
        """Return an untrained model of this architecture."""
        return architectures.build(self.architecture, self.shape, self.classes, self.hidden)

    def restored(self, weights: Mapping[str, Tensor]) -> nn.Module:
        """Return a trained model of this recipe from its weights."""
        # What a trainer of one's own returns decides what it is, a network or an estimator.
        estimator = self.trainer and set(weights) == {architectures.ARCHIVE}
        module = architectures.Estimator("", self.classes) if estimator else self.build()
        module.load_state_dict(dict(weights))
        return module

    @property
    def block_size(self) -> int:
        """How many models of this recipe are trained at a time: 1 where the loop trains them (attacks/models/paths.py)."""
        return paths.block_size(self.architecture, noisy=bool(self.clip), own_trainer=bool(self.trainer))

    @property
    def named_code(self) -> list[str]:
        """The paths of functions of a catalog's own code that a model of this recipe follows from."""
        return [path for path in (self.architecture, self.trainer) if is_path(path)]


@dataclass(frozen=True)
class TrainingSet:
    """Records of one training run: x float32 (n, ...), y int64 (n,), and the seed of initial weights and order.

    A network can also be trained on probabilities of the classes, y float32 (n, classes); a regression on values, float32 (n,).
    Of a model that labels every pixel, y is int64 (n, height, width).
    """

    x: Tensor
    y: Tensor
    seed: int


class NumberedSets(Sequence[TrainingSet]):
    """Training sets by number, all of them rows of one pool of records, of which each is made only when it is asked for.

    `count` of them are wanted. There are more after these, up to `most` where their number is limited: with them a block is
    filled up, so that models are the same however many are wanted. `rows` returns rows of the pool, int64 (n,), and `seed` the
    seed of initial weights and order, both for a number and for nothing else.
    """

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        *,
        count: int,
        rows: Callable[[int], Tensor],
        seed: Callable[[int], int],
        most: int | None = None,
    ):
        self.x, self.y = x, y
        self._wanted, self._most = count, most
        self._rows, self._seed = rows, seed

    def __len__(self) -> int:
        return self._wanted

    @overload
    def __getitem__(self, place: int) -> TrainingSet: ...

    @overload
    def __getitem__(self, place: slice) -> list[TrainingSet]: ...

    def __getitem__(self, place: int | slice) -> TrainingSet | list[TrainingSet]:
        if isinstance(place, slice):
            return [self[k] for k in range(*place.indices(self._wanted))]
        number = range(self._wanted)[place]
        rows = self._rows(number)
        return TrainingSet(self.x[rows], self.y[rows], self._seed(number))

    def blocks(self, size: int) -> list[Block]:
        """Return the blocks that hold the wanted models, all of them whole: the last one may hold others too."""
        end = -(-self._wanted // size) * size
        numbers = range(end if self._most is None else max(self._wanted, min(end, self._most)))
        return [
            Block(self.x, self.y, tuple(map(self._rows, numbers[k : k + size])), tuple(map(self._seed, numbers[k : k + size])))
            for k in range(0, len(numbers), size)
        ]


class Model:
    """A trained classifier that answers at home, without a limit."""

    def __init__(self, recipe: Recipe, module: nn.Module, fingerprint: str):
        self.recipe = recipe
        self.fingerprint = fingerprint
        self._module = module.eval()

    def log_probs(self, x: Tensor) -> Tensor:
        """Return log-probabilities, float64 of shape (n, classes), for x of shape (n, ...).

        Those of a model that labels every pixel are of shape (n, height, width, classes). Raises DivergedError if one is not a
        number.
        """
        with torch.no_grad():
            logits = [self._module(chunk.float()) for chunk in x.split(CHUNK)] or [torch.empty(0, self.recipe.classes)]
        # Networks have the classes second, as the cross-entropy takes them; answers have them last, as signals take them.
        answers = torch.cat(logits).double().movedim(1, -1)
        return numbers(answers if isinstance(self._module, architectures.Estimator) else torch.log_softmax(answers, dim=-1))

    @property
    def resolution(self) -> float:
        """The step between two probabilities of a model that has no logits, or 0."""
        return self._module.resolution if isinstance(self._module, architectures.Estimator) else 0.0

    @property
    def stored(self) -> tuple[Tensor, Tensor] | None:
        """The records that the model holds, x float32 (n, ...) and labels int64 (n,), in the order of its file, or None."""
        held = self._module.stored if isinstance(self._module, architectures.Estimator) else None
        return None if held is None else (held[0].reshape(-1, *self.recipe.shape), held[1])

    def embedded(self, x: Tensor) -> Tensor:
        """Return what a perceptron's last hidden layer makes of records x (n, ...), float64 (n, width)."""
        assert isinstance(self._module, nn.Sequential), "layers that run in a row"
        body = self._module[:-1]
        with torch.no_grad():
            return torch.cat([body(chunk.float()) for chunk in x.split(CHUNK)] or [torch.empty(0, 0)]).double()

    def values(self, x: Tensor) -> Tensor:
        """Return what a regression predicts, float64 of shape (n,), for x of shape (n, ...); raise DivergedError for NaN."""
        with torch.no_grad():
            found = [self._module(chunk.float())[:, 0] for chunk in x.split(CHUNK)] or [torch.empty(0)]
        return numbers(torch.cat(found).double())

    def kept_log_probs(self, x: Tensor) -> Tensor:
        """Return `log_probs(x)`; models of a workshop that has a store keep the answer there."""
        return self.log_probs(x)

    def parameters(self) -> dict[str, Tensor]:
        """Return copies of the weights by name."""
        return {name: value.clone() for name, value in self._module.state_dict().items()}


def numbers(answers: Tensor) -> Tensor:
    """Return answers of a trained model (n, ...) as they are; raise DivergedError if one is not a number."""
    bad = answers.isnan()
    if bool(bad.any()):
        count = int(bad.reshape(len(bad), -1).any(dim=1).sum())
        raise DivergedError(f"a trained model answers not-a-number for {count:,} of {len(bad):,} records: its training diverged")
    return answers


def fit(recipe: Recipe, data: TrainingSet) -> nn.Module:
    """Train a network on its loss, with Adam or noisily, or fit an estimator, or let the recipe's own trainer do it.

    The same recipe, data and seed give the same bits.
    """
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(data.seed % 2**63)
        if recipe.trainer:
            return own_training.fit(recipe.trainer, data.x.float(), data.y, data.seed, recipe.classes, recipe.build)
        model = recipe.build()
        if isinstance(model, architectures.Estimator):
            model.fit(data.x.float(), data.y, data.seed)
            return model.eval()
        if recipe.clip:
            noisy_descent.descend(
                model,
                data.x.float(),
                data.y,
                steps=recipe.epochs,
                divisor=recipe.batch,
                learning_rate=recipe.learning_rate,
                clip=recipe.clip,
                noise=recipe.noise,
            )
            return model.eval()
        learn(model, recipe, data, recipe.epochs)
    return model.eval()


def fit_block(recipe: Recipe, block: Block) -> list[nn.Module]:
    """Train the models of a block together, for a recipe whose models come in blocks (attacks/models/paths.py).

    Models of one size are one batched program; where sizes differ, each has its own. The same recipe and block give the same
    bits. Each model begins with the weights, and sees records in the orders, that `fit` would give it.
    """
    found: dict[int, nn.Module] = {}
    with one_thread(), torch.random.fork_rng(devices=[]), torch.no_grad():
        for size in sorted({len(rows) for rows in block.rows}):
            members = [k for k, rows in enumerate(block.rows) if len(rows) == size]
            generators = []
            for k in members:
                torch.manual_seed(block.seeds[k] % 2**63)
                found[k] = recipe.build()
                generators.append(torch.Generator().set_state(torch.random.get_rng_state()))
            blocks.learn_perceptrons(
                [found[k] for k in members],
                generators,
                block.x.float(),
                block.y,
                torch.stack([block.rows[k] for k in members]),
                epochs=recipe.epochs,
                batch=recipe.batch,
                learning_rate=recipe.learning_rate,
                regression=recipe.regression,
            )
    return [found[k].eval() for k in range(len(block))]


def learn(network: nn.Module, recipe: Recipe, data: TrainingSet, epochs: int) -> None:
    """Train a network in place for so many epochs, with Adam; draws the orders of records from torch's own generator.

    Batch, learning rate and loss are the recipe's. The network goes on from the weights that it has.
    """
    if recipe.batch < 1:
        raise AttackError(f"a network learns from batches of records, and the recipe says {recipe.batch} in one: state `batch`")
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, fused=True)
    loss_of: Callable[[Tensor, Tensor], Tensor] = _squared_error if recipe.regression else nn.CrossEntropyLoss()
    x, y = data.x.float(), data.y
    for _ in range(epochs):
        for chunk in torch.randperm(len(x)).split(recipe.batch):
            optimizer.zero_grad(set_to_none=True)
            loss_of(network(x[chunk]), y[chunk]).backward()
            optimizer.step()


def _squared_error(output: Tensor, y: Tensor) -> Tensor:
    return (output[:, 0] - y).square().mean()


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread: sums split over threads round differently, and several workers get in each other's way."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Workshop(Protocol):
    """Where models are trained: it keeps finished work and spreads the rest over workers."""

    def fit_many(self, recipe: Recipe, sets: Sequence[TrainingSet], what: str) -> list[Model]:
        """Return one model for each training set, in order."""
        ...

    def signal(self, of: Signal, models: Sequence[Any], x: Tensor, label: Tensor, make: Callable[[], Tensor]) -> Tensor:
        """Return `make()`, a signal of every model on records x (n, ...) with label (n,), float64 (models, n)."""
        ...


class HomeWorkshop:
    """Trains models in this process and keeps nothing: what code gets that runs outside the engine."""

    def fit_many(self, recipe: Recipe, sets: Sequence[TrainingSet], what: str) -> list[Model]:
        """Return one model for each training set, in order."""
        if isinstance(sets, NumberedSets) and recipe.block_size > 1:
            found = (module for block in sets.blocks(recipe.block_size) for module in fit_block(recipe, block))
        else:
            found = (fit(recipe, data) for data in sets)
        return [Model(recipe, module, f"home-{i}") for i, module in zip(range(len(sets)), found, strict=False)]

    def signal(self, of: Signal, models: Sequence[Any], x: Tensor, label: Tensor, make: Callable[[], Tensor]) -> Tensor:
        """Return `make()`, a signal of every model on records x (n, ...) with label (n,), float64 (models, n)."""
        return make()


# The engine puts its own workshop here while it runs a node, so that steps and targets need not know the store.
workshop: ContextVar[Workshop] = ContextVar("workshop", default=HomeWorkshop())  # noqa: B039  (it has no state)


def fit_many(recipe: Recipe, sets: Sequence[TrainingSet], what: str = "models") -> list[Model]:
    """Train one model for each training set; finished ones are taken from the store.

    Those of `NumberedSets` are trained in blocks where their recipe comes in blocks; any others one by one, for nobody can tell
    what else a block would hold.
    """
    return workshop.get().fit_many(recipe, sets, what)
