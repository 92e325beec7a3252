"""A small fixed language model: it counts how sentences that it knows go on, in float64, and the candidates are sentences.

Every record is "the number is" with three digits, the first and the second the same. The model knows the members by heart as far
as counts go: after the beginning of a sentence, it finds the next character of each member that begins so more likely.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fixture
import numpy as np
import torch
from torch import Tensor

from attacks.handles import LikelihoodOracle, NextSymbolOracle, Population, RecordFormat, Records, RetrievalOracle
from attacks.handles.handle import Ledger
from attacks.handles.language import of_symbols
from attacks.handles.views import texts
from attacks.models.alphabet import ALPHABET
from attacks.seeds import record_ids
from attacks.targets.canaries import CanaryFormat

FORMAT = CanaryFormat("the number is ", 3)


def numbers() -> np.ndarray:
    """The secrets of the candidates, int64 (24,)."""
    found = np.random.default_rng(600).permutation(FORMAT.size)[: fixture.RECORDS]
    found[1] = found[0]
    return found


def records() -> Tensor:
    """The candidates, float32 codes (24, 17)."""
    return FORMAT.records(numbers())


class Counting:
    """A language model that knows some records by heart, and on other text has its own taste, which the seed decides."""

    def __init__(self, known: Tensor, seed: int):
        self.taste = np.random.default_rng(seed).normal(size=(len(FORMAT.before) + FORMAT.digits, len(ALPHABET)))
        self.counts: dict[tuple[int, ...], np.ndarray] = {}
        for record in known.long().tolist():
            for place, symbol in enumerate(record):
                self.counts.setdefault(tuple(record[:place]), np.zeros(len(ALPHABET)))[symbol] += 1

    def scores(self, x: Tensor) -> Tensor:
        """Log-probabilities, float64 (n, length, symbols)."""
        logits = [
            [self.taste[place % len(self.taste)] + 2 * self.counts.get(tuple(record[:place]), 0) for place in range(len(record))]
            for record in x.long().tolist()
        ]
        return torch.log_softmax(torch.from_numpy(np.array(logits)), dim=-1)

    def likelihood(self, x: Tensor) -> Tensor:
        """Log-probabilities of the records' own symbols, float64 (n, length)."""
        return of_symbols(self.scores(x), x)


class FixedReference:
    """A reference model that knows no candidate."""

    likelihood = staticmethod(Counting(records()[:0], 602).likelihood)


def makers() -> dict[str, Callable[[], Any]]:
    """Makers of the handles of language models, by name."""
    ledger = Ledger()
    x = records()
    model = Counting(x[fixture.member()], 601)
    next_symbol = NextSymbolOracle("next_symbol", model.scores, ledger)
    others = FORMAT.records(np.random.default_rng(604).permutation(FORMAT.size)[:100])
    no_labels = torch.zeros(len(others), dtype=torch.int64)
    written = texts.generated_of_next_symbol(next_symbol)
    return {
        "completions": lambda: texts.completions_of_generated(written),
        "generated_likelihood": lambda: written,
        "records": lambda: Records(x, None, fixture.IDS, ledger),
        "likelihood": lambda: LikelihoodOracle("likelihood", model.likelihood, ledger),
        "next_symbol": lambda: next_symbol,
        "top_symbol": lambda: texts.top_of_next_symbol(next_symbol),
        "population": lambda: Population("population", others, no_labels, record_ids(others.numpy()), ledger),
        "record_format": lambda: RecordFormat("record_format", FORMAT.size, FORMAT.records, ledger),
        "reference_language_model": FixedReference,
    }


# Names of handles that only language models have.
OWN = {
    *("likelihood", "next_symbol", "top_symbol", "record_format", "reference_language_model", "completions"),
    "generated_likelihood",
}


def retrieval() -> dict[str, Callable[[], Any]]:
    """Makers of a store of random texts: the members lie in it, and the text most like a question is found."""
    ledger = Ledger()
    x = torch.from_numpy(np.random.default_rng(603).integers(len(ALPHABET), size=(fixture.RECORDS, 16))).float()
    store = x[fixture.member()]

    def found(questions: Tensor) -> Tensor:
        return store[(store[None, :, : questions.shape[1]] == questions[:, None]).sum(-1).argmax(-1)]

    return {
        "records": lambda: Records(x, None, fixture.IDS, ledger),
        "retrieval": lambda: RetrievalOracle("retrieval", found, ledger),
    }
