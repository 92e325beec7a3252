"""Training records that are altered before whoever trains the model sees them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attacks.models.training import Recipe, TrainingSet, fit
from attacks.seeds import derive_seed


def obfuscate(
    recipe: Recipe, data: TrainingSet, *, share: float, features: float, spread: float, added: float, seed: int
) -> nn.Module:
    """Train on records of which a part is noisy, and on artificial ones beside them. Zhang et al. 2018.

    To hide single records, a `share` of them gets normal noise on a share of their `features`, drawn for each; its standard
    deviation is `spread` times the feature's own. To hide what a group has in common, `added` times as many records are put in,
    each the negative of a real one, mirrored between the least and the most of every feature, with a tenth of that noise; they
    keep the label. The paper was not read in full: what is noisy in pictures there is a third of the pixels.
    """
    return fit(recipe, altered(data, share=share, features=features, spread=spread, added=added, seed=seed))


def altered(data: TrainingSet, *, share: float, features: float, spread: float, added: float, seed: int) -> TrainingSet:
    """Return a training set as `obfuscate` alters it: the records in their order, then the artificial ones."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "obfuscated") % 2**63)
    x = data.x.float()
    deviation, most, least = x.std(dim=0, correction=0), x.amax(dim=0), x.amin(dim=0)

    def noise(like: Tensor) -> Tensor:
        return spread * deviation * torch.randn(like.shape, generator=generator)

    noisy = torch.randperm(len(x), generator=generator) < round(share * len(x))
    hit = torch.rand(x.shape, generator=generator) < features
    hit &= noisy.reshape(-1, *[1] * (x.ndim - 1))
    shown = torch.where(hit, x + noise(x), x)
    chosen = torch.randint(len(x), (round(added * len(x)),), generator=generator)
    mirrored = most + least - x[chosen]
    return TrainingSet(torch.cat([shown, mirrored + noise(mirrored) / 10]), torch.cat([data.y, data.y[chosen]]), data.seed)
