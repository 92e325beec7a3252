"""Shadow models that label every pixel."""

from __future__ import annotations

from attacks.handles import AttackError, MaskOracle, Records, ShadowData, ShadowModels
from attacks.models.training import Recipe
from attacks.steps import own_models


def guessed_unet(
    records: Records,
    masks: MaskOracle,
    shadow_data: ShadowData,
    *,
    count: int = 1,
    width: int = 8,
    epochs: int = 45,
    seed: int = 0,
) -> ShadowModels:
    """Train U-Nets of three levels, each on half of the shadow pictures and their label maps. He et al. 2020 train one.

    The target's architecture is not known; widths are `width`, twice and four times that. The answers of the target tell how
    many classes there are, which costs no query.
    """
    if len(shadow_data) < 2 or shadow_data.label.shape != shadow_data.x.shape:
        raise AttackError("shadow models for dense output need shadow pictures with a label for every pixel")
    recipe = Recipe(
        architecture="unet",
        shape=tuple(shadow_data.x.shape[1:]),
        classes=masks(records.x[:0]).shape[-1],
        hidden=(width, 2 * width, 4 * width),
        epochs=epochs,
        batch=10,
        learning_rate=0.003,
    )
    return own_models.on_halves(shadow_data, own_models.by(recipe), count, seed)
