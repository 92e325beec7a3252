"""Attacks on language models that only write text: prompted with the beginning of a record, do they write the rest of it?"""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.handles import AttackError, CompletionOracle, Records
from attacks.metrics.text_overlap import recall
from attacks.seeds import hash_records


def pseudo_likelihood(
    records: Records, completions: CompletionOracle, *, samples: int = 10, gram: int = 4, seed: int = 0
) -> Tensor:
    """Mean share of a record's second half that the model writes after the first, float64 (n,).

    SaMIA of Kaneko et al. 2024 (remembered): the first half is the prompt, several texts are drawn after it, and each is compared
    with the second half by the recall of n-grams (ROUGE-N), as if this were its likelihood. The paper's n-grams are of words;
    here they are of `gram` symbols, since the model writes characters.
    """
    x = records.x
    half = x.shape[1] // 2
    prompts, rest = x[:, :half], x[:, half:]
    if samples < 1 or not 1 <= gram <= rest.shape[1]:
        raise AttackError(f"samples are at least 1, and n-grams from 1 to {rest.shape[1]} symbols (found {samples}, {gram})")
    drawn = [completions(prompts, rest.shape[1], hash_records(seed, k, records.ids)) for k in range(samples)]
    return torch.stack([recall(text, rest, gram) for text in drawn]).mean(dim=0)


def written_by_itself(records: Records, completions: CompletionOracle, *, symbols: int = 100) -> Tensor:
    """Share of the last symbols of each record that the model itself writes after all that stand before them, float64 (n,).

    Tirumala et al. 2022 (remembered) count as memorised what a model predicts right from its context; for a model of text it is
    what the predicted label is for a classifier. At most `symbols` symbols are looked at, each with one query for the likeliest.
    """
    x = records.x
    if symbols < 1:
        raise AttackError(f"symbols are at least 1 (found {symbols})")
    places = range(max(0, x.shape[1] - symbols), x.shape[1])
    right = [completions(x[:, :place], 1)[:, 0] == x[:, place] for place in places]
    return torch.stack(right).double().mean(dim=0)
