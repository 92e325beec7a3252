"""Views: the handle of an implication's result, made from the handles of what it needs.

A view that draws at random takes a keyword-only `seed`, as attacks and steps do.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from attacks import inside, signals, split_layers
from attacks.generators import training as generators
from attacks.generators.diffusion import sample
from attacks.generators.language import picked
from attacks.handles import (
    Aggregates,
    AttackData,
    Beacon,
    CompletedScores,
    CompletionOracle,
    DenoiserAccess,
    EmbeddingOracle,
    GeneratedLikelihoodOracle,
    GeneratorAccess,
    GeneratorTrainer,
    HeldRecords,
    HiddenValues,
    KnownMembers,
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
    SuppressedAggregates,
    ThresholdedScoreOracle,
    TopScoreOracle,
    Trainer,
)
from attacks.handles.language import CHUNK, Seeds, levels_of, of_symbols
from attacks.poorer_answers import LEAST
from attacks.training import Model

NOT_WRITTEN = "symbols that the target would not have written are taken to share alike what is left of the probability"


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


def scores_of_top(top_k: TopScoreOracle) -> CompletedScores:
    """Return the top scores as scores of every class: the others share what is left; queries count once."""
    return CompletedScores(top_k)


def scores_of_confidence(label_confidence: TopScoreOracle) -> CompletedScores:
    """Return a label and its confidence as scores of every class: the others share what is left; queries count once."""
    return CompletedScores(label_confidence)


def label_of_confidence(label_confidence: TopScoreOracle) -> LabelOracle:
    """Return the predicted label without its confidence; queries count once."""
    return LabelOracle("labels", lambda x: label_confidence(x)[1][:, 0], label_confidence.ledger)


def scores_above_threshold(thresholded_scores: ThresholdedScoreOracle) -> CompletedScores:
    """Return scores that reach a threshold as scores of every class: the others share what is left; queries count once."""
    return CompletedScores(thresholded_scores)


def label_above_threshold(thresholded_scores: ThresholdedScoreOracle) -> LabelOracle:
    """Return the class with the highest score that is shown; where none is, a number beside those of the classes."""

    def label(x: Tensor) -> Tensor:
        shown = thresholded_scores(x)
        return torch.where(shown.isnan().all(-1), shown.shape[-1], shown.nan_to_num(float("-inf")).argmax(-1))

    return LabelOracle("labels", label, thresholded_scores.ledger)


def scores_of_rounded(rounded_scores: ScoreOracle) -> ScoreOracle:
    """Return rounded scores as scores: their handle has raised what was rounded to 0, and noted ties."""
    return rounded_scores


def label_of_rounded(rounded_scores: ScoreOracle) -> LabelOracle:
    """Return the class with the highest rounded score, the first of several; queries count once."""
    return LabelOracle("labels", lambda x: signals.predicted(rounded_scores(x)), rounded_scores.ledger)


def scores_of_noisy(noisy_scores: ScoreOracle) -> ScoreOracle:
    """Return noisy scores as scores."""
    return noisy_scores


def local_scores(parameters: Parameters, trainer: Trainer) -> ScoreOracle:
    """Return the model rebuilt at home from weights and architecture: its queries cost nothing."""
    model = Model(trainer.recipe, inside.rebuilt(trainer.recipe, parameters.weights), "rebuilt")
    return ScoreOracle("scores", model.log_probs, parameters.ledger, counted=False)


def local_hidden_values(parameters: Parameters, trainer: Trainer) -> HiddenValues:
    """Return the first layers rebuilt at home: the known structure also says where the model is split."""
    network = inside.rebuilt(trainer.recipe, parameters.weights)
    first, _ = split_layers.parts(network, split_layers.split_of(trainer))
    return HiddenValues("hidden_values", first, parameters.ledger, counted=False)


def local_embeddings(parameters: Parameters, trainer: Trainer) -> EmbeddingOracle:
    """Return the last hidden layer of the model rebuilt at home: its queries cost nothing."""
    model = Model(trainer.recipe, inside.rebuilt(trainer.recipe, parameters.weights), "rebuilt")
    return EmbeddingOracle("embeddings", model.embedded, parameters.ledger, counted=False)


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


def known_members_of_stored(stored_records: HeldRecords, population: Population) -> KnownMembers:
    """Return the records that a model holds as known members; others of the same distribution are known to be none."""
    others = ShadowData(population.x, population.label, population.ids)
    held = stored_records.x, stored_records.label, stored_records.ids
    return KnownMembers("known_members", *held, stored_records.ledger, others)


def rebuilt_generator(parameters: Parameters, trainer: GeneratorTrainer) -> GeneratorAccess:
    """Return the generator rebuilt at home from weights and structure."""
    module = generators.rebuilt(trainer.recipe, parameters.weights).module
    return GeneratorAccess("generator", module.latent, module.decode, parameters.ledger)


def beacon_of_aggregates(aggregates: Aggregates) -> Beacon:
    """Return for each published share whether it is above 0, which somebody of the group must have: reading is no query."""
    return Beacon("beacon", aggregates.values > 0, aggregates.ledger, counted=False)


def same_aggregates(noisy_aggregates: Aggregates) -> Aggregates:
    """Return noisy statistics as statistics."""
    return noisy_aggregates


def aggregates_of_suppressed(suppressed_aggregates: SuppressedAggregates) -> Aggregates:
    """Return statistics of which small ones were left out: these lie halfway between nothing and what they are below."""
    values, ledger = suppressed_aggregates.values, suppressed_aggregates.ledger
    left_out = values.isnan()
    ledger.note(
        "statistics that were left out are taken to be halfway to what they are below", int(left_out.sum()), values.numel()
    )
    return Aggregates("aggregates", values.masked_fill(left_out, suppressed_aggregates.below / 2), ledger)


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


def generated_of_next_symbol(next_symbol: NextSymbolOracle) -> GeneratedLikelihoodOracle:
    """Return text that is written symbol by symbol from the probabilities of the next one: each symbol is one query."""
    symbols = next_symbol(torch.zeros(0, 1)).shape[-1]  # no record, so no query

    def written(prompts: Tensor, length: int, seeds: Seeds) -> tuple[Tensor, Tensor]:
        levels, text, found = levels_of(seeds, length), prompts.float(), []
        for place in range(length):
            # What stands at the last place does not matter: its probabilities depend on the symbols before it.
            scores = next_symbol(torch.cat([text, torch.zeros(len(text), 1)], dim=1))[:, -1]
            code = picked(scores, None if levels is None else levels[:, place])
            text = torch.cat([text, code[:, None].float()], dim=1)
            found.append(scores.gather(-1, code[:, None])[:, 0])
        return text[:, prompts.shape[1] :], torch.stack(found, dim=1)

    return GeneratedLikelihoodOracle("generated_likelihood", written, symbols, next_symbol.ledger, counted=False)


def completions_of_generated(generated_likelihood: GeneratedLikelihoodOracle) -> CompletionOracle:
    """Return the text that a model wrote without its likelihood; queries count once."""
    written, ledger = generated_likelihood, generated_likelihood.ledger
    return CompletionOracle("completions", lambda *asked: written(*asked)[0], ledger, counted=False)


def likelihood_of_generated(generated_likelihood: GeneratedLikelihoodOracle) -> LikelihoodOracle:
    """Return what a model that says how likely it finds its own text tells of other text, symbol by symbol.

    After each beginning of a record it is asked for the likeliest symbol, which is one query. Where that is the record's own, its
    likelihood is known; elsewhere the record's is at most that, and it shares what is left with all symbols but the likeliest.
    """
    ledger, others = generated_likelihood.ledger, math.log(generated_likelihood.symbols - 1)

    def likelihood(x: Tensor) -> Tensor:
        found = torch.empty(x.shape, dtype=torch.float64)
        for place in range(x.shape[1]):
            text, log_probs = generated_likelihood(x[:, :place], 1)
            same, likeliest = text[:, 0] == x[:, place], log_probs[:, 0]
            shared = (-likeliest.expm1()).clamp(min=LEAST).log() - others
            found[:, place] = torch.where(same, likeliest, shared.minimum(likeliest))
            ledger.note(NOT_WRITTEN, int((~same).sum()), len(x))
        return found

    return LikelihoodOracle("likelihood", likelihood, ledger, counted=False)


def noise_of_denoiser(denoiser: DenoiserAccess) -> NoisePredictor:
    """Return the denoiser at home as something that can be asked for the noise in a record: its queries cost nothing."""
    return NoisePredictor("predicted_noise", denoiser.kept, denoiser, denoiser.ledger, counted=False)


def generator_of_denoiser(denoiser: DenoiserAccess) -> GeneratorAccess:
    """Return the generator that a denoiser is when it is applied again and again; a code is the noise that it starts from."""

    def decode(z: Tensor) -> Tensor:
        return sample(denoiser, denoiser.kept, z.reshape(len(z), *denoiser.shape))

    return GeneratorAccess("generator", denoiser.size, decode, denoiser.ledger)
