"""Audit a work with the shadow models of ART, its black-box attack and its rule: python with_art.py WORK SEED OUT

Its ShadowModels cannot be told how long to train, and would take 10 epochs for a network, so the default is put right.
The adversary's records are the candidates where there is no pool.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from judge import judged
from works import MODELS, made

name, seed, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
work = made(name, seed)
x, y = (np.concatenate(pair) for pair in zip(work.members, work.others, strict=True))
model, (x_pool, y_pool) = work.model, (work.pool if name == "B" else (x, y))
np.random.seed(seed)
if name == "A":
    # user: A
    from art.attacks.inference.membership_inference import (
        MembershipInferenceBlackBox,
        MembershipInferenceBlackBoxRuleBased,
        ShadowModels,
    )
    from art.estimators.classification.scikitlearn import ScikitlearnRandomForestClassifier

    target, classes = ScikitlearnRandomForestClassifier(model), np.eye(2)
    shadows = ShadowModels(target, num_shadow_models=MODELS, random_state=seed)
    inside, outside = shadows.generate_shadow_dataset(x_pool, classes[y_pool])
    attack = MembershipInferenceBlackBox(target, attack_model_type="rf")
    attack.fit(inside[0], inside[1], outside[0], outside[1], inside[2], outside[2])
    score = attack.infer(x, classes[y], probabilities=True)
    rule = MembershipInferenceBlackBoxRuleBased(target).infer(x, classes[y])
    # end
else:
    import net
    import torch

    # user: B
    from art.attacks.inference.membership_inference import (
        MembershipInferenceBlackBox,
        MembershipInferenceBlackBoxRuleBased,
        ShadowModels,
    )
    from art.estimators.classification import PyTorchClassifier

    class Classifier(PyTorchClassifier):
        def fit(self, x, y, **options):
            super().fit(x, y, batch_size=net.BATCH, nb_epochs=net.EPOCHS, **options)

    def wrapped(network):
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
        return Classifier(network, torch.nn.CrossEntropyLoss(), (64,), 10, optimizer)

    target, classes = wrapped(model), np.eye(10, dtype=np.float32)
    shadows = ShadowModels(wrapped(net.Network()), num_shadow_models=MODELS, random_state=seed)
    inside, outside = shadows.generate_shadow_dataset(x_pool, classes[y_pool])
    attack = MembershipInferenceBlackBox(target, attack_model_type="rf")
    attack.fit(inside[0], inside[1], outside[0], outside[1], inside[2], outside[2])
    score = attack.infer(x, classes[y], probabilities=True)
    rule = MembershipInferenceBlackBoxRuleBased(target).infer(x, classes[y])
    # end
size = len(work.members[0])
found = {"black box": judged(np.reshape(score, (len(x), -1))[:, -1], size), "rule": judged(np.ravel(rule), size)}
Path(out).write_text(json.dumps({"attacks": 2, "scores": found}))
