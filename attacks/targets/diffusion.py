"""Targets that are diffusion models of handwritten digits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from attacks.handles import DenoiserAccess, NoisePredictor, ShadowData
from attacks.models import generators
from attacks.models.generators import Generator, GeneratorRecipe
from attacks.models.generators.diffusion import Diffusion
from attacks.models.training import TrainingSet
from attacks.seeds import derive_seed, digest, digest_arrays, record_ids
from attacks.targets import data as datasets
from attacks.targets.generator import GenerativeTarget, beside_training, makers_of_generator
from attacks.targets.split import split
from attacks.targets.target import HandleMaker, Target


def digits() -> datasets.Data:
    """Return scikit-learn's handwritten digits in [-1, 1], float32 (n, 8, 8): its pixels are whole numbers from 0 to 16.

    They are read anew, since the data set that classifiers share has every pixel standardised by itself; the records and their
    order are the same.
    """
    raw = datasets.plain_digits()
    return datasets.Data("digits", (raw.x / 8 - 1).astype(np.float32).reshape(-1, 8, 8), raw.y)


def build(
    *,
    members: int,
    non_members: int,
    others: int,
    hidden: Sequence[int],
    epochs: int,
    batch: int,
    learning_rate: float,
    dropout: float = 0.0,
    members_trained: bool = True,
    seed: int = 0,
) -> Target:
    """Split the digits by the seed and train a diffusion model on the members and on `others` more, of which nobody asks.

    Members, non-members, the others and the adversary's pool are disjoint. With `members_trained` false the model is trained on
    as many other records in the place of the members: a control.
    """
    records = digits()
    x, y = torch.from_numpy(records.x), torch.from_numpy(records.y)
    sizes = {"members": members, "non_members": non_members, "known_members": others}
    parts = split(len(x), records.name, **sizes, members_trained=members_trained, seed=seed)
    recipe = GeneratorRecipe(
        Diffusion.family,
        tuple(x.shape[1:]),
        tuple(hidden),
        unit=False,
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
        dropout=dropout,
    )
    training_set = TrainingSet(x[parts.training], y[parts.training], derive_seed(seed, "target", records.name))
    (made,) = generators.fit_many(recipe, [training_set], "target")
    candidates, population, nobody = (
        ShadowData(x[rows], y[rows], record_ids(records.x[rows])) for rows in (parts.candidates, parts.pool, parts.pool[:0])
    )
    return GenerativeTarget(
        id=records.name,
        x=candidates.x,
        label=candidates.label,
        ids=candidates.ids,
        member=torch.from_numpy(parts.is_member),
        makers={
            **makers_of_generator(
                made, training_size=len(parts.training), population=population, known=nobody, others=nobody, seed=seed
            ),
            **_makers_of_denoiser(made),
        },
        fingerprint=digest([made.fingerprint, digest_arrays(candidates.x.numpy(), records.x[parts.pool])]),
        facts={"training_size": len(parts.training), "pool_size": len(parts.pool)},
        exhibits=lambda: _exhibits(made, training_set.x, seed),
    )


def _makers_of_denoiser(made: Generator) -> dict[str, HandleMaker]:
    module, shape = made.module, made.recipe.shape
    return {
        "Q.predicted-noise": lambda ledger: NoisePredictor("predicted_noise", module.kept, module.predict, ledger),
        "M1.denoiser": lambda ledger: DenoiserAccess("denoiser", module.kept, shape, module.predict, ledger),
    }


def _exhibits(made: Generator, training: Tensor, seed: int) -> dict[str, Tensor]:
    return {title: (pictures + 1) / 2 for title, pictures in beside_training(made, training, seed).items()}
