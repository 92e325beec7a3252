"""Handles of generative models: samples, samples for chosen codes, and the networks themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from attacks.handles import answers
from attacks.handles.handle import AttackError, Handle, Ledger, Oracle
from attacks.handles.trainers import RecipePlatform, RecipeTrainer
from attacks.models.generators import Generator, GeneratorRecipe
from attacks.models.generators import training as generators
from attacks.models.training import Model, TrainingSet

# Samples are drawn and codes decoded in chunks, so that memory does not grow with their number.
CHUNK = 4096


class SampleOracle(Oracle[Callable[[int], Tensor]]):
    """Answers with samples of the model; which ones, the adversary has no say in. Each sample is one query."""

    def __call__(self, count: int) -> Tensor:
        """Return new samples, float32 (count, ...)."""
        self._ask(count)
        return answers.finite(torch.cat([self._answer(min(CHUNK, count - done)) for done in range(0, count, CHUNK)]), count)


class LatentOracle(Oracle[Callable[[Tensor], Tensor]]):
    """Answers with the sample of a latent code of one's choice, and shows no gradient. Each code is one query.

    `size` is the number of values of a code.
    """

    def __init__(self, name: str, size: int, decode: Callable[[Tensor], Tensor], ledger: Ledger, *, counted: bool = True):
        super().__init__(name, decode, ledger, counted=counted)
        self.size = size

    def __call__(self, z: Tensor) -> Tensor:
        """Return the samples of codes z float32 (n, size), float32 (n, ...)."""
        self._ask(len(z))
        with torch.no_grad():
            made = torch.cat([self._answer(chunk) for chunk in z.detach().clone().float().split(CHUNK)])
        return answers.finite(made, len(z))


class GeneratorAccess(Handle):
    """The generator itself: it can be called and differentiated at home, without a limit.

    `size` is the number of values of a code.
    """

    def __init__(self, name: str, size: int, decode: Callable[[Tensor], Tensor], ledger: Ledger):
        super().__init__(name, ledger)
        self.size = size
        self._decode = decode

    def __call__(self, z: Tensor) -> Tensor:
        """Return the samples of codes z float32 (n, size), float32 (n, ...), with their gradient."""
        self._touch()
        return answers.finite(self._decode(z), len(z))


class DiscriminatorAccess(Handle):
    """The discriminator that was trained against the generator."""

    def __init__(self, name: str, judge: Callable[[Tensor], Tensor], ledger: Ledger):
        super().__init__(name, ledger)
        self._judge = judge

    def __call__(self, x: Tensor) -> Tensor:
        """Return for records x (n, ...) how sure it is that each is real, float64 (n,): a logit, or minus an energy."""
        self._touch()
        return _in_chunks(self._judge, x, "the target's discriminator")


class EncoderAccess(Handle):
    """The encoder of an autoencoder: it maps a record to a normal distribution over latent codes."""

    def __init__(self, name: str, encode: Callable[[Tensor], tuple[Tensor, Tensor]], ledger: Ledger):
        super().__init__(name, ledger)
        self._encode = encode

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and logarithm of the variance of each record's code, both float32 (n, size)."""
        self._touch()
        with torch.no_grad():
            mean, log_variance = self._encode(x.detach().clone().float())
        return answers.finite(mean, len(x)), answers.finite(log_variance, len(x))


class GeneratorTrainer(RecipeTrainer[GeneratorRecipe, Generator]):
    """Trains generative models by the target's own recipe, and hands them over with their weights."""

    def _fitted(self, recipe: GeneratorRecipe, sets: Sequence[TrainingSet]) -> list[Generator]:
        return _fitting(recipe, sets)


class GeneratorPlatform(RecipePlatform[GeneratorRecipe, "ReferenceGenerator"]):
    """Trains generative models by the target's hidden recipe; they answer queries, but their weights stay on the platform."""

    def _hosted(self, recipe: GeneratorRecipe, sets: Sequence[TrainingSet]) -> list[ReferenceGenerator]:
        return [ReferenceGenerator(made, differentiable=False) for made in _fitting(recipe, sets)]


def _fitting(recipe: GeneratorRecipe, sets: Sequence[TrainingSet]) -> list[Generator]:
    for data in sets:
        if tuple(data.x.shape[1:]) != recipe.shape:
            raise AttackError(f"the target's recipe is for records of shape {recipe.shape}; these are {tuple(data.x.shape[1:])}")
    return generators.fit_many(recipe, sets, "reference generators")


class SamplePool:
    """Samples that were once drawn from the target and are kept, float32 (n, ...)."""

    def __init__(self, x: Tensor):
        self._x = x

    def __len__(self) -> int:
        return len(self._x)

    @property
    def x(self) -> Tensor:
        """Copies of the samples, float32 (n, ...)."""
        return self._x.clone()

    def first(self, count: int) -> SamplePool:
        """Return a view of the first `count` samples."""
        return SamplePool(self._x[:count])


class ReferenceGenerator:
    """A generator that was trained without the candidates. One on a platform answers, but has no gradient.

    `size` is the number of values of a code; `differentiable` says whether there is a gradient.
    """

    def __init__(self, generator: Generator, *, differentiable: bool):
        self.__generator = generator
        self.differentiable = differentiable
        self.fingerprint = generator.fingerprint
        self.size: int = generator.module.latent

    def __call__(self, z: Tensor) -> Tensor:
        """Return the samples of codes z float32 (n, size), float32 (n, ...), with their gradient if there is one."""
        with torch.set_grad_enabled(self.differentiable and torch.is_grad_enabled()):
            made: Tensor = self.__generator.module.decode(z)
        return answers.finite(made, len(z), "a reference generator")

    def hosted(self) -> ReferenceGenerator:
        """Return the same generator without its gradient."""
        return ReferenceGenerator(self.__generator, differentiable=False)

    def samples(self, count: int, seed: int) -> Tensor:
        """Return samples of random codes, float32 (count, ...)."""
        generator = torch.Generator().manual_seed(seed % 2**63)
        with torch.no_grad():
            sizes = [min(CHUNK, count - done) for done in range(0, count, CHUNK)]
            return torch.cat([self(torch.randn(size, self.size, generator=generator)) for size in sizes])


class OwnGan:
    """A generative adversarial network of the adversary's own, of which attacks use the discriminator."""

    def __init__(self, generator: Generator):
        self._generator = generator
        self.fingerprint = generator.fingerprint

    def discriminator(self, x: Tensor) -> Tensor:
        """Return for records x (n, ...) how sure its discriminator is that each is real, float64 (n,)."""
        return _in_chunks(self._generator.module.real, x, "the adversary's own discriminator")


class OwnDiscriminator:
    """A network of the adversary's own with two classes, trained to tell records of one kind (class 1) from others."""

    def __init__(self, model: Model):
        self._model = model
        self.fingerprint = model.fingerprint

    def __call__(self, x: Tensor) -> Tensor:
        """Return for records x (n, ...) the log-odds of class 1, float64 (n,)."""
        log_probs = self._model.log_probs(x)
        return log_probs[:, 1] - log_probs[:, 0]


def _in_chunks(judge: Callable[[Tensor], Tensor], x: Tensor, who: str) -> Tensor:
    with torch.no_grad():
        judged = torch.cat([judge(chunk).double() for chunk in x.detach().clone().float().split(CHUNK)])
    return answers.finite(judged, len(x), who)
