"""Views of generators: a generator, its samples and a denoiser, each as what the other can be asked for."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.handles import DenoiserAccess, GeneratorAccess, LatentOracle, NoisePredictor, ReferenceGenerator, SampleOracle
from attacks.models.generators.diffusion import sample


def latent_of_generator(generator: GeneratorAccess) -> LatentOracle:
    """Return the generator at home as something that can be asked for the sample of any code: its queries cost nothing."""
    return LatentOracle("latent", generator.size, generator, generator.ledger, counted=False)


def samples_of_latent(latent: LatentOracle, *, seed: int = 0) -> SampleOracle:
    """Return samples of random codes: the oracle of codes counts them, where its queries cost anything."""
    codes = torch.Generator().manual_seed(seed % 2**63)

    def draw(count: int) -> Tensor:
        return latent(torch.randn(count, latent.size, generator=codes))

    return SampleOracle("samples", draw, latent.ledger, counted=False)


def hosted_reference(reference_generator: ReferenceGenerator) -> ReferenceGenerator:
    """Return a reference generator without its gradient."""
    return reference_generator.hosted()


def noise_of_denoiser(denoiser: DenoiserAccess) -> NoisePredictor:
    """Return the denoiser at home as something that can be asked for the noise in a record: its queries cost nothing."""
    return NoisePredictor("predicted_noise", denoiser.kept, denoiser, denoiser.ledger, counted=False)


def generator_of_denoiser(denoiser: DenoiserAccess) -> GeneratorAccess:
    """Return the generator that a denoiser is when it is applied again and again; a code is the noise that it starts from."""

    def decode(z: Tensor) -> Tensor:
        return sample(denoiser, denoiser.kept, z.reshape(len(z), *denoiser.shape))

    return GeneratorAccess("generator", denoiser.size, decode, denoiser.ledger)
