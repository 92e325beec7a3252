"""Writes what the audit is about: answers of a classifier of tumours (Street et al. 1993), and of 16 reference models."""

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier

cells = load_breast_cancer()
x, y = cells.data, cells.target_names[cells.target]
generator = np.random.default_rng(0)
order = generator.permutation(len(x))
members, others = order[:280], order[280:560]
candidates = np.concatenate([members, others])


def answers(rows, seed):
    """Return what a model that is trained on some rows answers about all candidates: one column a class."""
    model = GradientBoostingClassifier(n_estimators=30, random_state=seed).fit(x[rows], y[rows])
    return model.classes_, model.predict_proba(x[candidates])


classes, scores = answers(members, seed=0)
table = pd.DataFrame(scores, columns=[f"p_{name}" for name in classes])
table.insert(0, "label", y[candidates])
table.insert(0, "record", candidates)
table[: len(members)].to_csv("members.csv", index=False)
table[len(members) :].to_csv("non_members.csv", index=False)

# Each reference model has seen half of the candidates, and each candidate is in half of the models.
half = np.argsort(generator.random((8, len(candidates))), axis=1) < len(candidates) // 2
trained_on = np.concatenate([half, ~half])
references = [answers(candidates[inside], seed)[1] for seed, inside in enumerate(trained_on, start=1)]
np.savez("refs.npz", scores=np.array(references), trained_on=trained_on)
