"""Attacks on a target that answers with labels alone: how far is each record from the decision boundary?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.discriminative import hop_skip_jump
from attacks.discriminative.hop_skip_jump import BLOCK, Predict
from attacks.discriminative.shadow_labels import Shadow, attack_model, shadow_records
from attacks.handles import AttackError, LabelOracle, Records, Scored, ShadowModels
from attacks.seeds import derive_seed, hash_records, record_ids, streams

SCALES = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)  # of noise, in standard deviations of the features
FLIPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3)  # probabilities that a binary feature is flipped


def boundary_distance(
    records: Records,
    labels: LabelOracle,
    *,
    queries: int = 1000,
    random_queries: int = 50_000,
    batch: int = 50,
    seed: int = 0,
) -> Scored:
    """L2 distance of each record to the decision boundary, float64 (n,); 0 where the target mislabels it.

    Li and Zhang 2021, Section 4 (boundary attack), with HopSkipJump and no shadow model. A record takes at most `queries`
    labels. A member lies farther off than half of the random inputs, on which `random_queries` labels are spent. The range of
    random inputs is read off the candidates, the one thing that the adversary has seen of the format: so the cut depends on
    them, though no score does.
    """
    count = random_queries // queries
    if count < 1:
        raise AttackError(f"random_queries must pay for one random input, {queries:,} labels (found {random_queries:,})")
    x, ids = records.x, records.ids
    # Made-up inputs first: what answers only about recorded ones says so before a search of every candidate begins.
    random = _random_inputs(x, ids, count, derive_seed(seed, "random inputs"))
    apart = hop_skip_jump.from_predicted(
        labels, random, labels(random), record_ids(random.numpy()), queries=queries, batch=batch, seed=seed
    )
    score = hop_skip_jump.distances(labels, x, records.label, ids, queries=queries, batch=batch, seed=seed)
    return Scored(score, cut=float(apart.median()))


def _random_inputs(x: Tensor, ids: NDArray[np.uint64], count: int, seed: int) -> Tensor:
    """Return random inputs, float32 (count, ...), each uniform between the smallest and largest value in one of records x.

    Which records lend their range, a hash of seed and record id decides.
    """
    order = np.argsort(hash_records(seed, 0, ids), kind="stable")
    low, high = x[torch.from_numpy(np.resize(order, count))].flatten(1).aminmax(dim=1, keepdim=True)
    spread = torch.rand(count, x[0].numel(), generator=torch.Generator().manual_seed(seed))
    return (low + (high - low) * spread).reshape(count, *x.shape[1:])


def boundary_distance_by_shadow(
    records: Records,
    labels: LabelOracle,
    shadow_models: ShadowModels,
    *,
    queries: int = 1000,
    calibration: int = 400,
    batch: int = 50,
    seed: int = 0,
) -> Scored:
    """L2 distance of each record to the decision boundary, float64 (n,); 0 where the target mislabels it.

    Choquette-Choo et al. 2021, Section 3 (decision boundary distance), with HopSkipJump. A record takes at most `queries`
    labels. The cut is the one that tells best the members of shadow models from other records, on `calibration` of them.
    """

    def measured(predict: Predict, x: Tensor, label: Tensor, ids: NDArray[np.uint64]) -> Tensor:
        return hop_skip_jump.distances(predict, x, label, ids, queries=queries, batch=batch, seed=seed)

    known = list(shadow_records(shadow_models, calibration, seed))
    shadow = torch.cat([measured(one.predict, one.x, one.label, one.ids) for one in known])
    cut, _ = _best_cut(shadow, torch.cat([one.member for one in known]))
    return Scored(measured(labels, records.x, records.label, records.ids), cut=cut)


def noise_robustness(
    records: Records,
    labels: LabelOracle,
    shadow_models: ShadowModels,
    *,
    queries: int = 250,
    calibration: int = 400,
    seed: int = 0,
) -> Scored:
    """How often each of `queries` noisy copies of a record is labelled rightly, float64 (n,) in [0, 1].

    Choquette-Choo et al. 2021, Section 3 (robustness to random noise): Gaussian noise, or flips where all features are binary.
    The amount of noise and the cut are those that tell best the members of shadow models, on `calibration` shadow records. The
    shadow records also tell the scale of the features and whether they are binary.
    """
    noise = _Noise(shadow_models.records.x, queries, seed)
    amount, cut, _ = noise.tuned(list(shadow_records(shadow_models, calibration, seed)))
    (answers,) = noise.labels(labels, records.x, records.ids, [amount])
    right = answers == records.label[:, None]
    return Scored(right.double().mean(1), cut=cut)


def sampled_posterior(
    records: Records,
    labels: LabelOracle,
    shadow_models: ShadowModels,
    *,
    queries: int = 250,
    calibration: int = 400,
    hidden: int = 64,
    epochs: int = 100,
    seed: int = 0,
) -> Scored:
    """Log-odds of membership from an attack model on how often each label comes back, float64 (n,); member if above 0.

    Rahimian et al. 2020, sampling attack: the labels of `queries` noisy copies of a record give a surrogate posterior, to which
    an attack on scores is applied, here one attack model for all classes as in Salem et al. 2019. It is trained on surrogate
    posteriors of shadow models, got alike on `calibration` shadow records, on which the amount of noise is tuned, too.
    """
    noise = _Noise(shadow_models.records.x, queries, seed)
    known = list(shadow_records(shadow_models, calibration, seed))
    amount, _, answers = noise.tuned(known)
    classes = shadow_models.log_probs(0).shape[1]
    learnt_from = _surrogate(answers, torch.cat([one.label for one in known]), classes)
    model = attack_model(learnt_from, torch.cat([one.member for one in known]), hidden, epochs, seed)
    (target,) = noise.labels(labels, records.x, records.ids, [amount])
    odds: Tensor = model(_surrogate(target, records.label, classes)).squeeze(-1)
    return Scored(odds, cut=0.0)


def _best_cut(score: Tensor, member: Tensor) -> tuple[float, float]:
    """Return the cut of the highest balanced accuracy when scores of at least the cut are members, and that accuracy."""
    cuts = score.unique()
    within, others = score[member].sort().values, score[~member].sort().values
    # In whole numbers, so that equal accuracies are equal, and the lowest of their cuts is taken.
    found = (len(within) - torch.searchsorted(within, cuts)) * len(others)
    spared = torch.searchsorted(others, cuts) * len(within)
    best = int((found + spared).argmax())
    return float(cuts[best]), int(found[best] + spared[best]) / (2 * len(within) * len(others))


class _Noise:
    """Random copies of records: Gaussian noise, or flips where every feature has two values and some feature varies.

    `held` (m, ...) are records that the adversary holds: they tell the values of binary features, and the scale of others. What
    is drawn for a record, seed and record id decide.
    """

    def __init__(self, held: Tensor, copies: int, seed: int):
        self.copies, self.seed = copies, derive_seed(seed, "noise")
        self.low, self.high = held.amin(0), held.amax(0)
        varied = (held != held[0]).any()
        self.binary = len(held) > 2 and bool(varied & ((held == self.low) | (held == self.high)).all())
        self.unit = float(held.double().std(0, correction=0).square().mean().sqrt())

    def labels(self, predict: Predict, x: Tensor, ids: NDArray[np.uint64], amounts: Sequence[float]) -> Tensor:
        """Return the predicted classes of the copies of each record with each amount of noise, int64 (amounts, n, copies).

        What is drawn for a copy is the same for all amounts.
        """
        if self.binary and x.shape[1:] != self.low.shape:
            raise AttackError(
                f"shadow records of shape {tuple(self.low.shape)} do not tell what flips in records of {tuple(x.shape[1:])}"
            )
        every, answers = streams(self.seed, ids), []
        for rows in torch.arange(len(x)).split(max(1, BLOCK // (self.copies * x[0].numel()))):
            drawn = torch.empty(len(rows), self.copies, *x.shape[1:])
            for row, out in zip(rows.tolist(), drawn.numpy(), strict=True):
                if self.binary:
                    every[row].random(dtype=np.float32, out=out)
                else:
                    every[row].standard_normal(dtype=np.float32, out=out)
            noisy = (self.noisy(x[rows, None], drawn, amount) for amount in amounts)
            answers.append(torch.stack([predict(one.flatten(0, 1)).reshape(len(rows), self.copies) for one in noisy]))
        return torch.cat(answers, dim=1)

    def noisy(self, x: Tensor, drawn: Tensor, amount: float) -> Tensor:
        """Return copies (n, copies, ...) of records x (n, 1, ...), by what was drawn for each feature of each copy."""
        if not self.binary:
            return x + amount * self.unit * drawn
        # What a feature that never varies could become instead, nobody knows.
        other = torch.where(self.low < self.high, self.low + self.high - x, x)
        return torch.where(drawn < amount, other, x)

    def tuned(self, known: list[Shadow]) -> tuple[float, float, Tensor]:
        """Return the amount of noise that tells members of shadow models best, its cut, and their answers with it."""
        label = torch.cat([one.label for one in known])
        member = torch.cat([one.member for one in known])
        amounts, tried = FLIPS if self.binary else SCALES, []
        every = torch.cat([self.labels(one.predict, one.x, one.ids, amounts) for one in known], dim=1)
        for amount, answers in zip(amounts, every, strict=True):
            cut, accuracy = _best_cut((answers == label[:, None]).double().mean(1), member)
            tried.append((accuracy, amount, cut, answers))
        _, amount, cut, answers = max(tried, key=lambda one: one[0])
        return amount, cut, answers


def _surrogate(answers: Tensor, label: Tensor, classes: int) -> Tensor:
    """Return the surrogate log-posterior of answers (n, copies), float64 (n, 3): of the label, and of the best others.

    Each of `classes` counts once more than it came back, so that none has the probability 0. Answers of no class that the
    shadow models know count as one class more.
    """
    is_label = answers == label[:, None]
    others = torch.zeros(len(answers), classes + 1, dtype=torch.float64)
    others.scatter_add_(1, answers.clamp(max=classes), (~is_label).double())
    counts = torch.cat([is_label.double().sum(1, keepdim=True), others.topk(2, dim=1).values], dim=1)
    return ((counts + 1) / (answers.shape[1] + classes)).log()
