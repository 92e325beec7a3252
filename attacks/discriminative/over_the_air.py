"""The attack of one who hears a model's decisions and cannot ask it anything. Shi et al. 2020."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attacks.handles import AttackError, Records, Scored, ShadowModels, Surrogate


def infer(
    records: Records, surrogate: Surrogate, shadow_models: ShadowModels, *, hidden: int = 64, epochs: int = 50, seed: int = 0
) -> Scored:
    """Log-odds of membership from an inference model on the surrogate's answers, float64 (n,); member if above 0.

    Shi et al. 2020 (abstract): a surrogate classifier first, then an inference model. What the inference model sees and how it
    is built is not known to us. Here it is one hidden layer on the score of the true class and the other scores in descending
    order, and it has learned from shadow models' answers on their own members and on other records.
    """
    known, inside = shadow_models.records, shadow_models.trained_on
    seen = torch.cat([_features(shadow_models.log_probs(k), known.label) for k in range(len(shadow_models))])
    member = inside.flatten()
    if member.all() or not member.any():
        raise AttackError("the shadow models have no members, or no other records, to learn from")
    answers, label = surrogate.log_probs(records.x), records.label
    if answers.shape[-1] != seen.shape[-1] or int(label.max()) >= answers.shape[-1]:
        raise AttackError("the surrogate never heard a decision for the last class, so its answers are of another format")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        model = _train(seen, member, hidden, epochs)
        with torch.no_grad():
            return Scored(model(_features(answers, label)).squeeze(-1), cut=0.0)


def _features(log_probs: Tensor, label: Tensor) -> Tensor:
    """Score of the true class, then the others from high to low, float64 (n, classes): the same for every class."""
    index = label.unsqueeze(-1)
    others = log_probs.scatter(-1, index, float("-inf")).sort(dim=-1, descending=True).values[:, :-1]
    return torch.cat([log_probs.gather(-1, index), others], dim=-1).exp()


def _train(features: Tensor, member: Tensor, hidden: int, epochs: int) -> nn.Module:
    """Train an inference model on features (n, classes) and membership (n,), both kinds weighing the same."""
    model = nn.Sequential(nn.Linear(features.shape[-1], hidden), nn.ReLU(), nn.Linear(hidden, 1)).double()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    loss_of = nn.BCEWithLogitsLoss(pos_weight=(~member).sum().double() / member.sum())
    for _ in range(epochs):
        for chunk in torch.randperm(len(features)).split(100):
            optimizer.zero_grad(set_to_none=True)
            loss_of(model(features[chunk]).squeeze(-1), member[chunk].double()).backward()
            optimizer.step()
    return model
