"""Audit a work with all that attacks.audit has for it, or with named attacks: python with_ours.py WORK SEED OUT [ATTACK …]"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from works import MODELS, made

from attacks import metrics

name, seed, out, *named = sys.argv[1], int(sys.argv[2]), *sys.argv[3:]
work = made(name, seed)
model, members, others, pool = work.model, work.members, work.others, work.pool
# Unnamed, all are run that are feasible.
more = {"models": MODELS, "seed": seed, "attacks": named}
if name == "A":
    from sklearn.ensemble import RandomForestClassifier

    # user: A
    from attacks import audit

    def train(x, y, seed):
        return RandomForestClassifier(100, random_state=seed).fit(x, y)

    result = audit.run(model=model, members=members, non_members=others, train=train, **more)
    # end
else:
    import net
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    # user: B
    from attacks import audit

    def train(x, y, seed):
        network, data = net.Network(), TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
        net.train(network, DataLoader(data, batch_size=net.BATCH, shuffle=True))
        return network

    result = audit.run(model=model, members=members, non_members=others, population=pool, train=train, **more)
    # end
lira = result.scores["carlini-2022-lira"]
found = {"LiRA": [metrics.auc(lira, result.member), metrics.tpr_at_fpr(lira, result.member, 0.01)]}
Path(out).write_text(json.dumps({"attacks": len(result.scores), "scores": found}))
