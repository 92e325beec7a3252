"""Masks: what a service shows in the place of its scores, for the target and for models of an adversary who knows it."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from attacks.defenses.owner import NOTHING, SEED, Owner, check_suits, others, takes
from attacks.errors import AttackError
from attacks.handles import (
    Handle,
    HostedModel,
    LabelOracle,
    Ledger,
    ReferenceModels,
    ScoreOracle,
    ShadowModels,
    TopScoreOracle,
    Trainer,
)
from attacks.models.poorer_answers import completed
from attacks.models.resolution import bounded
from attacks.models.signals import predicted
from attacks.models.training import Model, NumberedSets, Recipe, TrainingSet, one_thread
from attacks.seeds import derive_seed, record_ids

# What a mask may ask for beside the log-probabilities.
RECORDS, ASKED, OWNER = "x", "asked", "owner"


Shown = TypeVar("Shown", bound="Callable[..., Tensor | Stepped]")


def keeps_label(function: Shown) -> Shown:
    """Mark the function of a mask whose highest score is always the model's own: labels are then told without asking it."""
    function.keeps_label = True  # type: ignore[attr-defined]
    return function


class Stepped(NamedTuple):
    """Masked log-probabilities, float64 (n, classes), whose probabilities move in steps of `resolution`; 0 is -inf."""

    log_probs: Tensor
    resolution: float


@dataclass(frozen=True)
class Mask:
    """A defense that changes answers, or how they are computed: its function, with its parameters.

    The function is called as `(log_probs, *, params...) -> shown`, float64 (n, classes) both, of which `shown` is NaN where a
    class is not shown; it may be `Stepped`. Behind `log_probs` it may take `x`, the records (n, ...), `asked`, how often each
    of them was asked about before, int64 (n,), and `owner`; and the parameter `seed`. One that computes answers in another way
    takes `x` and `owner`, and no `log_probs`. A function `..._suits(recipe, *, params...)` beside it raises AttackError for
    targets that it is not for, before anything is trained.
    """

    function: Callable[..., Tensor | Stepped]
    params: Mapping[str, Any]
    seed: int
    owner: Owner | None = None

    def __call__(self, log_probs: Tensor, x: Tensor, asked: Tensor) -> Stepped:
        """Return what is shown of log-probabilities (n, classes) of records x (n, ...); raise AttackError for a bad parameter."""
        given = {"log_probs": log_probs, RECORDS: x, ASKED: asked, OWNER: self.owner, SEED: self.seed}
        if self.asks_owner and self.owner is None:
            raise AttackError(f"{self.function.__name__} asks for the owner's training set, which this target does not tell")
        wanted = {name: value for name, value in given.items() if takes(self.function, name)}
        with one_thread():
            shown = self.function(**wanted, **self.params)
        found = shown if isinstance(shown, Stepped) else Stepped(shown, 0.0)
        if found.log_probs.shape != log_probs.shape or found.log_probs.dtype != torch.float64:
            raise AttackError(
                f"{self.function.__name__} must show float64 {tuple(log_probs.shape)}, NaN where a class is hidden, "
                f"not {found.log_probs.dtype} {tuple(found.log_probs.shape)}"
            )
        return found

    def suits(self, recipe: Recipe, beside: Mapping[str, object] = NOTHING) -> None:
        """Raise AttackError if its function says that it is not for models of a recipe (`check_suits`)."""
        check_suits(self.function, self.params, recipe, beside)

    @property
    def asks_owner(self) -> bool:
        """Whether it can be tried only once the model is there, whose owner it asks."""
        return takes(self.function, OWNER)

    @property
    def keeps_label(self) -> bool:
        """Whether it says that the highest score is always the model's own."""
        return getattr(self.function, "keeps_label", False)

    @property
    def computes(self) -> bool:
        """Whether it computes answers in another way, and changes none."""
        return not takes(self.function, "log_probs")

    def resolution(self, classes: int, shape: Sequence[int]) -> float:
        """Return the step between two probabilities that it shows of so many classes, for records of a shape; 0 if there is none.

        It is tried on one answer, so that parameters which do not suit the target are an AttackError before anything is trained.
        """
        even = torch.full((1, classes), 1.0, dtype=torch.float64).log_softmax(dim=-1)
        return self(even, torch.zeros(1, *shape), torch.zeros(1, dtype=torch.int64)).resolution


class _Asked:
    """Counts how often each record was asked about through one handle."""

    def __init__(self) -> None:
        self._times = Counter[int]()

    def __call__(self, x: Tensor) -> Tensor:
        """Return how often each record of x (n, ...) was asked about before, int64 (n,), and count it."""
        before = []
        for name in record_ids(x.numpy()).tolist():
            before.append(self._times[name])
            self._times[name] += 1
        return torch.tensor(before, dtype=torch.int64)


class ShownScores(TopScoreOracle):
    """Answers with the scores that a mask shows, and their classes, as many of each record."""

    def __init__(self, name: str, scores: ScoreOracle, shown: Callable[[Tensor], Tensor]):
        super().__init__(name, scores)
        self._shown = shown

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return log-probabilities float64 and classes int64, both (n, k), highest first, for x of shape (n, ...)."""
        self._touch()
        return self._top(self._shown(x))

    def completed(self, x: Tensor) -> Tensor:
        """Return log-probabilities of every class, float64 (n, classes), that agree with those that are shown."""
        self._touch()
        shown = self._shown(x)
        self.ledger.note(NOT_SHOWN, int(shown.isnan().any(dim=-1).sum()), len(shown))
        return completed(shown, self._top(shown)[0][:, -1])

    def _top(self, shown: Tensor) -> tuple[Tensor, Tensor]:
        counts = (~shown.isnan()).sum(dim=-1)
        many = int(counts.max()) if len(counts) else 1
        if len(counts) and (int(counts.min()) != many or not many):
            raise AttackError("a mask that shows the highest scores shows as many of each record, and one at least")
        top = shown.nan_to_num(nan=float("-inf")).topk(many, dim=-1)
        return top.values, top.indices


NOT_SHOWN = "classes that the mask does not show are taken to share alike what is left of the probability"
Maker = Callable[[Ledger], Any]


def scores_shown(mask: Mask, scores: Callable[[Ledger], Handle], name: str, *, resolution: float, top: bool) -> Maker:
    """Return what makes a handle of this name of what a mask shows: the highest scores with their classes if `top`, or all.

    `scores` makes the target's own oracle, which counts the queries; `resolution` is the mask's.
    """

    def shown(ledger: Ledger) -> Handle:
        # Scores that are shown are counted where they are shown, since an empty question is put as one of zeros there.
        own, asked = _oracle(scores, ledger if top else _Uncounted(ledger)), _Asked()

        def masked(x: Tensor) -> Tensor:
            return mask(own(x), x, asked(x)).log_probs

        if top:
            return ShownScores(name, own, masked)
        return ScoreOracle(name, masked, ledger, counted=own._counted, resolution=max(resolution, own._resolution))

    return shown


class _Uncounted(Ledger):
    """A ledger that notes what another one is to know, and counts nothing."""

    def __init__(self, other: Ledger):
        super().__init__()
        self.note = other.note  # type: ignore[method-assign]

    def charge(self, queries: int) -> None:
        """Count nothing."""


def label_shown(mask: Mask, scores: Callable[[Ledger], Handle]) -> Maker:
    """Return what makes a handle of the predicted label beside a mask, which `preferred` tells."""

    def shown(ledger: Ledger) -> LabelOracle:
        own, asked = _oracle(scores, ledger), _Asked()

        def label(x: Tensor) -> Tensor:
            log_probs = own(x)
            if mask.keeps_label:
                return predicted(log_probs)
            return preferred(mask(log_probs, x, asked(x)).log_probs, log_probs)

        return LabelOracle("labels", label, ledger)

    return shown


def _oracle(scores: Callable[[Ledger], Handle], ledger: Ledger) -> ScoreOracle:
    found = scores(ledger)
    assert isinstance(found, ScoreOracle), "a mask is for a classifier"
    return found


def preferred(shown: Tensor, log_probs: Tensor) -> Tensor:
    """Return the class with the highest score that is shown, int64 (n,); of several the likeliest by `log_probs` (n, classes)."""
    known = shown.nan_to_num(nan=float("-inf"))
    highest = known == known.amax(dim=-1, keepdim=True)
    return predicted(log_probs.masked_fill(~highest, float("-inf")))


def answering(artifact: Any, mask: Mask) -> Any:
    """Return an artifact, or a trainer, whose models answer through a mask, as who knows of it puts it on models of its own.

    Only models that stand for the target do: a surrogate learned from answers that were masked already. Answers that are
    computed in another way are the same, and an adversary computes its own as ever.
    """
    if mask.computes:
        return artifact
    if isinstance(artifact, ReferenceModels):
        return ReferenceModels(_masked_models(artifact.own, mask))
    if isinstance(artifact, Trainer):
        return _MaskingTrainer(artifact, mask)
    return _masked_models(artifact, mask) if isinstance(artifact, ShadowModels) else artifact


class _MaskingTrainer(Trainer):
    """Trains as another trainer does, and has what comes of it answer through a mask."""

    def __init__(self, own: Trainer, mask: Mask):
        super().__init__(own._name, own._recipe, own._training_size, own.ledger)
        self._mask = mask

    def _fitted(self, recipe: Recipe, sets: Sequence[TrainingSet]) -> list[Model]:
        return [self._masked(model, sets, k) for k, model in enumerate(super()._fitted(recipe, sets))]

    def _masked(self, model: Model, sets: Sequence[TrainingSet], number: int) -> Model:
        data, mask = sets[number], self._mask
        # Beside a training set there are the other records that it was dealt from.
        pool = TrainingSet(sets.x, sets.y, data.seed) if isinstance(sets, NumberedSets) else data
        owner = Owner(model, data, others(pool, data)) if mask.asks_owner else None
        masked: Model = _through(model, replace(mask, seed=derive_seed(mask.seed, "model", data.seed), owner=owner))
        return masked


def _masked_models(own: ShadowModels, mask: Mask) -> ShadowModels:
    records, trained_on = own.records, own.trained_on
    models = []
    for number, model in enumerate(own.models):
        inside = trained_on[number]
        seed = derive_seed(mask.seed, "model", number)
        parts = [TrainingSet(records.x[rows], records.label[rows], seed) for rows in (inside, ~inside)]
        models.append(_through(model, replace(mask, seed=seed, owner=Owner(_plain(model), *parts))))
    return ShadowModels(models, records, trained_on)


def _plain(model: Model | HostedModel) -> Model:
    return model  # type: ignore[return-value]  # a hosted one answers, and that is what masks ask for


def _through(model: Model | HostedModel, mask: Mask) -> Any:
    """Return a copy of a model whose answers, and nothing else of it, are masked; a class that is not shown is completed."""

    def masked(log_probs: Tensor, x: Tensor) -> Tensor:
        shown, resolution = mask(log_probs, x, torch.zeros(len(x), dtype=torch.int64))
        if resolution:
            return bounded(shown, resolution)
        hidden = shown.isnan()
        return completed(shown, shown.masked_fill(hidden, float("inf")).amin(dim=-1)) if bool(hidden.any()) else shown

    found = copy.copy(model)
    answers, kept = model.log_probs, model.kept_log_probs
    vars(found).update(log_probs=lambda x: masked(answers(x), x), kept_log_probs=lambda x: masked(kept(x), x))
    return found
