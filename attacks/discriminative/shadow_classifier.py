"""Attacks that learn from shadow models how the answers on members differ from the answers on other records."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from attacks.discriminative.classes import widened
from attacks.handles import AttackError, Records, Scored, ScoreOracle, ShadowModels, TopScoreOracle
from attacks.models.one_hidden_layer import OneHiddenLayer
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
                score[wanted] = attack_model(target[wanted]).squeeze(1)
    if score.isnan().any():
        attack_model = _train(features, member, hidden, epochs, derive_seed(seed, "all classes"))
        score = torch.where(score.isnan(), attack_model(target).squeeze(1), score)
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
    return Scored(attack_model(values.exp()).squeeze(1), cut=0.0)


def _train(features: Tensor, member: Tensor, hidden: int, epochs: int, seed: int) -> OneHiddenLayer:
    """Train an attack model on features (n, classes) and membership (n,), both kinds weighing the same.

    It gives log-odds (n, 1). The slope of its cross-entropy by them is sigmoid(o) / n of a record that is no member, and of one
    that is, by its weight, minus sigmoid(-o) / n.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        model = OneHiddenLayer(nn.Linear(features.shape[-1], hidden), nn.Linear(hidden, 1), learning_rate=0.01)
        kind = member.unsqueeze(1)
        turned = torch.where(kind, -1.0, 1.0).double()
        weight = torch.where(kind, -(~member).sum().double() / member.sum(), 1.0)
        batch = max(100, len(features) // 16)
        for _ in range(epochs):
            for rows in torch.randperm(len(features)).split(batch):
                model.learn(features[rows], partial(_slope, turned=turned[rows], weight=weight[rows]))
    return model


def _slope(odds: Tensor, turned: Tensor, weight: Tensor) -> Tensor:
    return torch.sigmoid(odds * turned).mul_(weight).div_(len(odds))
