"""Shadow models and the black-box attack of ART on a target that is handed over: python with_art.py TARGET.npz MODELS SCORES.npy

Its ShadowModels cannot be told how long to train, and would take 10 epochs where the target took 50, so the default is put right.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from art.attacks.inference.membership_inference import MembershipInferenceBlackBox, ShadowModels
from art.estimators.classification import PyTorchClassifier
from network import BATCH, EPOCHS, LEARNING_RATE, Network


class Classifier(PyTorchClassifier):
    def fit(self, x, y, **options):
        super().fit(x, y, batch_size=BATCH, nb_epochs=EPOCHS, **options)


def classifier(network):
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    return Classifier(network, torch.nn.CrossEntropyLoss(), (28, 28), 10, optimizer)


given, models, out = sys.argv[1:]
data = np.load(given)
network = Network()
network.load_state_dict({name: torch.from_numpy(data[name]) for name in network.state_dict()})
classes = np.eye(10, dtype=np.float32)
shadows = ShadowModels(classifier(Network()), num_shadow_models=int(models), random_state=0)
inside, outside = shadows.generate_shadow_dataset(data["pool_x"], classes[data["pool_y"]])
attack = MembershipInferenceBlackBox(classifier(network), attack_model_type="rf")
attack.fit(inside[0], inside[1], outside[0], outside[1], inside[2], outside[2])
np.save(out, np.ravel(attack.infer(data["x"], classes[data["y"]], probabilities=True)[:, -1]).astype(np.float64))
