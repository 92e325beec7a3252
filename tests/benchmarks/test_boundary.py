"""Boundary distances of many digits at once beside one digit after the other, by the same algorithm.

What batching alone gives; test_art.py compares with another implementation.
"""

from __future__ import annotations

import time

import pytest
import torch
from records import Figure

from attacks.discriminative import hop_skip_jump
from attacks.models import signals, training
from attacks.seeds import record_ids
from attacks.targets import data

QUERIES, BATCH, RECORDS, ALONE = 1000, 50, 800, 40


@pytest.mark.benchmark
def test_all_records_at_once_beside_one_at_a_time(record):
    digits = data.load("digits")
    x, y = torch.from_numpy(digits.x), torch.from_numpy(digits.y)
    recipe = training.Recipe("mlp", (64,), digits.classes, (256, 256), epochs=20, batch=64, learning_rate=0.001)
    model = training.Model(recipe, training.fit(recipe, training.TrainingSet(x[:400], y[:400], 0)), "benchmark")
    x, y, ids = x[:RECORDS], y[:RECORDS], record_ids(digits.x[:RECORDS])
    rows = 0

    def predict(points):
        nonlocal rows
        rows += len(points)
        return signals.predicted(model.log_probs(points))

    with training.one_thread():
        began = time.perf_counter()
        together = hop_skip_jump.distances(predict, x, y, ids, queries=QUERIES, batch=BATCH, seed=0)
        ours, asked = (time.perf_counter() - began) / RECORDS, rows / RECORDS

        rows, alone = 0, []
        began = time.perf_counter()
        for i in range(ALONE):
            one = slice(i, i + 1)
            alone.append(hop_skip_jump.distances(predict, x[one], y[one], ids[one], queries=QUERIES, batch=BATCH, seed=0))
        loop, asked_alone = (time.perf_counter() - began) / ALONE, rows / ALONE

    figures = {
        "a record, all at once": Figure(ours, "s"),
        "a record, alone": Figure(loop, "s"),
        "asked, all at once": Figure(asked, "rows a record"),
        "asked, alone": Figure(asked_alone, "rows a record"),
    }
    what = f"boundary distances of {RECORDS} digits at once"
    record("attacks/boundary-at-once", what, "one at a time, by the same algorithm", ours / loop, None, figures)
    assert together[:ALONE].tolist() == pytest.approx(torch.cat(alone).tolist(), rel=0.25)
