"""Handles that answer queries, and count them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from attacks.handles import answers
from attacks.handles.handle import Handle, Ledger, Oracle
from attacks.models.poorer_answers import completed

# What an oracle asks: for records x (n, ...) it gives what its handle describes.
Answer = Callable[[Tensor], Tensor]

NOT_SHOWN = "classes that the target does not show are taken to share alike what is left of the probability"


class ScoreOracle(Oracle[Answer]):
    """Answers with the score of every class. Each record that is asked about is one query.

    What the target answers is checked (attacks/handles/answers.py): log-probabilities, normalised, float64 or cast to it with a
    note. `resolution` is the step between two probabilities of a target that answers in steps, as trees and rounded scores do,
    and 0 of others: a probability of 0 is raised to where the resolution ends, and answers of 0 and 1 are noted as ties.
    """

    _axes = 2

    def __init__(
        self,
        name: str,
        answer: Answer,
        ledger: Ledger,
        *,
        counted: bool = True,
        resolution: float = 0.0,
    ):
        if not 0 <= resolution <= 1:
            raise ValueError(f"the resolution of probabilities is from 0 to 1 (found {resolution})")
        super().__init__(name, answer, ledger, counted=counted)
        self._resolution = resolution

    def __call__(self, x: Tensor) -> Tensor:
        """Return log-probabilities, float64 of shape (n, classes), for x of shape (n, ...)."""
        self._ask(len(x))
        return answers.log_probs(self._answer, x, self._axes, self.ledger, self._resolution)


class MaskOracle(ScoreOracle):
    """Answers with the score of every class at every pixel. Each picture that is asked about is one query."""

    _axes = 4

    def __call__(self, x: Tensor) -> Tensor:
        """Return log-probabilities, float64 of shape (n, height, width, classes), for x of shape (n, height, width)."""
        return super().__call__(x)


class TopScoreOracle(Handle):
    """Answers with the highest scores and their classes."""

    def __init__(self, name: str, scores: ScoreOracle, k: int = 3):
        super().__init__(name, scores.ledger)
        self._scores = scores
        self._k = k

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return log-probabilities float64 and classes int64, both (n, k), highest first, for x of shape (n, ...)."""
        self._touch()
        log_probs = self._scores(x)
        top = log_probs.topk(min(self._k, log_probs.shape[-1]), dim=-1)
        return top.values, top.indices

    def completed(self, x: Tensor) -> Tensor:
        """Return log-probabilities of every class, float64 (n, classes), that agree with the highest; the classes are known.

        None of the others is more likely than the last that is shown.
        """
        self._touch()
        log_probs = self._scores(x)
        top = log_probs.topk(min(self._k, log_probs.shape[-1]), dim=-1)
        shown = torch.full_like(log_probs, float("nan")).scatter(-1, top.indices, top.values)
        return _completed(shown, top.values[:, -1], self.ledger)


class ThresholdedScoreOracle(Handle):
    """Answers with the scores that reach a threshold, and with nothing for the other classes, which are known by name."""

    def __init__(self, name: str, scores: ScoreOracle, threshold: float = 0.5):
        super().__init__(name, scores.ledger)
        self._scores = scores
        self._threshold = threshold

    def __call__(self, x: Tensor) -> Tensor:
        """Return log-probabilities, float64 (n, classes), NaN for a class whose probability does not reach the threshold.

        Records x are of shape (n, ...).
        """
        self._touch()
        log_probs = self._scores(x)
        return log_probs.masked_fill(log_probs < math.log(self._threshold), float("nan"))

    def completed(self, x: Tensor) -> Tensor:
        """Return log-probabilities of every class, float64 (n, classes), that agree with those that reach the threshold."""
        shown = self(x)
        return _completed(shown, torch.full((len(shown),), math.log(self._threshold), dtype=torch.float64), self.ledger)


class CompletedScores(ScoreOracle):
    """Answers with scores of every class that agree with what a poorer oracle shows; that one counts the queries."""

    def __init__(self, poorer: TopScoreOracle | ThresholdedScoreOracle):
        super().__init__("scores", poorer.completed, poorer.ledger, counted=False)

    def __call__(self, x: Tensor) -> Tensor:
        """Return log-probabilities, float64 of shape (n, classes), for x of shape (n, ...)."""
        self._touch()
        return self._answer(x)


def _completed(shown: Tensor, most: Tensor, ledger: Ledger) -> Tensor:
    ledger.note(NOT_SHOWN, int(shown.isnan().any(dim=-1).sum()), len(shown))
    return completed(shown, most)


class LabelOracle(Handle):
    """Answers with the predicted class and nothing else. Each record is one query, which the oracle that it is made of counts."""

    def __init__(self, name: str, answer: Callable[[Tensor], Tensor], ledger: Ledger):
        super().__init__(name, ledger)
        self._answer = answer

    def __call__(self, x: Tensor) -> Tensor:
        """Return predicted classes, int64 of shape (n,), for x of shape (n, ...)."""
        self._touch()
        return answers.labels(self._answer, x)


class ValueOracle(Oracle[Answer]):
    """Answers with the number that a regression predicts. Each record that is asked about is one query."""

    def __call__(self, x: Tensor) -> Tensor:
        """Return predicted values, float64 of shape (n,), for x of shape (n, ...)."""
        self._ask(len(x))
        return answers.values(self._answer, x, self.ledger)


class EmbeddingOracle(Oracle[Answer]):
    """Answers with the vector that a model makes of a record. Each record that is asked about is one query."""

    def __call__(self, x: Tensor) -> Tensor:
        """Return vectors, float64 of shape (n, width), for x of shape (n, ...)."""
        self._ask(len(x))
        return answers.finite(self._answer(x.detach().clone()), len(x))


class UpdatedScores(Oracle[Answer]):
    """Answers with the scores of a model before it was updated, and after each of its updates.

    The updates know nothing of each other: each starts from the same model and takes in one new record. Each record that is
    asked about is one query, every time. What the updates were made with, the handle does not hold.
    """

    def __init__(
        self,
        name: str,
        before: Answer,
        after: Sequence[Answer],
        ledger: Ledger,
        *,
        counted: bool = True,
    ):
        super().__init__(name, before, ledger, counted=counted)
        self._after = after

    def __len__(self) -> int:
        """Return the number of updates."""
        return len(self._after)

    def before(self, x: Tensor) -> Tensor:
        """Return log-probabilities before any update, float64 of shape (n, classes), for x of shape (n, ...)."""
        return self._asked(self._answer, x)

    def after(self, update: int, x: Tensor) -> Tensor:
        """Return log-probabilities after one update, float64 of shape (n, classes), for x of shape (n, ...)."""
        return self._asked(self._after[update], x)

    def _asked(self, answer: Answer, x: Tensor) -> Tensor:
        self._ask(len(x))
        return answers.log_probs(answer, x, 2, self.ledger, 0.0)
