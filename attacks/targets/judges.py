"""Judges of attacks on classifiers with another goal than membership: what was found, against what only the target knows."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks import metrics
from attacks.handles import AttackError
from attacks.metrics import Metric
from attacks.models import signals, training
from attacks.models.training import Model, NumberedSets, Recipe, TrainingSet
from attacks.seeds import derive_seed
from attacks.targets.target import Judge


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


def fidelity(stolen: Model, x: Tensor, log_probs: Tensor) -> Metric:
    """Share of non-members x on which a stolen model gives the target's label; chance is to give always its most frequent one.

    `total_variation` is the mean agreement of probabilities, 1 minus half the sum of differences. Tramèr et al. 2016, Section 3.
    """
    answers = stolen.log_probs(x)
    label = signals.predicted(log_probs)
    # A model that saw only some of the classes has no column for the others.
    answers = torch.nn.functional.pad(answers, (0, max(0, log_probs.shape[1] - answers.shape[1])), value=float("-inf"))
    apart = (answers.exp() - log_probs.exp()).abs().sum(1) / 2
    most = float(label.bincount().max()) / len(label)
    same = (signals.predicted(answers) == label).numpy()
    return metrics.share("label agreement", same, most, total_variation=float((1 - apart).mean()))


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


def risk(recipe: Recipe, x: Tensor, label: Tensor, member: Tensor, seed: int, pairs: int = 64) -> Judge:
    """Return the judge of risks (n,): how well they rank the members by the success of membership inference on each.

    The success is measured, after the judge is called for the first time, with models trained by the same recipe in pairs: one
    on a random half of the candidates, the other on the rest, each with a seed of its own. On one record it is the AUC that the
    log-odds of the true class (Carlini et al. 2022, Section IV-C) reach in telling models trained with the record from the
    others; a half of the candidates is as large as the training set where members and non-members are as many.

    `repeated` is the rank correlation r of the success that the first half of the pairs measures with that of the other half.
    The success is measured with noise, so that even a perfect risk reaches about the root of 2 r / (1 + r) only (Spearman 1910,
    Brown 1910). `success` is the mean AUC of the members, `above_1` the share of them whose risk is above 1 (the DTP-1
    hypothesis of Long et al. 2017, abstract).
    """

    def judge(found: Any) -> Metric:
        if not isinstance(found, Tensor) or found.shape != member.shape or not found.isfinite().all():
            raise AttackError(f"a measure of risk finds one finite number a record, {tuple(member.shape)}")
        inside = _halves(len(x), pairs, derive_seed(seed, "judge"))
        sets = NumberedSets(
            x,
            label,
            count=len(inside),
            most=len(inside),
            rows=lambda k: torch.from_numpy(np.flatnonzero(inside[k])),
            seed=lambda k: derive_seed(seed, "judge", k),
        )
        models = training.fit_many(recipe, sets, "models of the judge")
        odds = torch.stack([signals.margin(model.log_probs(x), label) for model in models]).numpy()
        rows = member.nonzero().flatten().tolist()

        def success(some: slice) -> NDArray[np.float64]:
            # Equal areas are ties, whatever the last bit of a sum says.
            return np.array([metrics.auc(odds[some, i], inside[some, i]) for i in rows]).round(12)

        measured = success(slice(None))
        repeated = metrics.rank_correlation("repeated", success(slice(pairs)), success(slice(pairs, None))).value
        risks = found.double()[member].numpy()
        details = {"repeated": repeated, "success": float(measured.mean()), "above_1": float((risks > 1).mean())}
        return metrics.rank_correlation("rank correlation with success", risks, measured, **details)

    return judge


def _halves(count: int, pairs: int, seed: int) -> NDArray[np.bool_]:
    """Return which records each model is trained on, bool (2 * pairs, count): of each pair one has a record and one has not."""
    generator = np.random.default_rng(seed)
    first = [generator.permutation(count) < count // 2 for _ in range(pairs)]
    return np.stack([row for half in first for row in (half, ~half)])


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
