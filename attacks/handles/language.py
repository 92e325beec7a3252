"""Handles of language models: how likely they find texts, and how texts of one format are made up."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.handles import answers
from attacks.handles.handle import Handle, Ledger, Oracle
from attacks.models.generators import Generator
from attacks.models.generators.language import PADDING

# Records are asked about in chunks where every symbol is answered, so that memory does not grow with their number.
CHUNK = 500


class NextSymbolOracle(Oracle[Callable[[Tensor], Tensor]]):
    """Answers with the probability of every symbol at each place of a record. Each record is one query.

    `chunk` is for how many records at a time answers fit in memory.
    """

    def __init__(
        self, name: str, answer: Callable[[Tensor], Tensor], ledger: Ledger, *, counted: bool = True, chunk: int = CHUNK
    ):
        super().__init__(name, answer, ledger, counted=counted)
        self.chunk = chunk

    def __call__(self, x: Tensor) -> Tensor:
        """Return for records x (n, length) the log-probability of each symbol at each place, float64 (n, length, symbols).

        Those at one place depend on the symbols before it and on no others.
        """
        self._ask(len(x))
        return answers.log_probs(self._answer, x, 3, self.ledger)


class LikelihoodOracle(Oracle[Callable[[Tensor], Tensor]]):
    """Answers with the probability of each symbol of a record after those before it. Each record is one query."""

    def __call__(self, x: Tensor) -> Tensor:
        """Return for records x (n, length) the log-probability of each symbol, float64 (n, length); their sum is the record's."""
        self._ask(len(x))
        return answers.likelihoods(self._answer, x, self.ledger)


class TopSymbolOracle(Oracle[Callable[[Tensor], tuple[Tensor, Tensor]]]):
    """Answers with the probability of each symbol of a record and of the likeliest one there. Each record is one query."""

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return for records x (n, length) the log-probabilities of their symbols and of the likeliest ones, float64 (n, length).

        Both are 0 where a record is filled up. Where they are equal, the record's own symbol is the likeliest.
        """
        self._ask(len(x))
        own, likeliest = self._answer(x.detach().clone())
        return (
            answers.likelihoods(lambda _: own, x, self.ledger),
            answers.likelihoods(lambda _: likeliest, x, self.ledger),
        )


Seeds = NDArray[np.uint64] | None


class CompletionOracle(Oracle[Callable[[Tensor, int, Seeds], Tensor]]):
    """Answers prompts with text that the model writes. Each prompt is one query."""

    def __call__(self, prompts: Tensor, length: int, seeds: Seeds = None) -> Tensor:
        """Return how each of the prompts (n, any) goes on, float32 codes (n, length).

        `seeds` uint64 (n,) draw from the model, one for each prompt; without them each symbol is the likeliest one.
        """
        self._ask(len(prompts))
        return answers.finite(self._answer(prompts.detach().clone(), length, seeds), len(prompts))


class GeneratedLikelihoodOracle(Oracle[Callable[[Tensor, int, Seeds], tuple[Tensor, Tensor]]]):
    """Answers prompts with text that the model writes, and says how likely it found each symbol of that. A prompt is one query.

    `symbols` is the number of symbols that the model knows.
    """

    def __init__(
        self,
        name: str,
        answer: Callable[[Tensor, int, Seeds], tuple[Tensor, Tensor]],
        symbols: int,
        ledger: Ledger,
        *,
        counted: bool = True,
    ):
        super().__init__(name, answer, ledger, counted=counted)
        self.symbols = symbols

    def __call__(self, prompts: Tensor, length: int, seeds: Seeds = None) -> tuple[Tensor, Tensor]:
        """Return how each prompt (n, any) goes on, float32 codes (n, length), and log-probabilities of it, float64 (n, length).

        `seeds` are those of a `CompletionOracle`.
        """
        self._ask(len(prompts))
        text, log_probs = self._answer(prompts.detach().clone(), length, seeds)
        return answers.finite(text, len(prompts)), answers.likelihoods(lambda _: log_probs, text, self.ledger)


class RetrievalOracle(Handle):
    """Answers questions with the text that a system finds for them in its store. Each question is one query."""

    def __init__(self, name: str, answer: Callable[[Tensor], Tensor], ledger: Ledger):
        super().__init__(name, ledger)
        self._answer = answer

    def __call__(self, questions: Tensor) -> Tensor:
        """Return the text that is found for each of the questions (n, any), float32 codes (n, length)."""
        self._touch()
        self.ledger.charge(len(questions))
        return answers.finite(self._answer(questions.detach().clone()), len(questions))


def levels_of(seeds: Seeds, length: int) -> Tensor | None:
    """Return numbers from 0 to 1 at which symbols are picked, float64 (n, length): each row follows from its own seed."""
    if seeds is None:
        return None
    drawn = [np.random.Generator(np.random.Philox(key=int(key))).random(length) for key in seeds]
    return torch.from_numpy(np.array(drawn).reshape(len(seeds), length))


class RecordFormat(Handle):
    """The format of the candidates: it makes up records with other secrets, of which there are `size`."""

    def __init__(self, name: str, size: int, make: Callable[[NDArray[np.int64]], Tensor], ledger: Ledger):
        super().__init__(name, ledger)
        self._size = size
        self._make = make

    @property
    def size(self) -> int:
        """How many secrets the format has room for."""
        self._touch()
        return self._size

    def random(self, count: int, seed: int) -> Tensor:
        """Return records with random secrets, each drawn anew from all, float32 (count, ...)."""
        self._touch()
        return self._make(np.random.default_rng(seed).integers(self._size, size=count))

    def every(self) -> Tensor:
        """Return the records with every secret there is, float32 (size, ...)."""
        self._touch()
        return self._make(np.arange(self._size))


class ReferenceLanguageModel:
    """A language model of the adversary's own, trained without the candidates; it answers at home, without a limit."""

    def __init__(self, generator: Generator):
        self._generator = generator
        self.fingerprint = generator.fingerprint

    def likelihood(self, x: Tensor) -> Tensor:
        """Return for records x (n, length) the log-probability of each symbol after those before it, float64 (n, length)."""
        found: Tensor = self._generator.module.likelihood(x.detach().clone())
        return found


class HandedLanguageModel(ReferenceLanguageModel):
    """A language model that somebody else trained, to compare with; it answers at home, without a limit."""

    def __init__(self, likelihood: Callable[[Tensor], Tensor], fingerprint: str):
        self._likelihood, self.fingerprint = likelihood, fingerprint

    def likelihood(self, x: Tensor) -> Tensor:
        """Return for records x (n, length) the log-probability of each symbol after those before it, float64 (n, length)."""
        return self._likelihood(x.detach().clone())


class BaseModel(Handle):
    """The pre-trained model that was tuned into the target, as everybody can download it; at home it answers without a limit."""

    def __init__(self, name: str, likelihood: Callable[[Tensor], Tensor], fingerprint: str, ledger: Ledger):
        super().__init__(name, ledger)
        self._likelihood = likelihood
        self.fingerprint = fingerprint

    def likelihood(self, x: Tensor) -> Tensor:
        """Return for records x (n, length) the log-probability of each symbol after those before it, float64 (n, length)."""
        self._touch()
        return answers.likelihoods(self._likelihood, x, self.ledger)


def top_symbols(scores: Callable[[Tensor], Tensor], x: Tensor, chunk: int) -> tuple[Tensor, Tensor]:
    """Return of the answers on records x (n, length), so many at a time, those for own and for likeliest symbols, (n, length).

    `scores` answers with (n, length, symbols). What fills a record up gets 0 in both.
    """
    own, likeliest = [], []
    for part in x.split(chunk):
        found = scores(part)
        own.append(of_symbols(found, part))
        likeliest.append(found.amax(dim=-1).masked_fill(part == PADDING, 0.0))
    return torch.cat(own), torch.cat(likeliest)


def of_symbols(scores: Tensor, x: Tensor) -> Tensor:
    """Return of the answers on records x (n, length), (n, length, symbols), those for the records' own symbols, (n, length).

    What fills a record up gets 0, as if it were certain.
    """
    own = torch.gather(scores, -1, x.long().clamp(min=0)[..., None])[..., 0]
    return own.masked_fill(x == PADDING, 0.0)


def lengths(x: Tensor) -> Tensor:
    """Return how many symbols each of records x (n, length) has, int64 (n,), without what fills shorter ones up."""
    return (x != PADDING).sum(dim=1)


def by_length(x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield which of records x (n, length) are of one length, int64 (some,), and these without what fills them up."""
    length = lengths(x)
    for one in length.unique().tolist():
        rows = (length == one).nonzero().flatten()
        yield rows, x[rows, :one]
