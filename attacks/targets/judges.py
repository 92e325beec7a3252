"""Judges of attacks on classifiers with another goal than membership: what was found, against what only the target knows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from attacks import metrics, signals, training
from attacks.handles import AttackError
from attacks.metrics import Metric
from attacks.seeds import derive_seed
from attacks.targets.target import Judge
from attacks.training import Recipe, TrainingSet


def of_classifier(recipe: Recipe, x: Tensor, label: Tensor, member: Tensor, sensitive: int | None, seed: int) -> dict[str, Judge]:
    """Return the judges of a classifier with these candidates, by goal."""

    def inversion(found: Any) -> Metric:
        """Share of classes whose input (classes, ...) another model, trained by the same recipe on non-members, gets right."""
        if not isinstance(found, Tensor) or found.shape != (recipe.classes, *x.shape[1:]):
            raise AttackError(f"an inversion finds one input a class, {(recipe.classes, *x.shape[1:])}")
        outside = TrainingSet(x[~member], label[~member], derive_seed(seed, "judge"))
        (judge,) = training.fit_many(recipe, [outside], "judge")
        guess = signals.predicted(judge.log_probs(found))
        return metrics.share("classes recognised", (guess == torch.arange(recipe.classes)).numpy(), 1 / recipe.classes)

    found: dict[str, Judge] = {"inversion": inversion}
    if sensitive is not None:
        found["attribute"] = attribute(x[:, sensitive], member)
    return found


def attribute(truth: Tensor, member: Tensor) -> Judge:
    """Return the judge of inferred values (n,): the share that is right among members less that among others.

    What a model tells of everybody alike, an adversary could have learned from the population; the difference is what training
    gave away. `commonest` is the share of candidates whom the guess of the commonest value gets right.
    """

    def judge(found: Any) -> Metric:
        if not isinstance(found, Tensor) or found.shape != truth.shape:
            raise AttackError(f"an attack on an attribute finds one value a record, {tuple(truth.shape)}")
        hits = torch.isclose(found.double(), truth.double(), atol=1e-5).numpy()
        commonest = float(truth.unique(return_counts=True)[1].max() / len(truth))
        return metrics.advantage("attribute advantage", hits, member.numpy(), commonest=commonest)

    return judge


def labels_of_updates(truth: Tensor) -> Judge:
    """Return the judge of inferred labels (updates,) of the records that a model was updated with: the share that is right.

    `shuffled` is the share that would be right if the same guesses were dealt out to the updates by chance.
    """

    def judge(found: Any) -> Metric:
        if not isinstance(found, Tensor) or found.dtype != torch.int64 or found.shape != truth.shape:
            raise AttackError(f"an attack on updates finds one label an update, int64 {tuple(truth.shape)}")
        shares = [(of[:, None] == truth.unique()).double().mean(0) for of in (found, truth)]
        hits = (found == truth).numpy()
        return metrics.share("labels found", hits, float(shares[1].max()), shuffled=float(shares[0] @ shares[1]))

    return judge
