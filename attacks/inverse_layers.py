"""The structure of inverse networks: from values at a split back to a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import nn

# Channels of the convolutions, and units of the one hidden layer where the values are no picture.
CHANNELS, UNITS = 16, 256


def inverse_layers(hidden: Sequence[int], shape: Sequence[int]) -> nn.Sequential:
    """Return an untrained network from values of shape `hidden` to records of shape `shape`.

    Any structure will do (He et al. 2019, Section 5.1). Values that lie in the plane, (channels, height, width), stay there: a
    convolution, enlargement to the size of the picture, and two more convolutions, all 3 x 3. All others go through one hidden
    layer.
    """
    if len(hidden) == 3 and len(shape) >= 2:
        *colours, height, width = shape
        layers: list[nn.Module] = [
            nn.Conv2d(hidden[0], CHANNELS, 3, padding=1),
            nn.ReLU(),
            nn.Upsample((height, width)),
            nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(CHANNELS, math.prod(colours), 3, padding=1),
        ]
    else:
        layers = [nn.Flatten(), nn.Linear(math.prod(hidden), UNITS), nn.ReLU(), nn.Linear(UNITS, math.prod(shape))]
    return nn.Sequential(*layers, nn.Flatten(), nn.Unflatten(1, tuple(shape)))
