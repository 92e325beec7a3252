"""LiRA, RMIA and BASE on 10,000 records, the answers of 16 models at hand, beside vectorised numpy, by CPU time."""

from __future__ import annotations

import statistics
import time

import numpy as np
import pytest
import torch
from records import Figure

from attacks.discriminative import calibrated
from attacks.handles import Ledger, Records, ScoreOracle, ShadowData, ShadowModels

RECORDS, MODELS, CLASSES, REPEATS = 10_000, 16, 10, 15


class Kept:
    """A model whose answers are at hand."""

    def __init__(self, answers):
        self.answers = answers

    def kept_log_probs(self, x):
        return self.answers


def margins(answers, label):
    """Log-odds of the labels (..., n) of answers (..., n, classes)."""
    others = answers.copy()
    rows = np.arange(answers.shape[-2])
    of_label = answers[..., rows, label]
    others[..., rows, label] = -np.inf
    top = others.max(axis=-1)
    return of_label - top - np.log(np.exp(others - top[..., None]).sum(axis=-1))


def log_confidence(answers, label):
    return -np.logaddexp(0, -margins(answers / 2, label))


def by_lira(target, shadow, inside):
    density = []
    for side in (inside, ~inside):
        mean = shadow.mean(axis=0, where=side)
        sd = np.sqrt(np.square(shadow - mean).sum(where=side) / (side.sum() - side.shape[1]))
        density.append(-(((target - mean) / sd) ** 2) / 2 - np.log(sd))
    return density[0] - density[1]


def by_rmia(target, shadow, inside):
    confidence = np.exp(shadow)
    return target - np.log((confidence.mean(axis=0, where=inside) + confidence.mean(axis=0, where=~inside)) / 2)


def by_base(target, shadow, inside):
    return target - np.log(np.exp(shadow).mean(axis=0))


@pytest.mark.benchmark
def test_calibrated_attacks_beside_vectorised_numpy(record):
    generator = np.random.default_rng(0)
    label = generator.integers(CLASSES, size=RECORDS)
    half = generator.random((MODELS // 2, RECORDS)) < 0.5
    inside = np.concatenate([half, ~half])
    logits = 2 * generator.normal(size=(MODELS + 1, RECORDS, CLASSES))
    logits[:, np.arange(RECORDS), label] += 1 + 3 * np.concatenate([generator.random((1, RECORDS)) < 0.5, inside])
    answers = torch.log_softmax(torch.from_numpy(logits), -1)
    target, shadow = answers[0].numpy(), answers[1:].numpy()

    ids, ledger = np.arange(RECORDS, dtype=np.uint64), Ledger()
    x, classes = torch.arange(RECORDS, dtype=torch.float32)[:, None], torch.from_numpy(label)
    models = ShadowModels([Kept(a) for a in answers[1:]], ShadowData(x, classes, ids), torch.from_numpy(inside))
    given = Records(x, classes, ids, ledger), ScoreOracle("scores", lambda x: answers[0], ledger), models

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for attack, signal, formula in (
            (calibrated.lira, margins, by_lira),
            (calibrated.rmia, log_confidence, by_rmia),
            (calibrated.base, log_confidence, by_base),
        ):
            signals = signal(target, label), signal(shadow, label)
            ways = (
                lambda attack=attack: attack(*given),
                lambda signal=signal, formula=formula: formula(signal(target, label), signal(shadow, label), inside),
                lambda signals=signals, formula=formula: formula(*signals, inside),
            )
            assert np.allclose(ways[0]().numpy(), ways[1](), rtol=1e-9, atol=1e-12)
            rounds = [[seconds(way) for way in ways] for _ in range(REPEATS)]
            ours, whole, end = (statistics.median(times) for times in zip(*rounds, strict=True))
            named = {
                "ours": Figure(1000 * ours, goal=10),
                "numpy": Figure(1000 * whole),
                "numpy, handed the signals": Figure(1000 * end),
            }
            figures = {name: figure._replace(unit="CPU-ms") for name, figure in named.items()}
            what = f"{attack.__name__} on {RECORDS:,} records, the answers of {MODELS} models at hand"
            record(f"attacks/{attack.__name__}", what, "the formula in numpy from the same answers", ours / whole, 1, figures)
            assert ours < whole
    finally:
        torch.set_num_threads(threads)


def seconds(call):
    start = time.process_time()
    call()
    return time.process_time() - start
