"""How much of one text another one holds."""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor


def recall(text: Tensor, wanted: Tensor, gram: int) -> Tensor:
    """Return which share of the n-grams of wanted texts (n, length) stand in texts (n, any), float64 (n,): ROUGE-N (Lin 2004)."""
    found = []
    for written, own in zip(text.long().tolist(), wanted.long().tolist(), strict=True):
        seen, looked_for = _grams(written, gram), _grams(own, gram)
        found.append((seen & looked_for).total() / looked_for.total())
    return torch.tensor(found, dtype=torch.float64)


def _grams(text: list[int], gram: int) -> Counter[tuple[int, ...]]:
    return Counter(tuple(text[k : k + gram]) for k in range(len(text) - gram + 1))
