"""A fine-tuned language model as a target: who was trained on, what the base model saw, and texts that have little in common."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from attacks.handles import Ledger
from attacks.models import fine_tuning
from attacks.models.generators.language import PADDING
from attacks.targets import fine_tuned
from attacks.targets.data.glosses import WORDS, apart, glosses
from taxonomy.findings import InputError
from taxonomy.loading import load

CATALOG = load()
SMALL = {
    "members": 30,
    "non_members": 30,
    "pool": 40,
    "text": 60,
    "width": 8,
    "layers": 1,
    "heads": 2,
    "symbols": 300,
    "epochs": 1,
}


def test_texts_that_share_words_in_a_row_are_found():
    texts = ["a b c d e f", "x A B C d E", "a b c d x", "short", "y a b c d"]
    assert apart(texts) == [False, False, True, True, True]
    assert apart(texts, words=6) == [True] * 5


def test_without_the_extra_it_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match=r"^the model is built by transformers: pip install 'mia-atlas\[transformers\]'$"):
        fine_tuned.build(**CATALOG.targets["glosses-gpt2"].params)


def runs(text):
    words = text.lower().split()
    return {tuple(words[k : k + WORDS]) for k in range(len(words) - WORDS + 1)}


@pytest.mark.slow
@pytest.mark.debian("wordnet-base")
def test_members_are_trained_on_and_the_base_model_saw_none(monkeypatch):
    pytest.importorskip("transformers")
    seen = {}

    def fit(recipe, text, records, seed):
        seen["text"], seen["records"] = text, records
        return fit_as_it_is(recipe, text, records, seed)

    fit_as_it_is = fine_tuning.fit
    monkeypatch.setattr(fine_tuned, "fit", fit)
    every = glosses()
    for name, trained in (("glosses-gpt2", 30), ("glosses-gpt2-null", 0)):
        entry = CATALOG.targets[name]
        target = fine_tuned.build(**{**entry.params, **SMALL}, seed=3)
        assert set(entry.offers) == set(target.makers) and target.warnings + target.check() == []
        own = {row[row != PADDING].numpy().tobytes() for row in seen["records"]}
        known = [row[row != PADDING].numpy().tobytes() in own for row in target.x]
        assert sum(known) == trained and (not trained or known == target.member.tolist()) and len(own) == 30
        assert all(100 <= len(text) <= 160 for text in target.texts)
        inside, outside = (
            {run for text, member in zip(target.texts, target.member, strict=True) if member == side for run in runs(text)}
            for side in (True, False)
        )
        assert inside and outside and not inside & outside and set(target.texts) <= set(every)
        base, tuned = target.makers["M2.base"](Ledger()), target.makers["Q.likelihood"](Ledger())
        gain = (tuned(target.x) - base.likelihood(target.x)).sum(dim=1).numpy()
        assert np.isfinite(gain).all() and gain.mean() > 0, "it was tuned on text of the same kind"
        own_symbols, likeliest = target.makers["Q.top-symbol"](Ledger())(target.x)
        assert bool((own_symbols <= likeliest).all()) and np.allclose(own_symbols, tuned(target.x), atol=1e-4)


@pytest.mark.slow
def test_the_same_seed_trains_the_same_model():
    pytest.importorskip("transformers")
    import torch

    recipe = fine_tuning.TunedRecipe(20, 16, 8, 1, 2, 4, 0.01, 2, 4, 0.01)
    text = torch.from_numpy(np.random.default_rng(0).integers(20, size=200))
    records = torch.from_numpy(np.random.default_rng(1).integers(20, size=(10, 9))).float()
    records[3:, 5:] = PADDING
    one, again, other = (fine_tuning.fit(recipe, text, records, seed) for seed in (1, 1, 2))
    assert torch.equal(one.tuned.likelihood(records), again.tuned.likelihood(records))
    assert torch.equal(one.base.likelihood(records), again.base.likelihood(records))
    assert not torch.equal(one.base.likelihood(records), one.tuned.likelihood(records))
    assert not torch.equal(one.base.likelihood(records), other.base.likelihood(records))
    assert one.tuned.likelihood(records).mean() > one.base.likelihood(records).mean()
