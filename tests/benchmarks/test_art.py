"""Boundary distances beside those of the Adversarial Robustness Toolbox (ART) on the same network.

ART's LabelOnlyDecisionBoundary takes the L2 distance that its HopSkipJump finds, one record after the other, with 50 iterations
of up to 10,000 queries by default. Both are called here with their own defaults, with labels alone, on one thread. A wall time
depends on the machine, so only the ratio is held to a bound. ART is asked about few records: each takes it some seconds.
"""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from records import Figure

from attacks import metrics
from attacks.discriminative import hop_skip_jump
from attacks.models import signals, training
from attacks.seeds import record_ids
from attacks.targets import data

evasion = pytest.importorskip("art.attacks.evasion", reason="ART is not installed: pip install mia-atlas[bench]")
classification = pytest.importorskip("art.estimators.classification")

QUERIES, BATCH = 1000, 50  # the defaults of li-2021-boundary
MEMBERS, RECORDS, COMPARED = 5000, 400, 20


@pytest.mark.benchmark
def test_beside_art_on_the_fashion_network(record):
    fashion = data.load("fashion")
    x, y = torch.from_numpy(fashion.x[: 2 * MEMBERS]), torch.from_numpy(fashion.y[: 2 * MEMBERS])
    recipe = training.Recipe("mlp", (28, 28), fashion.classes, (256,), epochs=50, batch=128, learning_rate=0.001)
    module = training.fit(recipe, training.TrainingSet(x[:MEMBERS], y[:MEMBERS], 0))
    model = training.Model(recipe, module, "benchmark")
    # As many members as others; the first of both are those that ART is asked about.
    rows = torch.stack([torch.arange(RECORDS // 2), MEMBERS + torch.arange(RECORDS // 2)], dim=1).flatten()
    x, y = x[rows], y[rows]
    member = (rows < MEMBERS).numpy()
    asked = 0

    def predict(points):
        nonlocal asked
        asked += len(points)
        return signals.predicted(model.log_probs(points))

    def predict_for_art(points):
        return np.eye(fashion.classes, dtype=np.float32)[predict(torch.from_numpy(np.asarray(points, dtype=np.float32))).numpy()]

    with training.one_thread():
        began = time.perf_counter()
        ours = hop_skip_jump.distances(predict, x, y, record_ids(x.numpy()), queries=QUERIES, batch=BATCH, seed=0).numpy()
        our_time, our_rows = (time.perf_counter() - began) / RECORDS, asked / RECORDS

        asked = 0
        np.random.seed(0)  # ART draws from numpy's global generator
        limits = (float(x.min()), float(x.max()))
        classifier = classification.BlackBoxClassifier(predict_for_art, (28, 28), fashion.classes, clip_values=limits)
        few, label = x[:COMPARED].numpy(), y[:COMPARED].numpy()
        began = time.perf_counter()
        flipped = evasion.HopSkipJump(classifier, verbose=False).generate(few, np.eye(fashion.classes, dtype=np.float32)[label])
        art_time, art_rows = (time.perf_counter() - began) / COMPARED, asked / COMPARED

    theirs = np.linalg.norm((flipped - few).reshape(COMPARED, -1).astype(np.float64), axis=1)
    theirs[signals.predicted(model.log_probs(x[:COMPARED])).numpy() != label] = 0  # as LabelOnlyDecisionBoundary does
    aucs = [metrics.auc(score, member[: len(score)]) for score in (ours[:COMPARED], theirs, ours)]
    figures = {
        "a record, ours": Figure(our_time, "s"),
        "a record, ART's": Figure(art_time, "s"),
        "asked, ours": Figure(our_rows, "rows a record"),
        "asked, ART's": Figure(art_rows, "rows a record"),
        f"AUC on {COMPARED} records, ours": Figure(aucs[0], ""),
        f"AUC on {COMPARED} records, ART's": Figure(aucs[1], ""),
        f"AUC on {RECORDS} records, ours": Figure(aucs[2], ""),
        "median of our distance / ART's": Figure(float(np.median(ours[:COMPARED][theirs > 0] / theirs[theirs > 0])), ""),
    }
    what = f"boundary distances of {RECORDS} records of Fashion-MNIST"
    record("peers/art-boundary", what, "the HopSkipJump of ART, both with their own defaults", our_time / art_time, 0.1, figures)
    assert our_time / art_time < 0.1
