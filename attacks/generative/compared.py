"""Attacks on fine-tuned language models that compare them with another model symbol by symbol, not by one mean."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.handles import AttackError, LikelihoodOracle, Records, ReferenceLanguageModel, TopSymbolOracle
from attacks.handles.language import lengths
from attacks.models.generators.language import PADDING


def error_zone(records: Records, top_symbol: TopSymbolOracle, reference_language_model: ReferenceLanguageModel) -> Tensor:
    """Share of rises among rises and falls of the log-likelihood where the target errs, float64 (n,), from 0 to 1.

    EZ-MIA of Ilić et al. 2026 (abstract and authors' code) divides the sum of the rises over the reference by that of the falls,
    over the places where the target finds another symbol likelier than the record's; the share ranks alike. A record of which
    nothing falls is the strongest member and gets 1, and so does one in which the target does not err at all; the authors' code
    gives both 0. It also leaves out the first two symbols of a text, which it does not predict or does not count.
    """
    x = records.x
    own, likeliest = top_symbol(x)
    errs = (own < likeliest) & (x != PADDING)
    change = (own - reference_language_model.likelihood(x)).masked_fill(~errs, 0.0)
    rises, falls = change.clamp(min=0).sum(dim=1), -change.clamp(max=0).sum(dim=1)
    # Where the target errs and is in no place surer or less sure than the reference, nothing speaks for either side.
    undecided = torch.where(errs.any(dim=1), 0.5, 1.0).double()
    return torch.where(rises + falls > 0, rises / (rises + falls), undecided)


def windows(
    records: Records,
    likelihood: LikelihoodOracle,
    reference_language_model: ReferenceLanguageModel,
    *,
    shortest: int = 2,
    longest: int = 40,
    sizes: int = 10,
) -> Tensor:
    """Mean share of windows of a record that are likelier for the target than for the reference, over window sizes, float64 (n,).

    WBC of Chen et al. 2026 (abstract; the formulas as another implementation states them): a window of each size slides over the
    record, each gives one vote, and `sizes` sizes lie between the `shortest` and the `longest` in equal ratios. Sizes beyond a
    record's length give no vote; a record shorter than all of them is one window.
    """
    if not 1 <= shortest <= longest or sizes < 2:
        found_here = f"found {shortest}, {longest}, {sizes}"
        raise AttackError(f"windows have 1 symbol or more, from shortest to longest, in at least 2 sizes ({found_here})")
    x = records.x
    change, length = likelihood(x) - reference_language_model.likelihood(x), lengths(x)
    votes, counted = torch.zeros(len(x), dtype=torch.float64), torch.zeros(len(x), dtype=torch.float64)
    for k in range(sizes):
        size = round(shortest * (longest / shortest) ** (k / (sizes - 1)))
        if size > x.shape[1]:
            continue
        found, inside = change.unfold(1, size, 1).sum(dim=-1), length - size + 1
        whole = torch.arange(found.shape[1]) < inside[:, None]
        votes += ((found > 0) & whole).sum(dim=1).double() / inside.clamp(min=1)
        counted += inside >= 1
    own = torch.arange(x.shape[1]) < length[:, None]
    alone = (change.masked_fill(~own, 0.0).sum(dim=1) > 0).double()
    return torch.where(counted > 0, votes / counted.clamp(min=1), alone)
