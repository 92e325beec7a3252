"""Networks of one hidden layer that are so small that torch's autograd and optimizer take five times as long as the arithmetic.

Slopes are written out, and all weights lie in one vector, on which Adam works at once. Else it is what torch does, in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn


class OneHiddenLayer:
    """Two linear layers with ReLUs between them, and the state of Adam (Kingma and Ba 2015, Algorithm 1).

    It begins with the weights of the layers. With `decay` weights shrink as in AdamW (Loshchilov and Hutter 2019, Algorithm 2);
    with `clip` a slope is no longer than that.
    """

    def __init__(self, inner: nn.Linear, outer: nn.Linear, learning_rate: float, decay: float = 0.0, clip: float = math.inf):
        layers = inner.weight.detach().T, inner.bias.detach(), outer.weight.detach().T, outer.bias.detach()
        self.weights = torch.cat([one.double().flatten() for one in layers])
        self._slope, self._mean, self._square = (torch.zeros_like(self.weights) for _ in range(3))
        self._parts, self._slopes = (
            [part.view(one.shape) for part, one in zip(vector.split([one.numel() for one in layers]), layers, strict=True)]
            for vector in (self.weights, self._slope)
        )
        self._learning_rate, self._decay, self._clip, self._steps = learning_rate, decay, clip, 0

    def __call__(self, x: Tensor) -> Tensor:
        """Return outputs float64 (n, outputs) for x float64 (n, inputs)."""
        return self._outputs(x)[1]

    def learn(self, x: Tensor, slope: Callable[[Tensor], Tensor]) -> None:
        """Take one step on x (n, inputs); `slope` gives that of the loss by the outputs (n, outputs), of the same shape."""
        hidden, outputs = self._outputs(x)
        error = slope(outputs)
        by_inner, by_shift, by_outer, by_last = self._slopes
        torch.mm(hidden.T, error, out=by_outer)
        torch.sum(error, 0, out=by_last)
        back = torch.ops.aten.threshold_backward(error @ self._parts[2].T, hidden, 0)
        torch.mm(x.T, back, out=by_inner)
        torch.sum(back, 0, out=by_shift)
        if self._clip < math.inf:
            self._slope.mul_((self._clip / (self._slope.norm() + 1e-6)).clamp(max=1))
        self._adam()

    def _outputs(self, x: Tensor) -> tuple[Tensor, Tensor]:
        inner, shift, outer, last = self._parts
        hidden = torch.addmm(shift, x, inner).relu_()
        return hidden, torch.addmm(last, hidden, outer)

    def _adam(self) -> None:
        self._steps += 1
        if self._decay:
            self.weights.mul_(1 - self._learning_rate * self._decay)
        self._mean.lerp_(self._slope, 0.1)
        self._square.mul_(0.999).addcmul_(self._slope, self._slope, value=0.001)
        spread = self._square.sqrt().div_(math.sqrt(1 - 0.999**self._steps)).add_(1e-8)
        self.weights.addcdiv_(self._mean, spread, value=-self._learning_rate / (1 - 0.9**self._steps))
