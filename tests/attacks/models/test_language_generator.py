"""A language model: what it answers and writes, its training, and the characters that it knows."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from scipy import stats
from tiny_language import SEQUENCES, SYMBOLS, TINY, learned, untrained

from attacks.models import alphabet
from attacks.models.generators.language import PADDING


def test_texts_are_written_in_few_characters():
    assert alphabet.simplified("A ‘black\n\n  hole’ — Café™ {QED}") == "a 'black hole' - cafetm {qed}"
    codes = alphabet.codes(alphabet.ALPHABET)
    assert codes.tolist() == list(range(SYMBOLS)) and alphabet.text(torch.from_numpy(codes)) == alphabet.ALPHABET
    with pytest.raises(KeyError):
        alphabet.codes("A")


def test_scores_are_log_probabilities_of_every_symbol():
    model = learned()
    scores = model.scores(SEQUENCES)
    assert scores.dtype == torch.float64 and scores.shape == (30, 12, SYMBOLS)
    assert torch.allclose(scores.exp().sum(-1), torch.ones(30, 12, dtype=torch.float64), atol=1e-12, rtol=0)
    own = model.likelihood(SEQUENCES)
    assert own.dtype == torch.float64 and own.shape == (30, 12)
    assert own[3, 5] == scores[3, 5, int(SEQUENCES[3, 5])]


def test_answers_do_not_depend_on_the_batch_nor_on_what_follows():
    model = learned()
    together = model.scores(SEQUENCES)
    alone = torch.cat([model.scores(record[None]) for record in SEQUENCES])
    assert torch.allclose(together, alone, atol=1e-5, rtol=0), "float32 sums of another batch differ in their last bits"
    other = SEQUENCES.clone()
    other[:, 7:] = 0
    assert torch.allclose(model.scores(other)[:, :8], together[:, :8], atol=1e-5, rtol=0)
    assert not torch.allclose(model.scores(other)[:, 8:], together[:, 8:], atol=1e-5, rtol=0)
    assert torch.allclose(model.scores(SEQUENCES[:, :5]), together[:, :5], atol=1e-5, rtol=0), "records may be shorter"


def test_training_is_reproducible_and_learns_no_padding():
    again = [learned().state_dict(), learned().state_dict()]
    assert all(torch.equal(again[0][name], again[1][name]) for name in again[0])
    longer = dataclasses.replace(TINY, epochs=80)
    assert learned(longer).likelihood(SEQUENCES).mean() > untrained().likelihood(SEQUENCES).mean() + 1
    padded = torch.nn.functional.pad(SEQUENCES[:, :6], (0, 6), value=PADDING)
    short, filled = learned(x=SEQUENCES[:, :6]), learned(x=padded)
    assert torch.allclose(short.scores(SEQUENCES[:, :6]), filled.scores(SEQUENCES[:, :6]), atol=1e-4)


def test_samples_follow_the_scores():
    model = learned()
    noise = torch.randn(4000, 12, generator=torch.Generator().manual_seed(3))
    drawn = model.decode(noise)
    assert drawn.dtype == torch.float32 and drawn.shape == (4000, 12) and torch.equal(drawn, model.decode(noise))
    first = torch.bincount(drawn[:, 0].long(), minlength=SYMBOLS).numpy()
    expected = model.scores(drawn[:1])[0, 0].exp().numpy() * 4000
    assert stats.chisquare(first, expected).pvalue > 1e-4
    # Samples of a model are as likely for it as its own entropy says.
    scores = model.scores(drawn)
    entropy = -(scores.exp() * scores).sum(-1)
    surprise = -model.likelihood(drawn)
    assert abs((surprise - entropy).mean()) < 4 * surprise.mean(1).std() / math.sqrt(4000)
    ends = model.decode(torch.tensor([[-40.0] * 12, [40.0] * 12]))
    assert ends.tolist() == [[0] * 12, [SYMBOLS - 1] * 12]
