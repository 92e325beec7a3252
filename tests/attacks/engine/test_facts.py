"""What a defense of one's own may tell of a training, and what stops it with a sentence."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from attacks.defenses.owner import FACTS, Trained
from attacks.engine import pieces
from attacks.errors import AttackError
from attacks.models import own_code
from attacks.models.training import Recipe, TrainingSet

RECIPE = Recipe("mlp", (4,), 2, (3,), epochs=1, batch=8, learning_rate=0.01)
DATA = TrainingSet(torch.zeros(8, 4), torch.arange(8) % 2, 0)
CODE = """
from attacks.models.training import fit

TOLD = None


def told(recipe, data):
    network = fit(recipe, data)
    network.facts = TOLD
    return network
"""


@pytest.fixture
def tell(tmp_path, monkeypatch):
    """Trains by a defense of the user's own that tells something of its training."""
    name = f"tells_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(tmp_path))
    own_code.allow([name])

    def trained(facts):
        own_code.function(f"{name}:told").__globals__["TOLD"] = facts
        return pieces.fitted(Trained("training", f"{name}:told", {}), RECIPE, DATA)

    return trained


def test_numbers_are_told_as_plain_ones(tell):
    found = vars(tell({"epsilon": np.float32(0.5), "steps": np.int64(3)}))[FACTS]
    assert found == {"epsilon": 0.5, "steps": 3} and [type(value) for value in found.values()] == [float, int]


@pytest.mark.parametrize(
    "facts",
    [{"note": "hello"}, {"a": [1, 2]}, {"a": None}, {"a": math.nan}, {"a": math.inf}, {"a": True}, {1: 2.0}, [1], 3],
    ids=repr,
)
def test_what_is_no_number_by_name_is_one_sentence(facts, tell):
    with pytest.raises(AttackError, match="facts are finite numbers by name"):
        tell(facts)
