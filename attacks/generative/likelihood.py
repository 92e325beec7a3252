"""Attacks on language models by the likelihood of a record's symbols: members are more likely than other text."""

from __future__ import annotations

import zlib

import torch
from torch import Tensor

from attacks.handles import (
    AttackError,
    LikelihoodOracle,
    NextSymbolOracle,
    Population,
    Records,
    ReferenceLanguageModel,
    SuspectSets,
    TextRecords,
)
from attacks.handles.language import lengths, of_symbols
from attacks.models import alphabet, weighing


def perplexity(records: Records, likelihood: LikelihoodOracle) -> Tensor:
    """Mean log-likelihood of each record's symbols, which is minus the logarithm of its perplexity, float64 (n,).

    Carlini et al. 2021 (log-perplexity; authors' code); the loss of Yeom et al. 2018 on a model of text.
    """
    x = records.x
    return _mean(likelihood(x), x)


def over_zlib(records: Records, likelihood: LikelihoodOracle) -> Tensor:
    """Minus the log-perplexity of each record over the bytes to which zlib compresses its text, float64 (n,).

    Carlini et al. 2021 rank by the bytes over the log-perplexity (authors' code), which ranks alike: text that is likely only
    because it repeats itself is short when compressed.
    """
    x = records.x
    texts = records.texts if isinstance(records, TextRecords) else [alphabet.text(record) for record in x]
    size = [len(zlib.compress(text.encode())) for text in texts]
    return _mean(likelihood(x), x) / torch.tensor(size, dtype=torch.float64)


def over_reference(records: Records, likelihood: LikelihoodOracle, reference_language_model: ReferenceLanguageModel) -> Tensor:
    """Logarithm of how many times as likely each record is for the target as for a reference model, a symbol, float64 (n,).

    Mireshghallah et al. 2022 (abstract and Figure 1), of masked language models: the likelihood ratio of the target and a model
    trained on a disjoint data set. Here both are models of the next symbol, and the logarithm is the mean over symbols.
    """
    x = records.x
    return _mean(likelihood(x) - reference_language_model.likelihood(x), x)


def least_likely(records: Records, likelihood: LikelihoodOracle, *, share: float = 0.2) -> Tensor:
    """Mean log-likelihood of the least likely `share` of each record's symbols, float64 (n,).

    Min-K % of Shi et al. 2024 (authors' code): other text has some symbols that surprise the model much, members have fewer.
    """
    x = records.x
    return _lowest(likelihood(x), x, share)


def least_likely_standardised(records: Records, next_symbol: NextSymbolOracle, *, share: float = 0.2) -> Tensor:
    """Mean of the lowest `share` of each record's standardised log-likelihoods, float64 (n,).

    Min-K %++ of Zhang et al. 2025 (authors' code): at each place, the mean of the log-likelihood under the model's own
    distribution is subtracted and its standard deviation divides, so that a symbol counts as unlikely only where the model
    expected another.
    """
    x = records.x
    return _lowest(torch.cat([_standardised(next_symbol(chunk), chunk) for chunk in x.split(next_symbol.chunk)]), x, share)


def _standardised(scores: Tensor, x: Tensor) -> Tensor:
    share = scores.exp()
    # A symbol of probability 0 adds nothing to a mean, though its logarithm is infinite.
    finite = torch.where(share > 0, scores, 0.0)
    mean = (share * finite).sum(dim=-1)
    spread = (share * (finite - mean[..., None]).square()).sum(dim=-1).sqrt()
    # Where all possible symbols are equally likely, none is a surprise.
    return torch.where(spread > 0, (of_symbols(scores, x) - mean) / spread, 0.0)


def _mean(values: Tensor, x: Tensor) -> Tensor:
    """Return the mean of values (n, length) over the symbols of each of records x (n, length), (n,)."""
    length = lengths(x)
    own = torch.arange(x.shape[1]) < length[:, None]
    return values.masked_fill(~own, 0.0).sum(dim=1) / length


def _lowest(values: Tensor, x: Tensor, share: float) -> Tensor:
    """Return the mean of the lowest share of the values (n, length) of each record's symbols, (n,).

    It is rounded down to a number of them, but at least one.
    """
    if not 0 < share <= 1:
        raise AttackError(f"share is above 0 and at most 1 (found {share:g})")
    length, place = lengths(x), torch.arange(x.shape[1])
    ordered = values.masked_fill(place >= length[:, None], torch.inf).sort(dim=1).values
    count = (length.double() * share).long().clamp(min=1)
    return ordered.masked_fill(place >= count[:, None], 0.0).sum(dim=1) / count


# Shares of a record's symbols whose least likely ones are signals of a set.
SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)


def of_sets(
    records: Records,
    next_symbol: NextSymbolOracle,
    population: Population,
    suspect_sets: SuspectSets,
    *,
    penalty: float = 1.0,
    draws: int = 1999,
    seed: int = 0,
) -> Tensor:
    """P-value of each set, float64 (sets,), from many weak signals of membership (LLM dataset inference).

    Maini et al. 2024, Section 5.1: perplexity, its ratio to what zlib makes of the text, Min-K % and Min-K %++ of each record are
    weighed by a linear model that learns on one half of a set and of what was kept back with it, and tested on the other half.
    Of the authors' signals those by changed texts and by other models are left out. They clip outliers and scale each signal on
    the whole of a side, both halves, and take a t-test; here the scale is that of the first halves, and the test a permutation
    (`weighing.p_values`). Records whose symbols are no characters have no signal by zlib, since it reads text.
    """
    both = suspect_sets.joined(records, population)
    x, found = both.x, list[Tensor]()
    for chunk in x.split(next_symbol.chunk):
        scores = next_symbol(chunk)
        likely, standardised = of_symbols(scores, chunk), _standardised(scores, chunk)
        mean = _mean(likely, chunk)
        lowest = [_lowest(values, chunk, share) for values in (likely, standardised) for share in SHARES]
        found.append(torch.stack([mean, *lowest], dim=1))
    signals = torch.cat(found)
    if not isinstance(records, TextRecords):
        size = torch.tensor([len(zlib.compress(alphabet.text(record).encode())) for record in x], dtype=torch.float64)
        signals = torch.cat([signals, (signals[:, 0] / size)[:, None]], dim=1)
    return weighing.p_values(signals, both.ids, len(suspect_sets), draws=draws, penalty=penalty, seed=seed)
