"""Targets that two parties run in turn: a device the first layers of a network, and a cloud those behind the split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attacks.handles import Activations, HiddenValues, LaterLayers, Ledger, SplitTrainer
from attacks.metrics import Metric
from attacks.models import internals, training
from attacks.models import layers as network_layers
from attacks.models.training import Recipe
from attacks.seeds import digest, digest_arrays
from attacks.targets import classifier, recovered_inputs
from attacks.targets import data as datasets
from attacks.targets.split import split
from attacks.targets.target import Target
from taxonomy.findings import InputError


def build(
    *,
    data: str,
    members: int,
    non_members: int,
    hidden: Sequence[int],
    epochs: int,
    batch: int,
    learning_rate: float,
    split_after: str,
    inputs: int,
    inputs_sent: bool = True,
    seed: int = 0,
) -> Target:
    """Train a convolutional network on the members, split it, and send `inputs` pictures through its first layers.

    `split_after` names the last layer that the device runs. Candidates, members and the adversary's pool are those of the network
    as in `classifier.build`; the pictures that are sent are none of them, and only the judge holds them. With `inputs_sent`
    false as many other pictures are sent: a control whose hidden values say nothing about those that the judge holds. Both kinds
    are set aside in either case, so that target and control have the same pools. Raises InputError for as many inputs as there
    are classes: a judge tells attacks on inputs and on classes apart by how many pictures they find.
    """
    records = datasets.load(data)
    if inputs < 2 or inputs == records.classes:
        raise InputError(f"a split model is sent two inputs or more, and not as many as it has classes (found {inputs})")
    parts = split(len(records.x), data, members=members, non_members=non_members, aside=2 * inputs, seed=seed)
    recipe = Recipe("cnn", records.x.shape[1:], records.classes, tuple(hidden), epochs, batch, learning_rate)
    target, model = classifier.trained(data, records, parts, recipe, seed=seed)

    judged, others = np.split(parts.aside, 2)
    truth, sent = (torch.from_numpy(records.x[rows]) for rows in (judged, judged if inputs_sent else others))
    first, later = network_layers.parts(internals.rebuilt(recipe, model.parameters()), split_after)
    with training.one_thread(), torch.no_grad():
        values = first(sent)

    of_classes = target.judges["inversion"]
    of_inputs = recovered_inputs.judge(
        truth, torch.from_numpy(records.x[parts.pool]), float(records.x.min()), float(records.x.max())
    )

    def inversion(found: Any) -> Metric:
        return of_classes(found) if isinstance(found, Tensor) and len(found) == records.classes else of_inputs(found)

    def trainer(ledger: Ledger) -> SplitTrainer:
        return SplitTrainer("trainer", recipe, len(parts.training), split_after, ledger)

    target.makers |= {
        "M2": trainer,
        "record.activations": lambda ledger: Activations("activations", values, ledger),
        "M1.later-layers": lambda ledger: LaterLayers("later_layers", later, ledger),
        "Q.activations": lambda ledger: HiddenValues("hidden_values", first, ledger),
    }
    target.judges["inversion"] = inversion
    target.facts |= {"inputs": inputs, "values_of_an_input": values[0].numel()}
    target.fingerprint = digest([target.fingerprint, digest_arrays(values.numpy(), truth.numpy()), split_after])
    return target
