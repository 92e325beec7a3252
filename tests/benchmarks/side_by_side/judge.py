"""AUC, and TPR at 1 % FPR without interpolation, of scores: the same few lines for all."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import roc_curve


def judged(score: Any, count: int) -> list[float]:
    """Return the AUC and the TPR at 1 % FPR of scores (n,) of which the first `count` are members'; ties stay together."""
    score = np.asarray(score, dtype=np.float64)
    fpr, tpr, _ = roc_curve(np.arange(len(score)) < count, score, drop_intermediate=False)
    return [float(np.trapezoid(tpr, fpr)), float(tpr[fpr <= 0.01].max())]
