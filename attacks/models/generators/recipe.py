"""What a generative model is made by: its family, its size, and how it is trained."""

from __future__ import annotations

import importlib
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from torch import Tensor, nn

# Where the families are. Their modules are loaded only where one is built, and code that uses a family names its class itself,
# so that a change to one family does not make the work of the others stale.
FAMILIES = {
    "gru": "attacks.models.generators.language:Gru",
    "diffusion": "attacks.models.generators.diffusion:Diffusion",
    "vae": "attacks.models.generators.vae:Vae",
    "gan": "attacks.models.generators.gan:Gan",
    "dcgan": "attacks.models.generators.gan:Dcgan",
    "dcgan-vae": "attacks.models.generators.gan_vae:DcganVae",
}


class Family(Protocol):
    """What a class of generative models has: a constructor that takes the recipe, and a way to learn from records.

    It is a `torch.nn.Module`. What else it can do (draw samples, decode codes, tell real records from generated ones) differs
    between the families and is made into handles by the target.
    """

    family: str

    def __init__(self, recipe: GeneratorRecipe): ...

    def learn(self, x: Tensor, y: Tensor) -> None:
        """Train on records x (n, ...) with labels y (n,), by the recipe; draws from torch's global generator."""
        ...


@dataclass(frozen=True)
class GeneratorRecipe:
    """Family, structure and training procedure of a generative model: what an adversary with M2 knows.

    `shape` is that of one record, and `unit` says whether its values lie in [0, 1], as those of pictures do; `classes` is how
    many labels or symbols there are, where the family uses them. `hidden` and `latent` are widths, `dropout` the share of hidden
    units that each training step leaves out. What else they mean, each family says.
    """

    family: str
    shape: tuple[int, ...]
    hidden: tuple[int, ...] = ()
    latent: int = 0
    classes: int = 0
    unit: bool = True
    epochs: int = 0
    batch: int = 0
    learning_rate: float = 0.0
    dropout: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the recipe as plain data."""
        return {**asdict(self), "shape": list(self.shape), "hidden": list(self.hidden)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> GeneratorRecipe:
        """Return the recipe from plain data."""
        return cls(**{**data, "shape": tuple(data["shape"]), "hidden": tuple(data["hidden"])})

    @property
    def path(self) -> str:
        """Where the family's class is; raises ValueError if there is no such family."""
        if self.family not in FAMILIES:
            raise ValueError(f"there is no family of generative models {self.family!r}; there are {', '.join(sorted(FAMILIES))}")
        return FAMILIES[self.family]

    def build(self) -> nn.Module:
        """Return an untrained model of this family."""
        module, _, name = self.path.partition(":")
        made: nn.Module = getattr(importlib.import_module(module), name)(self)
        return made
