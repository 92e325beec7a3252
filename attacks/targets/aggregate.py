"""Targets that are no model: the published means of a group of real records."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from attacks.handles import Aggregates, Beacon, Ledger, Marginals, Number, Population, SuppressedAggregates
from attacks.seeds import derive_seed, digest, digest_arrays, record_ids
from attacks.targets.split import split
from attacks.targets.target import HandleMaker, Target
from taxonomy.findings import InputError

# What a publisher does who would not show everybody: Laplace noise of so many people on each count, or no count below so many.
NOISE, LEAST = 1.0, 3


def publish(
    name: str, x: NDArray[np.float32], label: NDArray[np.int64], *, group_size: int, members_published: bool, seed: int
) -> Target:
    """Split records (n, ...) by the seed and publish the means of a group of them.

    Candidates are the group and as many others; all further records are the adversary's reference population. With
    `members_published` false the means of as many reference records are published, which then leave the reference: a control
    that shows nothing of its "members". The publisher may also show less: noisy means, none below `LEAST` people, or only whether
    anybody of the group has a feature.
    """
    wanted = (2 if members_published else 3) * group_size
    if wanted >= len(x):
        raise InputError(f"the data set {name} has {len(x):,} records; the target asks for {wanted:,} and a reference population")
    parts = split(len(x), name, members=group_size, non_members=group_size, members_trained=members_published, seed=seed)
    # Sorted, so that the order tells nothing.
    candidates, reference = parts.candidates, np.sort(parts.pool)

    of_group = torch.from_numpy(x[parts.training])
    means, present = of_group.double().mean(dim=0), (of_group > 0).any(dim=0)
    # Drawn once, when the figures were published, and cut to what a share can be.
    drawn = np.random.default_rng(derive_seed(seed, "noise", name)).laplace(scale=NOISE / group_size, size=means.shape)
    noisy = (means + torch.from_numpy(drawn)).clamp(0, 1)
    shown = means.masked_fill(means * group_size < LEAST, float("nan"))
    held, held_label, held_ids = torch.from_numpy(x[reference]), torch.from_numpy(label[reference]), record_ids(x[reference])

    def population(ledger: Ledger) -> Population:
        return Population("population", held, held_label, held_ids, ledger)

    makers: dict[str, HandleMaker] = {
        "Q.aggregates": lambda ledger: Aggregates("aggregates", means, ledger),
        "Q.noisy-aggregates": lambda ledger: Aggregates("noisy_aggregates", noisy, ledger),
        "Q.suppressed-aggregates": lambda ledger: SuppressedAggregates(
            "suppressed_aggregates", shown, LEAST / group_size, ledger
        ),
        "Q.beacon": lambda ledger: Beacon("beacon", present, ledger),
        "D1.samples": population,
        "D1.size": lambda ledger: Number("training_size", group_size, ledger),
        "D1.marginals": lambda ledger: Marginals("marginals", torch.sort(held, dim=0).values, ledger),
    }
    return Target(
        id=name,
        x=torch.from_numpy(x[candidates]),
        label=torch.from_numpy(label[candidates]),
        ids=record_ids(x[candidates]),
        member=torch.from_numpy(parts.is_member),
        makers=makers,
        fingerprint=digest(digest_arrays(x[candidates], means.numpy(), x[reference], label[reference])),
        facts={"group_size": group_size, "statistics": means.numel(), "pool_size": len(reference)},
    )
