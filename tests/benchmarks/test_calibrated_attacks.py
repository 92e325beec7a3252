"""LiRA, RMIA and BASE on 10,000 records and 16 models, beside vectorised numpy, by CPU time.

Of both it is measured what they take from the answers of the models, and what from the signals: numpy is handed those as arrays,
and ours finds them in the store, by a hash of all that they follow from.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
import pytest
import torch
from records import Figure

from attacks.discriminative import calibrated
from attacks.engine.code import Code
from attacks.engine.places import SerialExecutor, Silent
from attacks.engine.store import Store
from attacks.engine.workshop import StoreWorkshop
from attacks.handles import Ledger, Records, ScoreOracle, ShadowData, ShadowModels
from attacks.models import training
from attacks.models.training import NumberedSets, Recipe

RECORDS, MODELS, CLASSES, REPEATS = 10_000, 16, 10, 15
RECIPE = Recipe("mlp", (8, 8), CLASSES, (16,), epochs=2, batch=64, learning_rate=0.01)


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
def test_calibrated_attacks_beside_vectorised_numpy(record, tmp_path):
    generator = np.random.default_rng(0)
    label = generator.integers(CLASSES, size=RECORDS)
    half = generator.random((MODELS // 2, RECORDS)) < 0.5
    inside = np.concatenate([half, ~half])
    x = (generator.normal(size=(CLASSES, 8, 8))[label] + 3 * generator.normal(size=(RECORDS, 8, 8))).astype(np.float32)
    known = ShadowData(torch.from_numpy(x), torch.from_numpy(label), np.arange(RECORDS, dtype=np.uint64))
    side = torch.from_numpy(inside)

    workshop = StoreWorkshop(Store(tmp_path), SerialExecutor(), Code(), Silent())
    rows = [each.nonzero().squeeze(1)[: RECORDS // 2 - 500] for each in side]  # of one size, so that they are trained together
    sets = NumberedSets(known.x, known.label, count=MODELS, rows=rows.__getitem__, seed=lambda k: k)
    trained = workshop.fit_many(RECIPE, sets, "models")
    answers = torch.stack([model.kept_log_probs(known.x) for model in trained])
    target, shadow = answers[0].numpy(), answers.numpy()

    ledger = Ledger()
    asked = Records(known.x, known.label, known.ids, ledger), ScoreOracle("scores", lambda x: answers[0], ledger)
    given = *asked, ShadowModels([Kept(a) for a in answers], known, side)
    stored = *asked, ShadowModels(trained, known, side)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    token = training.workshop.set(workshop)
    try:
        for attack, signal, formula in (
            (calibrated.lira, margins, by_lira),
            (calibrated.rmia, log_confidence, by_rmia),
            (calibrated.base, log_confidence, by_base),
        ):
            signals = signal(target, label), signal(shadow, label)
            ways = (
                lambda attack=attack: attack(*stored),
                lambda attack=attack: attack(*given),
                lambda signal=signal, formula=formula: formula(signal(target, label), signal(shadow, label), inside),
                lambda signals=signals, formula=formula: formula(*signals, inside),
            )
            found = [torch.as_tensor(way()) for way in ways]  # what is worked out once is nobody's
            assert torch.equal(found[0], found[1])
            assert torch.allclose(found[0], found[2], rtol=1e-9, atol=1e-12)
            rounds = [[seconds(way) for way in ways] for _ in range(REPEATS)]
            read, ours, whole, end = (statistics.median(times) for times in zip(*rounds, strict=True))
            named = {
                "ours, signals in the store": Figure(1000 * read, goal=10),
                "ours, from the answers": Figure(1000 * ours),
                "numpy, from the answers": Figure(1000 * whole),
                "numpy, handed the signals": Figure(1000 * end),
            }
            figures = {name: figure._replace(unit="CPU-ms") for name, figure in named.items()}
            what = f"{attack.__name__} on {RECORDS:,} records, the answers of {MODELS} models at hand"
            record(f"attacks/{attack.__name__}", what, "the formula in numpy from the same answers", ours / whole, 1, figures)
            assert read < ours < whole
    finally:
        training.workshop.reset(token)
        torch.set_num_threads(threads)


def seconds(call):
    start = time.process_time()
    call()
    return time.process_time() - start
