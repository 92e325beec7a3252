"""Writes what the audit is about: handwritten digits as npz files, and the weights of a network trained on the members."""

import numpy as np
from net import train
from safetensors.torch import save_file
from sklearn.datasets import load_digits

digits = load_digits()
x, y = (digits.images / 16).astype(np.float32), digits.target
order = np.random.default_rng(0).permutation(len(x))
parts = {"members": order[:300], "non_members": order[300:600], "population": order[600:]}
for name, rows in parts.items():
    np.savez(f"{name}.npz", x=x[rows], y=y[rows], id=rows)
network = train(x[parts["members"]], y[parts["members"]], seed=0)
save_file(network.state_dict(), "weights.safetensors")
