"""The blind baseline: what a classifier that never sees the model tells about its members.

Where members and non-members differ by themselves (by date, source or class), an attack that knows nothing of the model can tell
them apart, and whatever it finds measures the split and not the model. Candidates are exchangeable if nothing can be told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.metrics import area_interval, ranking
from attacks.metrics.intervals import Interval

FOLDS, MOST, COMPONENTS, TREES = 5, 4000, 50, 50
# Over many targets and seeds a 95 % interval would refuse good splits every day.
CONFIDENCE = 0.999


@dataclass(frozen=True)
class BlindBaseline:
    """AUC of the classifier on records that it was not trained on, its 95 % interval, and whether it may be chance (99.9 %)."""

    auc: float
    auc_ci: Interval
    exchangeable: bool

    def as_json(self) -> dict[str, Any]:
        """Return the baseline as plain data."""
        return {"auc": self.auc, "auc_ci": list(self.auc_ci), "exchangeable": self.exchangeable}


def measure(features: NDArray[np.float64], member: NDArray[np.bool_]) -> BlindBaseline | None:
    """Return the blind baseline of records with features (n, d) and membership (n,); None for too few records to tell.

    Five folds, each judged by a logistic regression and a random forest of the other four, whose probabilities are averaged. Of
    many records 4,000 are drawn, and wide ones are reduced to 50 principal components, which take no heed of membership.
    Everything random comes from a fixed generator, so that the same records have the same baseline.
    """
    from sklearn.decomposition import PCA
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if min(int(member.sum()), int((~member).sum())) < 2 * FOLDS:
        return None
    generator = np.random.default_rng(0)
    rows = generator.permutation(len(member))[:MOST]
    x, truth = features[rows], member[rows]
    if min(int(truth.sum()), int((~truth).sum())) < 2 * FOLDS:
        return None
    if x.shape[1] > COMPONENTS:
        x = PCA(min(COMPONENTS, len(x)), svd_solver="full").fit_transform(x)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    guesses = [
        cross_val_predict(classifier, x, truth, cv=folds, method="predict_proba")[:, 1]
        for classifier in (
            make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000)),
            RandomForestClassifier(TREES, min_samples_leaf=5, random_state=0),
        )
    ]
    score = np.mean(guesses, axis=0)
    low, high = _interval(score, truth, CONFIDENCE)
    return BlindBaseline(ranking.auc(score, truth), _interval(score, truth, 0.95), low <= 0.5 <= high)


def _interval(score: NDArray[np.float64], truth: NDArray[np.bool_], confidence: float) -> Interval:
    """Return an interval of the AUC.

    Every record is judged by classifiers that learned from most of the others, so that scores of different folds hang together:
    where nothing can be told, chance in what is learned adds as much to the variance as chance in what is judged. DeLong's
    variance, which knows of the latter only, is therefore doubled (the tests hold this to a simulation).
    """
    found = ranking.area(ranking.roc(score, truth))
    doubled = replace(found, of_members=2 * found.of_members, of_others=2 * found.of_others)
    return area_interval.of_area(doubled, int(truth.sum()), int((~truth).sum()), confidence)


def features_of(x: NDArray[Any], label: NDArray[Any]) -> NDArray[np.float64]:
    """Return what a blind classifier reads of records x (n, ...) with label (n,), or (n, height, width) of pixels: (n, d).

    Classes become one column each; of labels of pixels it is the share that each class has of the picture.
    """
    flat = x.reshape(len(x), -1).astype(np.float64)
    if not np.issubdtype(label.dtype, np.integer):
        return np.concatenate([flat, label.reshape(len(x), -1).astype(np.float64)], axis=1)
    classes = np.unique(label)
    if len(classes) < 2:
        return flat
    shares = np.stack([(label.reshape(len(x), -1) == c).mean(axis=1) for c in classes], axis=1)
    return np.concatenate([flat, shares], axis=1)
