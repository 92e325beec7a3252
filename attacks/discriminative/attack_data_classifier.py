"""Attacks whose attack model learns from attack data: answers of some model on records of which membership is known."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch
from torch import Tensor, nn

from attacks.discriminative.classes import widened
from attacks.handles import AttackData, AttackError, Records, Scored, ScoreOracle
from attacks.models import architectures

# The logarithm of a probability of zero, as a decision tree gives it, is taken to be this: such scores are ties.
LOG_ZERO = math.log(architectures.CLIP)
MLP = "mlp"


def infer_by_any_model(
    records: Records,
    scores: ScoreOracle,
    attack_data: AttackData,
    *,
    attack_model: str = "logistic-regression",
    seed: int = 0,
) -> Scored:
    """Log-odds of membership from an attack model of any type on the scores of all classes, float64 (n,); member if above 0.

    Truex et al. 2019, Section 3.3: `attack_model` is an estimator's name, or "mlp" for Shokri's network. As in the
    implementation of Shokri et al. that the paper takes over (Section 4.4), there is one attack model a class, and classes whose
    attack data are all of one kind are judged by the attack model of all classes together. The paper finds that the type matters
    little; logistic regression is the default, since its scores have no ties. Classes that the attack data lack have the
    probability 0 there.
    """
    if attack_model != MLP and attack_model not in architectures.ESTIMATORS:
        known = ", ".join([*architectures.ESTIMATORS, MLP])
        raise AttackError(f"attack_model is one of {known} (found {attack_model})")
    target, attack_data = _alike(scores(records.x), attack_data)
    member, features = attack_data.member, attack_data.log_probs.exp()
    target, label = target.exp(), records.label
    score = torch.full((len(records),), torch.nan, dtype=torch.float64)
    for c in label.unique():
        of_class, wanted = attack_data.label == c, label == c
        if member[of_class].any() and (~member[of_class]).any():
            score[wanted] = _odds(attack_model, features[of_class], member[of_class], target[wanted], seed)
    rest = score.isnan()
    if rest.any():
        score[rest] = _odds(attack_model, features, member, target[rest], seed)
    return Scored(score, cut=0.0)


def infer_from_known_members(
    records: Records, scores: ScoreOracle, attack_data: AttackData, *, epochs: int = 50, seed: int = 0
) -> Scored:
    """Log-odds of membership from a network on scores and label, float64 (n,); member if above 0.

    Nasr et al. 2018, Section 5.3 and Figure 3: one network of 1024, 512 and 64 units reads the target's scores, one of 512 and
    64 units reads the label, and one of 256 and 64 units joins them to one answer. Weights start as N(0, 0.01^2) and biases at
    0; Adam with learning rate 0.001; members and non-members are as many in every batch. The paper does not say for how many
    epochs or in which batches the attack model by itself is trained: here 50 epochs, as long as its targets, of 64 of either
    kind.
    """
    target, attack_data = _alike(scores(records.x), attack_data)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        network = _ScoresAndLabel(target.shape[-1])
        optimizer = torch.optim.Adam(network.parameters(), lr=0.001, fused=True)
        loss_of = nn.BCEWithLogitsLoss()
        inside, outside = attack_data.member.nonzero().flatten(), (~attack_data.member).nonzero().flatten()
        half = max(len(inside), len(outside))
        for _ in range(epochs):
            # The rarer kind is gone through more than once, so that both are as many.
            orders = [rows[torch.randperm(half) % len(rows)] for rows in (inside, outside)]
            for members, others in zip(orders[0].split(64), orders[1].split(64), strict=True):
                rows = torch.cat([members, others])
                optimizer.zero_grad(set_to_none=True)
                odds = network(attack_data.log_probs[rows], attack_data.label[rows])
                loss_of(odds, attack_data.member[rows].double()).backward()
                optimizer.step()
        with torch.no_grad():
            score = network(target, records.label)
    return Scored(score, cut=0.0)


class _ScoresAndLabel(nn.Module):
    """Log-probabilities (n, classes) and labels (n,) -> log-odds of membership (n,), in float64."""

    def __init__(self, classes: int):
        super().__init__()
        self.classes = classes
        self.of_scores = nn.Sequential(architectures.mlp((classes,), 64, (1024, 512)), nn.ReLU())
        self.of_label = nn.Sequential(architectures.mlp((classes,), 64, (512,)), nn.ReLU())
        self.joint = architectures.mlp((128,), 1, (256, 64))
        for name, parameter in self.named_parameters():
            nn.init.zeros_(parameter) if name.endswith("bias") else nn.init.normal_(parameter, 0, 0.01)
        self.double()

    def forward(self, log_probs: Tensor, label: Tensor) -> Tensor:
        one_hot = nn.functional.one_hot(label, self.classes).double()
        odds: Tensor = self.joint(torch.cat([self.of_scores(log_probs.exp()), self.of_label(one_hot)], dim=-1))
        return odds.squeeze(-1)


def _alike(answers: Tensor, attack_data: AttackData) -> tuple[Tensor, AttackData]:
    """Return the target's answers, and the attack data with as many classes; raise AttackError if nothing can be learnt."""
    if attack_data.member.all() or not attack_data.member.any():
        raise AttackError("the attack data hold records of one kind only: all members, or none")
    of_all = widened(attack_data.log_probs, answers.shape[-1], "attack data")
    return answers, dataclasses.replace(attack_data, log_probs=of_all)


def _odds(attack_model: str, features: Tensor, member: Tensor, target: Tensor, seed: int) -> Tensor:
    """Train an attack model on features (n, classes) and membership (n,); return log-odds on `target`, float64 (m,)."""
    if attack_model == MLP:
        return _odds_of_network(features, member, target, seed)
    estimator = architectures.ESTIMATORS[attack_model](seed % 2**32).fit(features.numpy(), member.numpy())
    with np.errstate(divide="ignore"):
        # Naive Bayes knows logarithms that its probabilities have rounded to 0 and 1; nearest neighbours have no such method.
        logs = hasattr(estimator, "predict_log_proba")
        found = estimator.predict_log_proba(target.numpy()) if logs else np.log(estimator.predict_proba(target.numpy()))
    log_prob = torch.from_numpy(np.asarray(found, dtype=np.float64)).nan_to_num(neginf=LOG_ZERO)
    return log_prob[:, 1] - log_prob[:, 0]


def _odds_of_network(features: Tensor, member: Tensor, target: Tensor, seed: int, epochs: int = 50) -> Tensor:
    """As `_odds`, by a network with one hidden layer of 64 units (Shokri et al. 2017, Section VI-C)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        network = architectures.mlp((features.shape[-1],), 1, (64,)).double()
        optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
        loss_of = nn.BCEWithLogitsLoss(pos_weight=(~member).sum().double() / member.sum())
        for _ in range(epochs):
            for chunk in torch.randperm(len(features)).split(max(100, len(features) // 16)):
                optimizer.zero_grad(set_to_none=True)
                loss_of(network(features[chunk]).squeeze(-1), member[chunk].double()).backward()
                optimizer.step()
        with torch.no_grad():
            odds: Tensor = network(target).squeeze(-1)
    return odds
