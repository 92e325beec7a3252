"""Signals keep apart what a float32 softmax rounds to 1."""

from __future__ import annotations

import pytest
import torch

from attacks.models import signals
from attacks.models.resolution import bounded


def test_margin_is_the_log_odds_of_the_label():
    log_probs = torch.log_softmax(torch.tensor([[2.0, 0.5, -1.0], [0.0, 3.0, 1.0]], dtype=torch.float64), -1)
    label = torch.tensor([0, 2])
    p = log_probs.exp().gather(1, label[:, None])[:, 0]
    assert torch.allclose(signals.margin(log_probs, label), (p / (1 - p)).log())
    assert torch.allclose(signals.loss(log_probs, label), -p.log())
    assert torch.allclose(signals.log_confidence(log_probs, label), p.log())


def test_confident_answers_stay_distinct():
    logits = torch.zeros(50, 3, dtype=torch.float64)
    logits[:, 0] = torch.arange(20.0, 70.0)
    label = torch.zeros(50, dtype=torch.long)
    assert len(torch.softmax(logits.float(), -1)[:, 0].unique()) < 10, "float32 ties, as peers have it"
    for signal in (signals.margin, signals.loss, signals.log_confidence, signals.log_modified_entropy):
        values = signal(torch.log_softmax(logits, -1), label)
        assert values.dtype == torch.float64
        assert len(values.unique()) == 50


def test_modified_entropy():
    log_probs = torch.log_softmax(torch.tensor([[2.0, 0.5, -1.0], [0.0, 3.0, 1.0]], dtype=torch.float64), -1)
    p, label = log_probs.exp(), torch.tensor([0, 2])
    own = p.gather(1, label[:, None])[:, 0]
    others = -(p * (1 - p).log()).sum(1) + own * (1 - own).log()
    assert torch.allclose(signals.log_modified_entropy(log_probs, label).exp(), -(1 - own) * own.log() + others)
    sure = torch.tensor([[900.0, 0.0, 0.0], [0.0, 900.0, 0.0]], dtype=torch.float64)
    assert signals.log_modified_entropy(torch.log_softmax(sure, -1), torch.tensor([0, 0])).isfinite().all()


def test_many_models_at_once():
    log_probs = torch.log_softmax(torch.randn(4, 7, 3, dtype=torch.float64), -1)
    label = torch.randint(0, 3, (7,))
    stacked = torch.stack([signals.margin(log_probs[k], label) for k in range(4)])
    assert torch.equal(signals.margin(log_probs, label), stacked)
    stacked = torch.stack([signals.log_modified_entropy(log_probs[k], label) for k in range(4)])
    assert torch.allclose(signals.log_modified_entropy(log_probs, label), stacked)


def test_temperature():
    logits = torch.randn(5, 4, dtype=torch.float64)
    assert torch.allclose(signals.tempered(torch.log_softmax(logits, -1), 2.0), torch.log_softmax(logits / 2, -1))


@pytest.mark.parametrize("classes", [2, 3, 10, 26])
def test_ties_are_ties_to_the_last_bit_whichever_class_is_which(classes):
    """A sum depends on its order by a rounding error, which told records apart that a tree answers alike."""
    generator = torch.Generator().manual_seed(classes)
    steps = torch.randint(0, 5, (1, classes), generator=generator).double()
    steps[0, 0] = 5
    alike = torch.stack([torch.randperm(classes, generator=generator) for _ in range(64)])
    log_probs = bounded((steps / steps.sum()).log(), 0.2)[0][alike]
    label = (alike == 0).int().argmax(1)
    kinds = (signals.margin, signals.loss, signals.log_confidence, signals.log_modified_entropy, signals.log_entropy)
    for signal in kinds:
        assert len(signal(log_probs, label).unique()) == 1
        assert len(signal(signals.tempered(log_probs, 2.0), label).unique()) == 1
    assert torch.allclose(signals.log_sum(log_probs), torch.logsumexp(log_probs, -1))


@pytest.mark.parametrize("classes", [1, 2, 3, 10, 16, 17, 100, 3000])
def test_a_log_sum_is_as_exact_as_one_in_order(classes):
    generator = torch.Generator().manual_seed(classes)
    values = -torch.rand(50, classes, generator=generator, dtype=torch.float64) * 10 ** torch.linspace(-3, 3, 50)[:, None]
    values[7, 1:], values[8] = float("-inf"), float("-inf")
    expected = torch.logsumexp(values.sort(dim=-1).values, dim=-1)
    assert signals.log_sum(values).tolist() == pytest.approx(expected.tolist(), rel=1e-12, abs=1e-13)
    shuffled = values[:, torch.randperm(classes, generator=generator)]
    assert torch.equal(signals.log_sum(shuffled), signals.log_sum(values))
