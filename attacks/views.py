"""Views: the handle of an implication's result, made from the handles of what it needs.

A view that draws at random takes a keyword-only `seed`, as attacks and steps do.
"""

from __future__ import annotations

import torch
from torch import Tensor

from attacks import inside, split_layers
from attacks.generators import training as generators
from attacks.generators.diffusion import sample
from attacks.handles import (
    AttackData,
    DenoiserAccess,
    GeneratorAccess,
    GeneratorTrainer,
    HeldRecords,
    HiddenValues,
    LabelOracle,
    LatentOracle,
    Ledger,
    LikelihoodOracle,
    LossThreshold,
    Marginals,
    ModelType,
    NextSymbolOracle,
    NoisePredictor,
    Number,
    Parameters,
    Population,
    ReferenceGenerator,
    SampleOracle,
    ScoreOracle,
    ShadowData,
    ShadowModels,
    Superset,
    TopScoreOracle,
    Trainer,
)
from attacks.handles.language import CHUNK, of_symbols
from attacks.training import Model


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


def local_scores(parameters: Parameters, trainer: Trainer) -> ScoreOracle:
    """Return the model rebuilt at home from weights and architecture: its queries cost nothing."""
    model = Model(trainer.recipe, inside.rebuilt(trainer.recipe, parameters.weights), "rebuilt")
    return ScoreOracle("scores", model.log_probs, parameters.ledger, counted=False)


def local_hidden_values(parameters: Parameters, trainer: Trainer) -> HiddenValues:
    """Return the first layers rebuilt at home: the known structure also says where the model is split."""
    network = inside.rebuilt(trainer.recipe, parameters.weights)
    first, _ = split_layers.parts(network, split_layers.split_of(trainer))
    return HiddenValues("hidden_values", first, parameters.ledger, counted=False)


def size_of_recipe(trainer: Trainer | GeneratorTrainer) -> Number:
    """Return the size of the training set that a known recipe tells."""
    return Number("training_size", trainer.training_size, trainer.ledger)


def type_of_recipe(trainer: Trainer) -> ModelType:
    """Return the model type that a known recipe tells."""
    return ModelType("model_type", trainer.recipe.architecture, trainer.ledger)


def marginals_of_population(population: Population) -> Marginals:
    """Return the values of every feature by themselves: each column is sorted, which breaks up the rows."""
    return Marginals("marginals", torch.sort(population.x, dim=0).values, population.ledger)


def same_shadow_data(shadow_data: ShadowData) -> ShadowData:
    """Return graded shadow data as shadow data of any grade."""
    return shadow_data


def same_shadow_models(shadow_models: ShadowModels) -> ShadowModels:
    """Return matched shadow models as shadow models of any grade."""
    return shadow_models


def same_attack_data(attack_data: AttackData) -> AttackData:
    """Return attack data from the target as attack data of any model."""
    return attack_data


def training_set_as_superset(training_set: HeldRecords) -> Superset:
    """Return the training set as a pool that contains it."""
    return Superset("superset", training_set.x, training_set.label, training_set.ids, training_set.ledger)


def rebuilt_generator(parameters: Parameters, trainer: GeneratorTrainer) -> GeneratorAccess:
    """Return the generator rebuilt at home from weights and structure."""
    module = generators.rebuilt(trainer.recipe, parameters.weights).module
    return GeneratorAccess("generator", module.latent, module.decode, parameters.ledger)


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
