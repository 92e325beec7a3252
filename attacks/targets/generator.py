"""Targets that generate records like those that they were trained on: split, training, and the handles that they offer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.handles import (
    DiscriminatorAccess,
    EncoderAccess,
    GeneratorAccess,
    GeneratorPlatform,
    GeneratorTrainer,
    KnownMembers,
    LatentOracle,
    Ledger,
    Number,
    Parameters,
    Population,
    SampleOracle,
    ShadowData,
)
from attacks.models import generators
from attacks.models.generators import GeneratorRecipe
from attacks.models.generators.gan import Gan
from attacks.models.generators.gan_vae import DcganVae
from attacks.models.generators.vae import Vae
from attacks.models.training import TrainingSet
from attacks.seeds import derive_seed, digest, digest_arrays, record_ids
from attacks.targets import data as datasets
from attacks.targets.split import split
from attacks.targets.target import HandleMaker, Target
from taxonomy.findings import InputError


@dataclass
class GenerativeTarget(Target):
    """A generative model under attack.

    `exhibits` makes pictures for the report, by title, each float (n, height, width) in [0, 1]: samples, and the training
    pictures next to them. There are none where records are people's.
    """

    exhibits: Callable[[], dict[str, Tensor]] | None = None


def build(
    *,
    data: str,
    family: str,
    members: int,
    non_members: int,
    hidden: Sequence[int],
    latent: int,
    epochs: int,
    batch: int,
    learning_rate: float,
    dropout: float = 0.0,
    pool: int = 0,
    known_members: int = 0,
    others: int = 0,
    members_trained: bool = True,
    seed: int = 0,
) -> Target:
    """Split a data set by the seed and train a generative model of a family on the members.

    Members, non-members and the adversary's `pool` (0: all that is left) are disjoint. More records are trained on too:
    `known_members` of which the adversary knows, and `others` of which nobody asks. Of its pool it knows the same share to be
    none as it knows of the training set. With `members_trained` false the model is trained on as many other records in the place
    of the members: a control. Pictures are brought to [0, 1] by the range of the whole data set. Raises InputError for a number
    below 0, or if the data set is too small.
    """
    for name, number in {"pool": pool, "known_members": known_members, "others": others}.items():
        if number < 0:
            raise InputError(f"{name} must be at least 0 (found {number})")
    records = datasets.load(data)
    pictures = records.x.ndim > 2
    x = _to_unit(records.x) if pictures else records.x
    parts = split(
        len(x),
        data,
        members=members,
        non_members=non_members,
        known_members=known_members + others,
        members_trained=members_trained,
        seed=seed,
    )
    own, known = parts.pool[: pool or None], parts.known[:known_members]
    known_others = own[: round(len(own) * len(known) / len(parts.training))]
    recipe = GeneratorRecipe(
        family,
        x.shape[1:],
        tuple(hidden),
        latent=latent,
        unit=pictures,
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
        dropout=dropout,
    )
    training_set = TrainingSet(
        torch.from_numpy(x[parts.training]), torch.from_numpy(records.y[parts.training]), derive_seed(seed, "target", data)
    )
    (made,) = generators.fit_many(recipe, [training_set], "target")

    def held(rows: NDArray[np.int64]) -> ShadowData:
        return ShadowData(torch.from_numpy(x[rows]), torch.from_numpy(records.y[rows]), record_ids(x[rows]))

    candidates = held(parts.candidates)
    return GenerativeTarget(
        id=data,
        x=candidates.x,
        label=candidates.label,
        ids=candidates.ids,
        member=torch.from_numpy(parts.is_member),
        makers=makers_of_generator(
            made,
            training_size=len(parts.training),
            population=held(own),
            known=held(known),
            others=held(known_others),
            seed=seed,
        ),
        fingerprint=digest(
            [made.fingerprint, digest_arrays(candidates.x.numpy(), candidates.label.numpy(), x[own], x[known], x[known_others])]
        ),
        facts={"training_size": len(parts.training), "pool_size": len(own)},
        exhibits=(lambda: beside_training(made, training_set.x, seed)) if pictures else None,
    )


def _to_unit(x: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = float(x.min()), float(x.max())
    unit: NDArray[np.float32] = ((x - low) / (high - low)).clip(0, 1).astype(np.float32)
    return unit


def makers_of_generator(
    made: generators.Generator, *, training_size: int, population: ShadowData, known: ShadowData, others: ShadowData, seed: int
) -> dict[str, HandleMaker]:
    """Return what makes a fresh handle for each term that a model of this family offers."""
    recipe, module = made.recipe, made.module

    def samples(ledger: Ledger) -> SampleOracle:
        codes = torch.Generator().manual_seed(derive_seed(seed, "samples") % 2**63)

        def draw(count: int) -> Tensor:
            drawn: Tensor = module.decode(torch.randn(count, module.latent, generator=codes))
            return drawn

        return SampleOracle("samples", draw, ledger)

    makers: dict[str, HandleMaker] = {
        "Q.samples": samples,
        "Q.latent": lambda ledger: LatentOracle("latent", module.latent, module.decode, ledger),
        "M1.parameters": lambda ledger: Parameters("parameters", made.parameters(), ledger),
        "M1.generator": lambda ledger: GeneratorAccess("generator", module.latent, module.decode, ledger),
        "M2": lambda ledger: GeneratorTrainer("trainer", recipe, training_size, ledger),
        "M3": lambda ledger: GeneratorPlatform("platform", recipe, ledger),
        "D1.samples": lambda ledger: Population("population", population.x, population.label, population.ids, ledger),
        "D1.size": lambda ledger: Number("training_size", training_size, ledger),
    }
    if isinstance(module, Gan):
        makers["M1.discriminator"] = lambda ledger: DiscriminatorAccess("discriminator", module.real, ledger)
    if isinstance(module, Vae | DcganVae):
        makers["M1.encoder"] = lambda ledger: EncoderAccess("encoder", module.encode, ledger)
    if len(known):
        makers["D2.members"] = lambda ledger: KnownMembers("known_members", known.x, known.label, known.ids, ledger, others)
    return makers


def beside_training(made: generators.Generator, training: Tensor, seed: int) -> dict[str, Tensor]:
    """Return samples, the training pictures next to them, and what an autoencoder makes of these."""
    module: Any = made.module
    codes = torch.randn(16, module.latent, generator=torch.Generator().manual_seed(derive_seed(seed, "exhibits") % 2**63))
    with torch.no_grad():
        drawn = module.decode(codes)
        nearest = training[torch.cdist(drawn.flatten(1), training.flatten(1)).argmin(dim=1)]
        shown = {"samples": drawn, "training pictures nearest to them": nearest}
        if isinstance(module, Vae | DcganVae):
            shown["these, encoded and decoded again"] = module.decode(module.encode(nearest)[0])
    return shown
