"""Attacks with labels alone that turn and shift pictures: a model knows its members also when they are moved a little."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from attacks.discriminative import hop_skip_jump
from attacks.discriminative.hop_skip_jump import Predict
from attacks.discriminative.shadow_labels import attack_model, shadow_records
from attacks.handles import AttackError, LabelOracle, Records, Scored, ShadowModels, UnsuitableError

SHIFTS = ((0, 1), (0, -1), (1, 0), (-1, 0))  # translations (down, right) of one pixel: d = 1 in the paper's terms


def augmentation(
    records: Records,
    labels: LabelOracle,
    shadow_models: ShadowModels,
    *,
    degrees: float = 9.0,
    calibration: int = 2000,
    hidden: int = 10,
    epochs: int = 100,
    seed: int = 0,
) -> Scored:
    """Log-odds of membership from which copies of a record are labelled rightly, float64 (n,); member if above 0.

    Choquette-Choo et al. 2021, Section 3 (data augmentation): a classifier, here of all classes together, learns on
    `calibration` records of shadow models from the bits of the record itself, of two copies turned by ± `degrees`, and of four
    that are shifted by a pixel. The paper tries rotations and translations one after the other; here one classifier gets both.
    Rotation and shift are the defaults of the authors' code. Raises UnsuitableError for records that are no pictures.
    """

    def right(predict: Predict, x: Tensor, label: Tensor) -> Tensor:
        copies = torch.cat([shifted(x), turned(x, degrees)], dim=1)
        answer = predict(copies.flatten(0, 1)).reshape(copies.shape[:2])
        return (answer == label[:, None]).double()

    known = list(shadow_records(shadow_models, calibration, seed))
    features = torch.cat([right(one.predict, one.x, one.label) for one in known])
    model = attack_model(features, torch.cat([one.member for one in known]), hidden, epochs, seed)
    odds: Tensor = model(right(labels, records.x, records.label)).squeeze(-1)
    return Scored(odds, cut=0.0)


def combined(
    records: Records,
    labels: LabelOracle,
    shadow_models: ShadowModels,
    *,
    queries: int = 1000,
    calibration: int = 400,
    batch: int = 50,
    hidden: int = 10,
    epochs: int = 100,
    seed: int = 0,
) -> Scored:
    """Log-odds of membership from how far shifted copies of a record lie from the boundary, float64 (n,); member if above 0.

    Choquette-Choo et al. 2021, combined attack: in the authors' code the L2 distances of the record and of its translated
    copies, 0 where a copy is mislabelled, are the features of a classifier that learns on shadow records. The copies share the
    `queries` of a record evenly. Raises UnsuitableError for records that are no pictures.
    """
    each = queries // (1 + len(SHIFTS))
    if each < 1:
        raise AttackError(f"queries must be at least {1 + len(SHIFTS)}, one for each copy of a record (found {queries})")

    def measured(predict: Predict, x: Tensor, label: Tensor, ids: NDArray[np.uint64]) -> Tensor:
        found = [
            hop_skip_jump.distances(predict, copy, label, ids, queries=each, batch=batch, seed=seed)
            for copy in shifted(x).unbind(1)
        ]
        return torch.stack(found, dim=1)

    known = list(shadow_records(shadow_models, calibration, seed))
    features = torch.cat([measured(one.predict, one.x, one.label, one.ids) for one in known])
    model = attack_model(features, torch.cat([one.member for one in known]), hidden, epochs, seed)
    odds: Tensor = model(measured(labels, records.x, records.label, records.ids)).squeeze(-1)
    return Scored(odds, cut=0.0)


def shifted(x: Tensor) -> Tensor:
    """Return each record and its copies shifted by a pixel, float32 (n, 5, ...); what enters repeats the edge."""
    pictures = _pictures(x)
    height, width = pictures.shape[2:]
    padded = functional.pad(pictures, (1, 1, 1, 1), mode="replicate")
    moved = [padded[:, :, 1 - down : 1 - down + height, 1 - right : 1 - right + width] for down, right in SHIFTS]
    return torch.stack([x, *(copy.reshape(x.shape) for copy in moved)], dim=1)


def turned(x: Tensor, degrees: float) -> Tensor:
    """Return two copies of each record turned by + and - `degrees` about the centre, float32 (n, 2, ...).

    Between pixels they are interpolated linearly; what enters repeats the edge.
    """
    pictures = _pictures(x)
    height, width = pictures.shape[2:]
    copies = []
    for angle in (math.radians(degrees), -math.radians(degrees)):
        sine, cosine = math.sin(angle), math.cos(angle)
        # Coordinates run from -1 to 1 along both sides, so a picture that is no square needs its ratio.
        theta = torch.tensor([[cosine, -sine * height / width, 0.0], [sine * width / height, cosine, 0.0]])
        grid = functional.affine_grid(theta.expand(len(x), 2, 3), list(pictures.shape), align_corners=False)
        copy = functional.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)
        copies.append(copy.reshape(x.shape))
    return torch.stack(copies, dim=1)


def _pictures(x: Tensor) -> Tensor:
    """Return records as pictures (n, channels, height, width).

    The last two axes of a record are its height and width. A record with one axis is read as a square picture, since its shape
    is all that is known; where the number of features is no square, it cannot be one.
    """
    if x.ndim >= 3:
        return x.reshape(len(x), -1, *x.shape[-2:]).float()
    side = math.isqrt(x.shape[1])
    if side * side != x.shape[1]:
        raise UnsuitableError(
            f"only pictures can be turned and shifted, and a record of {x.shape[1]} features is no square picture"
        )
    return x.reshape(len(x), 1, side, side).float()
