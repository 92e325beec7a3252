"""The corpus of language models: passages of the Jargon File, and what is said where it is not there."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
import torch
from tiny_language import SYMBOLS

from attacks.models import alphabet
from attacks.targets.data import corpus
from taxonomy.findings import InputError

needs_jargon = pytest.mark.debian("dict-jargon")


@pytest.mark.slow
@needs_jargon
def test_the_jargon_file_makes_passages():
    found = corpus.load("jargon", 100)
    assert found.shape == (12256, 100) and found.dtype == np.int64
    assert found.min() == 0 and found.max() == SYMBOLS - 1 and len(np.unique(found)) == SYMBOLS, "every character occurs"
    assert len({row.tobytes() for row in found}) == len(found), "duplicates"
    assert (corpus.load("jargon", 100) == found).all()
    texts = [alphabet.text(torch.from_numpy(row)) for row in found]
    assert any("there are (by intention) no legal restraints" in text for text in texts), "the notice: public domain"
    assert all(text[0] != " " for text in texts)


def test_passages_begin_with_words_and_none_stands_twice():
    found = [alphabet.text(torch.from_numpy(row)) for row in corpus.passages("one two three four five one two three", 8)]
    assert found == ["one two ", "three fo", "five one", "two thre"]
    assert len(corpus.passages("abcd abcd abcd efgh ij", 4)) == 2
    assert corpus.passages("ab", 4).shape == (0, 4)


def test_a_missing_corpus_is_named(tmp_path, monkeypatch):
    path = tmp_path / "jargon.dict.dz"
    monkeypatch.setattr(corpus, "DEBIAN_JARGON", path)
    with pytest.raises(InputError, match="dict-jargon"):
        corpus.load("jargon", 100)
    path.write_bytes(b"no dictionary")
    with pytest.raises(InputError, match="cannot be read"):
        corpus.load("jargon", 100)
    path.write_bytes(gzip.compress(b"too short"))
    with pytest.raises(InputError, match="no passage"):
        corpus.load("jargon", 100)
    with pytest.raises(InputError, match="did you mean jargon"):
        corpus.load("jargom", 100)
