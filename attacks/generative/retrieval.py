"""Attacks on systems that find text in a store: what is found for one part of a record holds the rest of it, if it is stored."""

from __future__ import annotations

from torch import Tensor

from attacks.handles import AttackError, Records, RetrievalOracle
from attacks.metrics.text_overlap import recall


def rest_of_the_record(records: Records, retrieval: RetrievalOracle, *, gram: int = 4) -> Tensor:
    """Share of each record's second half that stands in what is found for its first half, float64 (n,).

    S2MIA of Li et al. 2024 (remembered) asks a retrieval-augmented generator with a part of the document and compares its answer
    with the document; here by the recall of n-grams of `gram` symbols (ROUGE-N), and without the paper's second signal, the
    perplexity of the answer, which such services do not tell.
    """
    x = records.x
    half = x.shape[1] // 2
    if not 1 <= gram <= x.shape[1] - half:
        raise AttackError(f"n-grams have from 1 to {x.shape[1] - half} symbols (found {gram})")
    return recall(retrieval(x[:, :half]), x[:, half:], gram)
