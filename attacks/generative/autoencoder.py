"""Reconstruction by the target's own autoencoder."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from attacks.handles import EncoderAccess, LatentOracle, Records
from attacks.seeds import streams


def reconstruction(records: Records, encoder: EncoderAccess, latent: LatentOracle, *, draws: int = 300, seed: int = 0) -> Tensor:
    """Minus the mean squared error between each record and its reconstructions, float64 (n,).

    Hilprecht et al. 2019, Section 3.3: codes are drawn from the distribution that the encoder gives, and the errors of what the
    decoder makes of them are averaged. The paper takes up to a million draws and finds that 300 are good already (Section 4.2).
    The codes of a record are drawn by its id.
    """
    x = records.x
    mean, log_variance = encoder(x)
    spread = (log_variance / 2).exp()
    sources = streams(seed, records.ids)
    error = torch.zeros(len(x), dtype=torch.float64)
    for _ in range(draws):
        noise = np.stack([source.standard_normal(mean.shape[1], dtype=np.float32) for source in sources])
        rebuilt = latent(mean + spread * torch.from_numpy(noise))
        error += (rebuilt.double() - x.double()).square().flatten(1).mean(dim=1)
    return -error / draws
