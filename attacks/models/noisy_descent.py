"""Noisy full-batch gradient descent: training with differential privacy that is known exactly."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap


def descend(
    model: nn.Module, x: Tensor, y: Tensor, *, steps: int, divisor: int, learning_rate: float, clip: float, noise: float
) -> None:
    """Train a network in place on records x float32 (n, ...) with labels y int64 (n,); draws from torch's own generator.

    Abadi et al. 2016, Algorithm 1, on all records in every step: each record's gradient is clipped to the norm `clip`, noise of
    `noise` times `clip` is added to every coordinate of the sum, and the sum is divided by `divisor`. The divisor must not
    depend on the records (their true number would tell whether one more is there); then adding or removing a record moves the
    sum by at most `clip`, and every step is a Gaussian mechanism. Without `noise`, training is not private.
    """
    weights = {name: value.detach().clone() for name, value in model.named_parameters()}

    def loss(weights: dict[str, Tensor], record: Tensor, label: Tensor) -> Tensor:
        logits: Tensor = functional_call(model, weights, (record.unsqueeze(0),))
        return nn.functional.cross_entropy(logits, label.unsqueeze(0))

    gradients_of = vmap(grad(loss), in_dims=(None, 0, 0))
    for _ in range(steps):
        gradients = gradients_of(weights, x, y)
        norms = torch.stack([g.flatten(1).norm(dim=1) for g in gradients.values()]).norm(dim=0)
        scale = (clip / norms).clamp(max=1.0)
        for name, each in gradients.items():
            total = torch.einsum("n...,n->...", each, scale)
            total = total + noise * clip * torch.randn_like(total)
            weights[name] = weights[name] - learning_rate * total / divisor
    model.load_state_dict(weights)
