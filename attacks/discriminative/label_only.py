"""Attacks on a target that answers with labels alone: how far is each record from the decision boundary?"""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.discriminative import hop_skip_jump
from attacks.discriminative.hop_skip_jump import BLOCK, Predict
from attacks.discriminative.shadow_labels import Shadow, attack_model, shadow_records
from attacks.handles import LabelOracle, Records, Scored, ShadowModels

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
    labels. A member lies farther off than half of the random inputs, on which `random_queries` labels are spent.
    """
    generator = torch.Generator().manual_seed(seed % 2**63)
    x, label = records.x, records.label
    spread = torch.rand(random_queries // queries, *x.shape[1:], generator=generator)
    low, high = x.amin(0), x.amax(0)
    every = torch.cat([x, low + (high - low) * spread])
    predicted = labels(every)
    score = hop_skip_jump.search(
        labels,
        every,
        torch.cat([label, predicted[len(x) :]]),
        hop_skip_jump.starts(every, predicted),
        queries=queries,
        batch=batch,
        generator=generator,
    )
    ours, random = score[: len(x)], score[len(x) :]
    return Scored(ours, cut=float(random.median() if len(random) else ours.median()))


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
    generator = torch.Generator().manual_seed(seed % 2**63)

    def measured(predict: Predict, x: Tensor, label: Tensor) -> Tensor:
        return hop_skip_jump.distances(predict, x, label, queries=queries, batch=batch, generator=generator)

    known = list(shadow_records(shadow_models, calibration, generator))
    shadow = torch.cat([measured(predict, x, label) for predict, x, label, _ in known])
    cut, _ = _best_cut(shadow, torch.cat([inside for *_, inside in known]))
    return Scored(measured(labels, records.x, records.label), cut=cut)


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
    The amount of noise and the cut are those that tell best the members of shadow models, on `calibration` shadow records.
    """
    generator = torch.Generator().manual_seed(seed % 2**63)
    noise = _Noise(records.x, queries, generator)
    amount, cut, _ = noise.tuned(list(shadow_records(shadow_models, calibration, generator)))
    right = noise.labels(labels, records.x, amount) == records.label[:, None]
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
    generator = torch.Generator().manual_seed(seed % 2**63)
    noise = _Noise(records.x, queries, generator)
    known = list(shadow_records(shadow_models, calibration, generator))
    amount, _, answers = noise.tuned(known)
    label = torch.cat([label for _, _, label, _ in known])
    target = noise.labels(labels, records.x, amount)
    classes = 1 + int(max(answers.max(), label.max(), target.max(), records.label.max()))
    model = attack_model(_surrogate(answers, label, classes), torch.cat([inside for *_, inside in known]), hidden, epochs, seed)
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
    """Random copies of records: Gaussian noise, or flips where every feature has two values and some feature varies."""

    def __init__(self, x: Tensor, copies: int, generator: torch.Generator):
        self.copies, self.generator = copies, generator
        self.low, self.high = x.amin(0), x.amax(0)
        self.binary = len(x) > 2 and bool(((x == self.low) | (x == self.high)).all())
        self.unit = float(x.double().std(0, correction=0).square().mean().sqrt())

    def labels(self, predict: Predict, x: Tensor, amount: float) -> Tensor:
        """Return the predicted classes of the copies of each record, int64 (n, copies)."""
        answers = []
        for part in x.split(max(1, BLOCK // (self.copies * x[0].numel()))):
            shape = (len(part), self.copies, *x.shape[1:])
            if self.binary:
                flip = torch.rand(shape, generator=self.generator) < amount
                copies = torch.where(flip, (self.low + self.high - part)[:, None], part[:, None])
            else:
                copies = part[:, None] + amount * self.unit * torch.randn(shape, generator=self.generator)
            answers.append(predict(copies.flatten(0, 1)).reshape(len(part), self.copies))
        return torch.cat(answers)

    def tuned(self, known: list[Shadow]) -> tuple[float, float, Tensor]:
        """Return the amount of noise that tells members of shadow models best, its cut, and their answers with it."""
        label = torch.cat([label for _, _, label, _ in known])
        inside = torch.cat([inside for *_, inside in known])
        tried = []
        for amount in FLIPS if self.binary else SCALES:
            answers = torch.cat([self.labels(predict, x, amount) for predict, x, *_ in known])
            cut, accuracy = _best_cut((answers == label[:, None]).double().mean(1), inside)
            tried.append((accuracy, amount, cut, answers))
        _, amount, cut, answers = max(tried, key=lambda one: one[0])
        return amount, cut, answers


def _surrogate(answers: Tensor, label: Tensor, classes: int) -> Tensor:
    """Return the surrogate log-posterior of answers (n, copies), float64 (n, 3): of the label, and of the best others.

    Each class counts once more than it came back, so that none has the probability 0.
    """
    counts = torch.zeros(len(answers), classes, dtype=torch.float64)
    counts.scatter_add_(1, answers, torch.ones_like(answers, dtype=torch.float64))
    posterior = (counts + 1) / (answers.shape[1] + classes)
    of_label = posterior.gather(1, label[:, None])
    others = posterior.scatter(1, label[:, None], 0.0).topk(min(2, classes), dim=1).values
    return torch.cat([of_label, others], dim=1).clamp(min=1e-12).log()
