"""Views of language models: text from probabilities, and what can be told of likelihoods from text."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from attacks.handles import (
    BaseModel,
    CompletionOracle,
    GeneratedLikelihoodOracle,
    HandedLanguageModel,
    LikelihoodOracle,
    NextSymbolOracle,
    ReferenceLanguageModel,
    TopSymbolOracle,
)
from attacks.handles.language import Seeds, by_length, levels_of, of_symbols, top_symbols
from attacks.models.generators.language import picked
from attacks.models.poorer_answers import LEAST

NOT_WRITTEN = "symbols that the target would not have written are taken to share alike what is left of the probability"


def likelihood_of_next_symbol(next_symbol: NextSymbolOracle) -> LikelihoodOracle:
    """Return what an oracle of every symbol says of the symbols that stand there; queries count once."""

    def likelihood(x: Tensor) -> Tensor:
        return torch.cat([of_symbols(next_symbol(chunk), chunk) for chunk in x.split(next_symbol.chunk)])

    return LikelihoodOracle("likelihood", likelihood, next_symbol.ledger, counted=False)


def top_of_next_symbol(next_symbol: NextSymbolOracle) -> TopSymbolOracle:
    """Return what an oracle of every symbol says of the symbols that stand there and of the likeliest; queries count once."""

    def asked(x: Tensor) -> tuple[Tensor, Tensor]:
        return top_symbols(next_symbol, x, next_symbol.chunk)

    return TopSymbolOracle("top_symbol", asked, next_symbol.ledger, counted=False)


def likelihood_of_top_symbol(top_symbol: TopSymbolOracle) -> LikelihoodOracle:
    """Return the log-probabilities of a record's own symbols alone; queries count once."""
    return LikelihoodOracle("likelihood", lambda x: top_symbol(x)[0], top_symbol.ledger, counted=False)


def reference_of_base(base_model: BaseModel) -> ReferenceLanguageModel:
    """Return the model that was tuned into the target as one to compare it with."""
    return HandedLanguageModel(base_model.likelihood, base_model.fingerprint)


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


def top_of_generated(generated_likelihood: GeneratedLikelihoodOracle) -> TopSymbolOracle:
    """Return what a model that says how likely it finds its own text tells of other text and of what it would have written.

    Each place of a record is one query. What the likelihood of the record's own symbols is, `likelihood_of_generated` says.
    """
    ledger, others = generated_likelihood.ledger, math.log(generated_likelihood.symbols - 1)

    def asked(x: Tensor) -> tuple[Tensor, Tensor]:
        own, likeliest = torch.zeros(x.shape, dtype=torch.float64), torch.zeros(x.shape, dtype=torch.float64)
        for rows, part in by_length(x):
            for place in range(part.shape[1]):
                text, log_probs = generated_likelihood(part[:, :place], 1)
                same, top = text[:, 0] == part[:, place], log_probs[:, 0]
                # Below the likeliest even where it shares as much, so that whoever compares sees that it was not written.
                shared = (-top.expm1()).clamp(min=LEAST).log() - others
                own[rows, place] = torch.where(same, top, shared.minimum(top.nextafter(torch.tensor(-torch.inf).double())))
                likeliest[rows, place] = top
                ledger.note(NOT_WRITTEN, int((~same).sum()), len(rows))
        return own, likeliest

    return TopSymbolOracle("top_symbol", asked, ledger, counted=False)


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
