"""Reference language models: what they learn from, and how they lie in the store."""

from __future__ import annotations

import pytest
import torch
from tiny_language import SEQUENCES, TINY, learned

from attacks.engine import artifacts
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import AttackError, GeneratorTrainer, Ledger, Number, Population, Records, ReferenceLanguageModel
from attacks.models.training import TrainingSet
from attacks.seeds import record_ids
from attacks.steps import reference_language_model
from taxonomy.loading import load

CATALOG = load()


def test_a_reference_model_learns_from_the_population_only(tmp_path):
    ledger, seen = Ledger(), []

    class Trainer(GeneratorTrainer):
        def fit_many(self, sets):
            seen.extend(sets)
            return super().fit_many(sets)

    population = Population("population", SEQUENCES, torch.zeros(30, dtype=torch.int64), record_ids(SEQUENCES.numpy()), ledger)
    records = Records(SEQUENCES[:2] + 0, None, record_ids(SEQUENCES[:2].numpy()), ledger)
    made = reference_language_model.known_recipe(
        records, population, Trainer("trainer", TINY, 20, ledger), Number("training_size", 20, ledger), seed=5
    )
    (data,) = seen
    assert data.x.shape == (20, 12) and {row.tobytes() for row in data.x.numpy()} <= {row.tobytes() for row in SEQUENCES.numpy()}
    assert made.likelihood(SEQUENCES).shape == (30, 12)
    again = reference_language_model.known_recipe(
        records, population, Trainer("trainer", TINY, 20, ledger), Number("training_size", 20, ledger), seed=5
    )
    assert torch.equal(again.likelihood(SEQUENCES), made.likelihood(SEQUENCES)) and torch.equal(seen[1].x, data.x)
    with pytest.raises(AttackError, match="99 records each, as the target was, and the adversary holds only 30"):
        trainer, size = Trainer("trainer", TINY, 99, ledger), Number("training_size", 99, ledger)
        reference_language_model.known_recipe(records, population, trainer, size)
    meta, arrays = artifacts.pack(made)
    assert (meta["type"], meta["models"]) == ("ReferenceLanguageModel", ["home-0"]) and not arrays


def test_a_reference_model_lies_in_the_store(tmp_path):
    engine = Engine(CATALOG, Store(tmp_path))
    data = TrainingSet(SEQUENCES, torch.zeros(30, dtype=torch.int64), 1)
    (kept,) = engine.workshop.fit_generators(TINY, [data], "models")
    back = artifacts.unpack(*artifacts.pack(ReferenceLanguageModel(kept)), engine.workshop)
    assert torch.equal(back.likelihood(SEQUENCES), learned().likelihood(SEQUENCES))


def test_a_model_of_characters_learns_no_tokens():
    ledger, tokens = Ledger(), torch.full((3, 4), 400.0)
    records = Records(SEQUENCES[:1], None, record_ids(SEQUENCES[:1].numpy()), ledger)
    population = Population("population", tokens, torch.zeros(3, dtype=torch.int64), record_ids(SEQUENCES[:3].numpy()), ledger)
    with pytest.raises(AttackError, match="these records are tokens; a base model serves in its place"):
        reference_language_model.guessed_recipe(records, population)
