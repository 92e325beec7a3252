"""A piece of work that any process can do: to train a block of models, or one, and write it into the store."""

from __future__ import annotations

import importlib
import math
import numbers
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from attacks.defenses import owner
from attacks.defenses.owner import FACTS, Trained
from attacks.engine.store import Store
from attacks.errors import AttackError
from attacks.models import accelerated, own_code
from attacks.models.architectures import ESTIMATORS
from attacks.models.blocks import Block
from attacks.models.devices import CPU
from attacks.models.generators import GeneratorRecipe
from attacks.models.generators import training as generators
from attacks.models.training import Recipe, TrainingSet, fit, fit_block
from taxonomy.findings import quoted


def train_into(folder: Path, fingerprint: str, *training: Any) -> bool:
    """Train a block of models, or one, and write it into the store, unless somebody else does; return whether it was trained.

    This is what a worker process runs. What follows are the arguments of `train_named`.
    """
    with Store(folder).claim(fingerprint) as mine:
        return mine and train_named(folder, fingerprint, *training)


def train_named(
    folder: Path,
    fingerprint: str,
    what: str,
    recipe: dict[str, Any],
    piece: Block,
    in_blocks: bool,
    own: Sequence[str],
    said: Mapping[str, Any],
    defense: Trained | None = None,
) -> bool:
    """Train a block of models, or one, which nobody else is at, and write it into the store; return whether it was not there.

    `own` are the packages whose functions a recipe may name, since a worker process is told nothing else of whom the user trusts.
    `said` is what the store says of the models besides: on which device they are trained, and what for. A `defense` trains in
    place of our training.
    """
    own_code.allow(own)
    store = Store(folder)
    if fingerprint in store:
        return False
    load_for(recipe)
    # On the CPU training has one thread, so its processor time is what it takes where nothing else is in the way.
    clock = time.process_time if said["device"] == CPU else time.perf_counter
    start = clock()
    found = _trained(recipe, piece, in_blocks, said["device"], defense)
    states = [module.state_dict() for module in found]
    weights = {name: torch.stack([s[name] for s in states]) if in_blocks else value for name, value in states[0].items()}
    # What one model took: by this the time of others is estimated.
    seconds = (clock() - start) / len(piece)
    meta = {"recipe": recipe, "records": len(piece.rows[0]), "models": len(piece), "seconds": seconds, **said}
    meta |= {"defense": defense.as_json(), FACTS: vars(found[0])[FACTS]} if defense else {}
    arrays = {name: value.numpy() for name, value in weights.items()}
    store.write(fingerprint, "block" if in_blocks else "model", what, meta=meta, weights=arrays)
    return True


def _trained(
    recipe: dict[str, Any], piece: Block, in_blocks: bool, device: str, defense: Trained | None = None
) -> list[nn.Module]:
    """Return the models of a block, or the one of a piece of work that is no block, on the CPU."""
    if defense is not None:
        return [fitted(defense, read(recipe), TrainingSet(*piece.only(0)))]
    if "family" in recipe:
        return [generators.fit(GeneratorRecipe.from_json(recipe), TrainingSet(*piece.only(0)))]
    known = Recipe.from_json(recipe)
    if in_blocks:
        return fit_block(known, piece) if device == CPU else accelerated.fit_block(known, piece, device)
    data = TrainingSet(*piece.only(0))
    return [fit(known, data) if device == CPU else accelerated.fit(known, data, device)]


def load_for(recipe: Mapping[str, Any]) -> None:
    """Load what the first training in a process loads, about a second of it, so that no model is said to have taken that."""
    importlib.import_module("skops.io" if recipe.get("architecture") in ESTIMATORS else "torch._dynamo")


def fitted(defense: Trained, recipe: Recipe | GeneratorRecipe, data: TrainingSet, trained: nn.Module | None = None) -> nn.Module:
    """Return the network that a defense trains, or makes of a `trained` one, with its facts.

    Raises AttackError for what is no network, or tells facts that are no finite numbers by name.
    """
    try:
        found = defense.fit(recipe, data, trained)
        vars(found)[FACTS] = _facts(defense, vars(found)[FACTS])
        return found
    except AttributeError as error:
        # Whatever it returned is first asked to `eval`.
        asked = traceback.extract_tb(error.__traceback__)[-1].filename == owner.__file__ and error.name == "eval"
        if not asked or isinstance(error.obj, nn.Module):
            raise
        raise AttackError(f"{defense.run} returned {type(error.obj).__name__}, where a network is expected") from error


def _facts(defense: Trained, told: Any) -> dict[str, float]:
    """Return what a defense tells of a training as plain numbers."""
    known = told.items() if isinstance(told, Mapping) else [(None, told)]
    odd = [(name, value) for name, value in known if not (isinstance(name, str) and _is_number(value))]
    if odd:
        name, value = odd[0]
        where = "" if name is None else f"{quoted(str(name))}: "
        raise AttackError(
            f"{defense.run} tells the facts {where}{quoted(repr(value))} of its network; facts are finite numbers by name, such "
            'as {"epsilon": 1.5}'
        )
    return {str(name): int(value) if isinstance(value, numbers.Integral) else float(value) for name, value in known}


def _is_number(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def read(recipe: dict[str, Any]) -> Recipe | GeneratorRecipe:
    """Return a recipe from plain data: of a generative model, or of another."""
    return GeneratorRecipe.from_json(recipe) if "family" in recipe else Recipe.from_json(recipe)
