"""Writes what the audit is about: patients with diabetes (Efron et al. 2004), and a table that a generator made from some."""

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.neighbors import KernelDensity

patients = load_diabetes(as_frame=True, scaled=False).frame
order = np.random.default_rng(0).permutation(len(patients))
parts = {"members": order[:150], "non_members": order[150:300], "population": order[300:]}
for name, rows in parts.items():
    patients.iloc[rows].to_csv(f"{name}.csv", index_label="patient")

# The generator: a density with a narrow kernel around each member, a textbook case of one that remembers.
seen = patients.iloc[parts["members"]]
centre, spread = seen.mean(), seen.std()
density = KernelDensity(bandwidth=0.5).fit((seen - centre) / spread)
made = density.sample(1000, random_state=0) * spread.to_numpy() + centre.to_numpy()
synthetic = patients.iloc[:0].copy()
synthetic[list(patients.columns)] = made
synthetic["sex"] = synthetic["sex"].round().clip(1, 2)
synthetic.round(2).to_csv("synthetic.csv", index=False)
