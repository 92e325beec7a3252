"""Writes what the audit is about: 442 patients with diabetes (Efron et al. 2004), and a forest that has seen 150 of them."""

import numpy as np
from my_training import train
from sklearn.datasets import load_diabetes
from skops import io

people = load_diabetes(as_frame=True, scaled=False).frame
people["progression"] = np.where(people.pop("target") > 140, "fast", "slow")  # of the disease, in the year that followed
people["age_band"] = np.where(people["age"] < 50, "below 50", "50 and above")
people["patient"] = [f"P{number:03}" for number in people.index]
order = people.sample(frac=1, random_state=0)
parts = {"train": order[:150], "holdout": order[150:300], "others": order[300:]}
for name, part in parts.items():
    part.to_csv(f"{name}.csv", index=False)
x = parts["train"].drop(columns=["progression", "age_band", "patient"])
io.dump(train(x, parts["train"]["progression"], seed=0), "model.skops")
