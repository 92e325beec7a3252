"""LiRA of sacroml against a target that is handed over: python with_sacroml.py TARGET.npz MODELS MODE FOLDER SCORES.npy

MODE is one of its modes, or `online-fixed`: online with one variance for all records. Shadow models in FOLDER are used again.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from network import BATCH, Network
from sacroml.attacks.likelihood_attack import LIRAAttack
from sacroml.attacks.target import Target

given, models, mode, folder, out = sys.argv[1:]
data = np.load(given)
network = Network()
network.load_state_dict({name: torch.from_numpy(data[name]) for name in network.state_dict()})
member, x, y = data["member"], data["x"].reshape(len(data["x"]), -1), data["y"]
target = Target(
    model=network,
    model_module_path="network.py",
    model_name="Network",
    model_params={},
    train_module_path="network.py",
    train_params={},
    batch_size=BATCH,
    X_train=x[member],
    y_train=y[member],
    X_test=x[~member],
    y_test=y[~member],
)
attack = LIRAAttack(
    output_dir=folder,
    write_report=False,
    n_shadow_models=int(models),
    mode="online-carlini" if mode == "online-fixed" else mode,
    fix_variance=mode == "online-fixed",
    report_individual=True,
)
attack.attack(target)
score = np.empty(len(x))
score[member], score[~member] = np.split(np.array(attack.result["member_prob"]), [member.sum()])
np.save(out, score)
