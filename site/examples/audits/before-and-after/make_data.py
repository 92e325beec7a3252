"""Writes what the audits are about: 300 patients with diabetes (Efron et al. 2004), 150 of whom two forests have seen."""

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestClassifier
from skops import io

people = load_diabetes(as_frame=True, scaled=False).frame
people["progression"] = np.where(people.pop("target") > 140, "fast", "slow")  # of the disease, in the year that followed
people["patient"] = [f"P{number:03}" for number in people.index]
order = people.sample(300, random_state=0)
train, holdout = order[:150], order[150:]
train.to_csv("train.csv", index=False)
holdout.to_csv("holdout.csv", index=False)
for name, smallest in (("before", 1), ("after", 10)):
    forest = RandomForestClassifier(50, min_samples_leaf=smallest, random_state=0)
    io.dump(forest.fit(train.drop(columns=["progression", "patient"]), train["progression"]), f"{name}.skops")
