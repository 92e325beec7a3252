"""Attacks that learn from shadow models how the answers on members differ from the answers on other records."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from attacks.discriminative.classes import widened
from attacks.handles import AttackError, Records, Scored, ScoreOracle, ShadowModels, TopScoreOracle
from attacks.seeds import derive_seed


def infer(
    records: Records,
    scores: ScoreOracle,
    shadow_models: ShadowModels,
    *,
    hidden: int = 64,
    epochs: int = 50,
    per_class: bool = True,
    seed: int = 0,
) -> Scored:
    """Log-odds of membership from an attack model on the scores of all classes, float64 (n,); member if above 0.

    Shokri et al. 2017, Section V: one attack model a class, with one hidden layer (Section VI-C). It is trained on the answers
    of the shadow models on their own members and on other records. A class without shadow records of both kinds is judged by
    the attack model of all classes together. Each attack model has a seed of its own, so that it does not depend on which
    classes the candidates have. Classes that no shadow record has, the shadow models give the probability 0.
    """
    known = shadow_models.records
    inside = shadow_models.trained_on
    classes = scores(records.x[:0]).shape[-1]
    answers = torch.cat([shadow_models.log_probs(k) for k in range(len(shadow_models))])
    features = widened(answers, classes, "shadow data").exp()
    label = known.label.repeat(len(shadow_models))
    member = inside.flatten()
    if member.all() or not member.any():
        raise AttackError("the shadow models have no members, or no other records, to learn from")
    target = scores(records.x).exp()
    target_label = records.label

    score = torch.full((len(records),), torch.nan, dtype=torch.float64)
    if per_class:
        for c in range(classes):
            of_class, wanted = label == c, target_label == c
            if wanted.any() and member[of_class].any() and (~member[of_class]).any():
                attack_model = _train(features[of_class], member[of_class], hidden, epochs, derive_seed(seed, "class", c))
                score[wanted] = attack_model(target[wanted])
    if score.isnan().any():
        attack_model = _train(features, member, hidden, epochs, derive_seed(seed, "all classes"))
        score = torch.where(score.isnan(), attack_model(target), score)
    return Scored(score, cut=0.0)


def infer_from_top_scores(
    records: Records,
    top_k: TopScoreOracle,
    shadow_models: ShadowModels,
    *,
    hidden: int = 64,
    epochs: int = 50,
    seed: int = 0,
) -> Scored:
    """Log-odds of membership from one attack model on the highest scores, float64 (n,); member if above 0.

    Salem et al. 2019, Section III-B (adversary 1) and Section IV (adversary 2, whose shadow model is for another data set and
    task): the three highest posteriors in descending order (two of a binary task), one attack model for all classes, no label.
    One shadow model suffices; with more, their answers are taken together.
    """
    values, _ = top_k(records.x)
    answers = torch.cat([shadow_models.log_probs(k) for k in range(len(shadow_models))])
    # The shadow models' task may have fewer classes than the target's.
    width = min(values.shape[-1], answers.shape[-1])
    values = values[:, :width]
    features, member = answers.topk(width, dim=-1).values.exp(), shadow_models.trained_on.flatten()
    if member.all() or not member.any():
        raise AttackError("the shadow models have no members, or no other records, to learn from")
    attack_model = _train(features, member, hidden, epochs, seed)
    return Scored(attack_model(values.exp()), cut=0.0)


class _AttackModel:
    """Scores of all classes -> log-odds of membership by one hidden layer of ReLUs, in float64.

    It is so small that a step of torch's autograd and optimizer takes five times as long as the arithmetic: slopes are written
    out, and all weights lie in one vector, on which Adam works at once.
    """

    def __init__(self, classes: int, hidden: int):
        inner, outer = nn.Linear(classes, hidden), nn.Linear(hidden, 1)
        weights = inner.weight.detach().T, inner.bias.detach(), outer.weight.detach().squeeze(0), outer.bias.detach()
        self.weights = torch.cat([weight.double().flatten() for weight in weights])
        self._shapes = [weight.shape for weight in weights]

    def parts(self, vector: Tensor) -> list[Tensor]:
        """Return views of a vector as weights and biases of the hidden layer, and weights and bias behind it."""
        found = vector.split([shape.numel() for shape in self._shapes])
        return [part.view(shape) for part, shape in zip(found, self._shapes, strict=True)]

    def __call__(self, features: Tensor) -> Tensor:
        """Return log-odds (n,) for features (n, classes)."""
        into, shift, out, last = self.parts(self.weights)
        return torch.addmm(shift, features, into).relu_() @ out + last


def _train(features: Tensor, member: Tensor, hidden: int, epochs: int, seed: int) -> _AttackModel:
    """Train an attack model on features (n, classes) and membership (n,), both kinds weighing the same, with Adam."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        model = _AttackModel(features.shape[-1], hidden)
        # What enters the slope of the cross-entropy by the log-odds: minus the weight of a member, and 1 of another record.
        sign = torch.where(member, -(~member).sum().double() / member.sum(), 1.0)
        turned = torch.where(member, -1.0, 1.0).double()
        slope, mean, square = (torch.zeros_like(model.weights) for _ in range(3))
        into, shift, out, last = model.parts(model.weights)
        by_into, by_shift, by_out, by_last = model.parts(slope)
        batch, step = max(100, len(features) // 16), 0
        for _ in range(epochs):
            for chunk in torch.randperm(len(features)).split(batch):
                x = features[chunk]
                active = torch.addmm(shift, x, into).relu_()
                odds = torch.addmv(last, active, out)
                error = torch.sigmoid(odds.mul_(turned[chunk])).mul_(sign[chunk]).div_(len(chunk))
                torch.sum(error, 0, keepdim=True, out=by_last)
                torch.mv(active.T, error, out=by_out)
                back = torch.ops.aten.threshold_backward(torch.outer(error, out), active, 0)
                torch.sum(back, 0, out=by_shift)
                torch.mm(x.T, back, out=by_into)
                step += 1
                _adam(model.weights, slope, mean, square, step)
    return model


def _adam(weights: Tensor, slope: Tensor, mean: Tensor, square: Tensor, step: int) -> None:
    """Take one step of Adam in place, with learning rate 0.01 and torch's other settings (Kingma and Ba 2015, Algorithm 1)."""
    mean.lerp_(slope, 0.1)
    square.mul_(0.999).addcmul_(slope, slope, value=0.001)
    spread = square.sqrt().div_(math.sqrt(1 - 0.999**step)).add_(1e-8)
    weights.addcdiv_(mean, spread, value=-0.01 / (1 - 0.9**step))
