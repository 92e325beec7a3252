"""Causal language models of the package `transformers`: what they answer on records of tokens, and how they go on."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from attacks.models.generators.language import PADDING, picked

# So many logits are held at a time.
LOGITS = 2**25


class CausalNetwork:
    """A causal language model at home. Records are its tokens, float32 (n, length), filled up at the end with PADDING.

    `start` is the token that stands before the first one of every text.
    """

    def __init__(self, model: Any, start: int):
        self._model, self._start = model, start
        self.symbols: int = model.get_output_embeddings().weight.shape[0]

    @property
    def longest(self) -> int | None:
        """How many tokens of a text the model can look at, if that is limited."""
        limit = getattr(self._model.config, "max_position_embeddings", None)
        return None if limit is None else int(limit) - 1

    def chunk(self, length: int) -> int:
        """Return how many records of this length are asked about at a time."""
        return max(1, LOGITS // (self.symbols * max(length, 1)))

    def scores(self, x: Tensor) -> Tensor:
        """Return for records x (n, length) the log-probability of every token at each place, float64 (n, length, symbols)."""
        start = torch.full((len(x), 1), self._start)
        before = torch.cat([start, x[:, :-1].long().clamp(min=0)], dim=1)
        with torch.no_grad():
            # What fills a text up stands behind it, where a causal model does not look.
            logits: Tensor = self._model(input_ids=before).logits
        return torch.log_softmax(logits.double(), dim=-1)

    def likelihood(self, x: Tensor) -> Tensor:
        """Return for records x (n, length) the log-probability of each token after those before it, float64 (n, length)."""
        found = torch.zeros(x.shape, dtype=torch.float64)
        length = (x != PADDING).sum(dim=1)
        # Texts of like length are asked about together, so that little is filled up.
        order = length.argsort(stable=True)
        for rows in order.split(self.chunk(x.shape[1])):
            most = int(length[rows].max())
            part = x[rows, :most]
            own = self.scores(part).gather(-1, part.long().clamp(min=0)[..., None])[..., 0]
            found[rows, :most] = own.masked_fill(part == PADDING, 0.0)
        return found

    def continued(self, prompts: Tensor, length: int, levels: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return how texts go on after prompts (n, any): tokens float32 (n, length), and their log-probabilities, float64.

        `levels` float64 (n, length) from 0 to 1 each pick a token by the inverse of the distribution function; without them each
        is the likeliest one.
        """
        parts = prompts.split(max(1, LOGITS // (self.symbols * (prompts.shape[1] + 1))))
        found, done = [], 0
        for part in parts:
            found.append(self._continued(part, length, None if levels is None else levels[done : done + len(part)]))
            done += len(part)
        return torch.cat([text for text, _ in found]), torch.cat([log_probs for _, log_probs in found])

    def _continued(self, prompts: Tensor, length: int, levels: Tensor | None) -> tuple[Tensor, Tensor]:
        # Whoever asks about texts of several lengths place by place also asks what stands behind the shorter ones.
        asked = torch.cat([torch.full((len(prompts), 1), self._start), prompts.long().clamp(min=0)], dim=1)
        found = []
        for place in range(length):
            with torch.no_grad():
                logits: Tensor = self._model(input_ids=asked).logits[:, -1]
            scores = torch.log_softmax(logits.double(), dim=-1)
            code = picked(scores, None if levels is None else levels[:, place])[:, None]
            asked = torch.cat([asked, code], dim=1)
            found.append(scores.gather(-1, code))
        return asked[:, -length:].float(), torch.cat(found, dim=1)
