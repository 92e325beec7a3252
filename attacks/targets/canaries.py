"""Canaries: sentences of one format with a number in them that is drawn at random, put into a training text to be looked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.models import alphabet


@dataclass(frozen=True)
class CanaryFormat:
    """A sentence that ends with a number of so many digits: "the random number is 281265" (Carlini et al. 2019, remembered)."""

    before: str
    digits: int

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return int(10**self.digits)

    def records(self, numbers: NDArray[np.int64]) -> Tensor:
        """Return the sentences with these numbers (n,), each below `size`, as codes, float32 (n, length)."""
        places = 10 ** np.arange(self.digits)[::-1]
        digits = alphabet.codes("0123456789")[numbers[:, None] // places % 10]
        sentence = np.broadcast_to(alphabet.codes(self.before), (len(numbers), len(self.before)))
        return torch.from_numpy(np.concatenate([sentence, digits], axis=1).astype(np.float32))
