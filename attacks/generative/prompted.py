"""Attacks on language models that only write text: prompted with the beginning of a record, do they write the rest of it?"""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.handles import AttackError, CompletionOracle, Records
from attacks.handles.language import by_length
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
    most = x.shape[1] - x.shape[1] // 2
    if samples < 1 or not 1 <= gram <= most:
        raise AttackError(f"samples are at least 1, and n-grams from 1 to {most} symbols (found {samples}, {gram})")
    found = torch.empty(len(x), dtype=torch.float64)
    for rows, text in by_length(x):
        half = text.shape[1] // 2
        prompts, rest = text[:, :half], text[:, half:]
        seeds = [hash_records(seed, k, records.ids[rows.numpy()]) for k in range(samples)]
        drawn = [completions(prompts, rest.shape[1], each) for each in seeds]
        # Of a text too short for n-grams, its whole half is one.
        found[rows] = torch.stack([recall(one, rest, min(gram, rest.shape[1])) for one in drawn]).mean(dim=0)
    return found


def written_by_itself(records: Records, completions: CompletionOracle, *, symbols: int = 100) -> Tensor:
    """Share of the last symbols of each record that the model itself writes after all that stand before them, float64 (n,).

    Tirumala et al. 2022 (remembered) count as memorised what a model predicts right from its context; for a model of text it is
    what the predicted label is for a classifier. At most `symbols` symbols are looked at, each with one query for the likeliest.
    """
    x = records.x
    if symbols < 1:
        raise AttackError(f"symbols are at least 1 (found {symbols})")
    found = torch.empty(len(x), dtype=torch.float64)
    for rows, text in by_length(x):
        places = range(max(0, text.shape[1] - symbols), text.shape[1])
        right = [completions(text[:, :place], 1)[:, 0] == text[:, place] for place in places]
        found[rows] = torch.stack(right).double().mean(dim=0)
    return found
