"""How many classes there are, the target's answers tell: models of one's own may have seen only some of them."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from attacks.handles import AttackError


def widened(log_probs: Tensor, classes: int, whose: str) -> Tensor:
    """Return log-probabilities (..., k) of a model that knows the first k classes as (..., classes): the others have none.

    Raises AttackError, which says `whose` answers they are, if the model knows more classes than the target.
    """
    known = log_probs.shape[-1]
    if known > classes:
        raise AttackError(f"{whose} are answers of {known} classes, but the target has {classes}")
    return functional.pad(log_probs, (0, classes - known), value=float("-inf"))
