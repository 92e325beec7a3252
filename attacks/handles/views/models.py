"""Views: the handle of an implication's result, made from the handles of what it needs.

A view that draws at random takes a keyword-only `seed`, as attacks and steps do.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from attacks.handles import (
    Architecture,
    AttackData,
    AttackError,
    DenoiserAccess,
    GeneratorAccess,
    GeneratorArchitecture,
    GeneratorTrainer,
    HeldRecords,
    HiddenValues,
    LabelOracle,
    LatentOracle,
    Ledger,
    LikelihoodOracle,
    LossThreshold,
    Marginals,
    MaskOracle,
    ModelType,
    NextSymbolOracle,
    NoisePredictor,
    Number,
    Parameters,
    Population,
    ReferenceGenerator,
    ReferenceModels,
    Rounds,
    RunnableModel,
    SampleOracle,
    ScoreOracle,
    ShadowData,
    ShadowModels,
    SplitTrainer,
    Superset,
    TopScoreOracle,
    Trainer,
    TrainingRecipe,
    UpdatedScores,
    ValueOracle,
)
from attacks.handles.language import CHUNK, of_symbols
from attacks.handles.split_model import split_of
from attacks.models import internals
from attacks.models import layers as network_layers
from attacks.models.generators import training as generators
from attacks.models.generators.diffusion import sample
from attacks.models.training import Model, Recipe


def top_scores(scores: ScoreOracle) -> TopScoreOracle:
    """Return the top scores of an oracle that shows all; queries count once."""
    return TopScoreOracle("top_k", scores)


def threshold_at_mean_loss(mean_loss: Number) -> LossThreshold:
    """Return the mean training loss as a threshold."""
    return LossThreshold("loss_threshold", mean_loss.value, mean_loss.ledger)


def same_threshold(loss_threshold: LossThreshold) -> LossThreshold:
    """Return a known threshold as a threshold."""
    return loss_threshold


def no_threshold() -> LossThreshold:
    """Return that no threshold is known."""
    return LossThreshold("loss_threshold", None, Ledger())


def top_label(top_k: TopScoreOracle) -> LabelOracle:
    """Return the predicted label of an oracle that shows the top scores; queries count once."""
    return LabelOracle("labels", lambda x: top_k(x)[1][:, 0], top_k.ledger)


def architecture_of_trainer(trainer: Trainer | GeneratorTrainer) -> Architecture | GeneratorArchitecture:
    """Return how models of a known structure and recipe are built."""
    if isinstance(trainer, GeneratorTrainer):
        return GeneratorArchitecture("architecture", trainer.recipe, trainer.ledger)
    split_after = trainer.split_after if isinstance(trainer, SplitTrainer) else None
    return Architecture("architecture", trainer.recipe, trainer.ledger, split_after)


def recipe_of_trainer(trainer: Trainer | GeneratorTrainer) -> TrainingRecipe:
    """Return how models of a known structure and recipe are trained."""
    return TrainingRecipe("recipe", trainer, trainer.ledger)


def trainer_of_parts(architecture: Architecture | GeneratorArchitecture, recipe: TrainingRecipe) -> Trainer | GeneratorTrainer:
    """Return what trains models of a known architecture by a known recipe."""
    return recipe.trainer(architecture)


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


def scores_of_updates(updated_scores: UpdatedScores) -> ScoreOracle:
    """Return the scores of the model as it is now; queries count once.

    After one update that is what came out of it. Updates that each start from the same model leave that one as it was.
    """
    now = partial(updated_scores.after, 0) if len(updated_scores) == 1 else updated_scores.before
    return ScoreOracle("scores", now, updated_scores.ledger, counted=False)


def local_updates(rounds: Rounds, architecture: Architecture) -> UpdatedScores:
    """Return the last release before an update and the one after it, rebuilt at home: their queries cost nothing."""

    def rebuilt(number: int) -> Model:
        return Model(architecture.recipe, internals.rebuilt(architecture.recipe, rounds.weights(number)), "rebuilt")

    if not len(rounds):
        raise AttackError("there is one release and no update")
    before, after = rebuilt(len(rounds) - 1), rebuilt(len(rounds))
    return UpdatedScores("updated_scores", before.log_probs, [after.log_probs], rounds.ledger, counted=False)


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


def size_of_recipe(recipe: TrainingRecipe) -> Number:
    """Return the size of the training set that a known recipe tells."""
    return Number("training_size", recipe.training_size, recipe.ledger)


def type_of_architecture(architecture: Architecture | GeneratorArchitecture) -> ModelType:
    """Return the model type that a known architecture tells."""
    recipe = architecture.recipe
    return ModelType("model_type", recipe.architecture if isinstance(recipe, Recipe) else recipe.family, architecture.ledger)


def marginals_of_population(population: Population) -> Marginals:
    """Return the values of every feature by themselves: each column is sorted, which breaks up the rows."""
    return Marginals("marginals", torch.sort(population.x, dim=0).values, population.ledger)


def same_shadow_data(shadow_data: ShadowData) -> ShadowData:
    """Return graded shadow data as shadow data of any grade."""
    return shadow_data


def same_shadow_models(shadow_models: ShadowModels) -> ShadowModels:
    """Return matched shadow models as shadow models of any grade."""
    return shadow_models


def same_reference_models(reference_models: ReferenceModels) -> ReferenceModels:
    """Return reference models by the target's recipe as comparable ones."""
    return reference_models


def same_attack_data(attack_data: AttackData) -> AttackData:
    """Return attack data from the target as attack data of any model."""
    return attack_data


def training_set_as_superset(training_set: HeldRecords) -> Superset:
    """Return the training set as a pool that contains it."""
    return Superset("superset", training_set.x, training_set.label, training_set.ids, training_set.ledger)


def rebuilt_generator(runnable: RunnableModel) -> GeneratorAccess:
    """Return the generator that a file holds."""
    module = _generator(runnable)
    return GeneratorAccess("generator", module.latent, module.decode, runnable.ledger)


def latent_of_generator(generator: GeneratorAccess) -> LatentOracle:
    """Return the generator at home as something that can be asked for the sample of any code: its queries cost nothing."""
    return LatentOracle("latent", generator.size, generator, generator.ledger, counted=False)


def samples_of_latent(latent: LatentOracle, *, seed: int = 0) -> SampleOracle:
    """Return samples of random codes: the oracle of codes counts them, where its queries cost anything."""
    codes = torch.Generator().manual_seed(seed % 2**63)

    def draw(count: int) -> Tensor:
        return latent(torch.randn(count, latent.size, generator=codes))

    return SampleOracle("samples", draw, latent.ledger, counted=False)


def hosted_reference(reference_generator: ReferenceGenerator) -> ReferenceGenerator:
    """Return a reference generator without its gradient."""
    return reference_generator.hosted()


def likelihood_of_next_symbol(next_symbol: NextSymbolOracle) -> LikelihoodOracle:
    """Return what an oracle of every symbol says of the symbols that stand there; queries count once."""

    def likelihood(x: Tensor) -> Tensor:
        return torch.cat([of_symbols(next_symbol(chunk), chunk) for chunk in x.split(CHUNK)])

    return LikelihoodOracle("likelihood", likelihood, next_symbol.ledger, counted=False)


def noise_of_denoiser(denoiser: DenoiserAccess) -> NoisePredictor:
    """Return the denoiser at home as something that can be asked for the noise in a record: its queries cost nothing."""
    return NoisePredictor("predicted_noise", denoiser.kept, denoiser, denoiser.ledger, counted=False)


def generator_of_denoiser(denoiser: DenoiserAccess) -> GeneratorAccess:
    """Return the generator that a denoiser is when it is applied again and again; a code is the noise that it starts from."""

    def decode(z: Tensor) -> Tensor:
        return sample(denoiser, denoiser.kept, z.reshape(len(z), *denoiser.shape))

    return GeneratorAccess("generator", denoiser.size, decode, denoiser.ledger)
