"""Views of models at home: a file from weights and structure, its parts, and its answers, which cost nothing."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from attacks.handles import (
    Architecture,
    AttackError,
    GeneratorAccess,
    GeneratorArchitecture,
    HiddenValues,
    MaskOracle,
    NextSymbolOracle,
    Parameters,
    Rounds,
    RunnableModel,
    SampleOracle,
    ScoreOracle,
    UpdatedScores,
    ValueOracle,
)
from attacks.handles.split_model import split_of
from attacks.models import internals
from attacks.models import layers as network_layers
from attacks.models.generators import training as generators
from attacks.models.training import Model


def rebuilt_model(parameters: Parameters, architecture: Architecture | GeneratorArchitecture) -> RunnableModel:
    """Return weights in their architecture as a file that can be run."""
    return RunnableModel("runnable", architecture, parameters.weights, parameters.ledger)


def parameters_of_file(runnable: RunnableModel) -> Parameters:
    """Return the weights that a file holds."""
    return Parameters("parameters", runnable.weights, runnable.ledger)


def architecture_of_file(runnable: RunnableModel) -> Architecture | GeneratorArchitecture:
    """Return the architecture that a file holds."""
    return runnable.architecture


def _model(runnable: RunnableModel) -> Model:
    return Model(runnable.recipe, internals.rebuilt(runnable.recipe, runnable.weights), "rebuilt")


def _generator(runnable: RunnableModel) -> Any:
    architecture = runnable.architecture
    if not isinstance(architecture, GeneratorArchitecture):
        raise AttackError(f"a {architecture.recipe.architecture} makes no records")
    return generators.rebuilt(architecture.recipe, runnable.weights).module


def local_scores(runnable: RunnableModel) -> ScoreOracle:
    """Return the scores of a classifier that runs at home: its queries cost nothing."""
    model = _model(runnable)
    return ScoreOracle("scores", model.log_probs, runnable.ledger, counted=False, resolution=model.resolution)


def local_values(runnable: RunnableModel) -> ValueOracle:
    """Return the values of a regression that runs at home: its queries cost nothing."""
    return ValueOracle("value", _model(runnable).values, runnable.ledger, counted=False)


def local_masks(runnable: RunnableModel) -> MaskOracle:
    """Return the scores of every pixel of a segmentation that runs at home: its queries cost nothing."""
    return MaskOracle("masks", _model(runnable).log_probs, runnable.ledger, counted=False)


def local_next_symbols(runnable: RunnableModel) -> NextSymbolOracle:
    """Return the probability of every next symbol of a model of sequences that runs at home: its queries cost nothing."""
    return NextSymbolOracle("next_symbol", _generator(runnable).scores, runnable.ledger, counted=False)


def local_texts(runnable: RunnableModel, *, seed: int = 0) -> SampleOracle:
    """Return sequences that a model at home writes, from random noise: they cost nothing."""
    module, noise = _generator(runnable), torch.Generator().manual_seed(seed % 2**63)

    def draw(count: int) -> Tensor:
        made: Tensor = module.decode(torch.randn(count, module.latent, generator=noise))
        return made

    return SampleOracle("samples", draw, runnable.ledger, counted=False)


def local_hidden_values(runnable: RunnableModel) -> HiddenValues:
    """Return the first layers of a model that runs at home; its structure also says where it is split."""
    split_after = split_of(runnable.architecture)
    first, _ = network_layers.parts(internals.rebuilt(runnable.recipe, runnable.weights), split_after)
    return HiddenValues("hidden_values", first, runnable.ledger, counted=False)


def local_updates(rounds: Rounds, architecture: Architecture) -> UpdatedScores:
    """Return the last release before an update and the one after it, rebuilt at home: their queries cost nothing."""

    def rebuilt(number: int) -> Model:
        return Model(architecture.recipe, internals.rebuilt(architecture.recipe, rounds.weights(number)), "rebuilt")

    if not len(rounds):
        raise AttackError("there is one release and no update")
    before, after = rebuilt(len(rounds) - 1), rebuilt(len(rounds))
    return UpdatedScores("updated_scores", before.log_probs, [after.log_probs], rounds.ledger, counted=False)


def rebuilt_generator(runnable: RunnableModel) -> GeneratorAccess:
    """Return the generator that a file holds."""
    module = _generator(runnable)
    return GeneratorAccess("generator", module.latent, module.decode, runnable.ledger)
