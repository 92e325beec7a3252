"""What a target's code is about to train, told without a training: so that what does not fit it is refused at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from torch import Tensor

from attacks.models import training
from attacks.models.generators import GeneratorRecipe
from attacks.models.signals import Signal
from attacks.models.training import Recipe, TrainingSet

# What the training of a target is called.
TARGET = "target"


@dataclass(frozen=True)
class Foreseen:
    """What a target is trained by: `recipe`, of a federation that of its model; None of one that its code trains itself.

    `told` says whether it is one training on one set of records that the engine is told: a defense can take its place, and ask
    for the model and the set.
    """

    recipe: Recipe | GeneratorRecipe | None
    told: bool


def training_of(build: Callable[[], object]) -> Foreseen | None:
    """Return what `build` trains its target by; None if that cannot be told.

    What `build` raises before it trains is not told here: it will be raised again when the target is built in earnest.
    """
    token = training.workshop.set(_Foreseeing())
    try:
        build()
    except _AskedError as asked:
        return asked.found
    except (Exception, SystemExit):
        return None
    finally:
        training.workshop.reset(token)
    return Foreseen(None, told=False)


class _AskedError(BaseException):
    """Ends a target's code where it would train: no exception that such code may catch."""

    def __init__(self, found: Foreseen | None):
        super().__init__()
        self.found = found


class _Foreseeing:
    """A workshop that trains nothing, and says what it was asked for."""

    def fit_many(self, recipe: Recipe, sets: Sequence[TrainingSet], what: str) -> NoReturn:
        """Tell a recipe."""
        raise _AskedError(Foreseen(recipe, told=True) if what == TARGET else None)

    def fit_generators(self, recipe: GeneratorRecipe, sets: Sequence[TrainingSet], what: str) -> NoReturn:
        """Tell the recipe of a generative model."""
        raise _AskedError(Foreseen(recipe, told=True) if what == TARGET else None)

    def keep(self, run: str, what: str, recipe: Mapping[str, Any], make: Callable[[], object]) -> NoReturn:
        """Tell the recipe of the model that is trained together."""
        model = recipe["recipe"].get("model")
        raise _AskedError(Foreseen(Recipe.from_json(model) if model else None, told=False))

    def signal(self, of: Signal, models: Sequence[Any], x: Tensor, label: Tensor, make: Callable[[], Tensor]) -> Tensor:
        """Return `make()`."""
        return make()
