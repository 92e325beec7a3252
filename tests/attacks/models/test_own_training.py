"""Architectures, trainers and data sets that are functions of somebody's own code."""

from __future__ import annotations

import pytest
import torch

from attacks.engine.code import Code
from attacks.engine.executors import executor
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.errors import AttackError
from attacks.models import own_code, training
from attacks.models.training import Recipe, TrainingSet
from attacks.targets import data as datasets
from taxonomy.catalog import Catalog
from taxonomy.findings import InputError

CODE = """
import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import nn
from attacks.targets.data import Data

def network(shape, classes, hidden):
    return nn.Sequential(nn.Linear(shape[0], 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, classes))

def train(x, y, seed):
    torch.manual_seed(seed)
    model, x, y = network(x.shape[1:], 3, ()), torch.from_numpy(x), torch.from_numpy(y)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range({steps}):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model

def forest(x, y, seed):
    return RandomForestClassifier(5, random_state=seed).fit(x, y)

def pipeline(x, y, seed):
    return make_pipeline(StandardScaler(), SVC(probability=True, random_state=seed)).fit(x, y)

def other_network(x, y, seed):
    return nn.Linear(2, 3)

def nothing(x, y, seed):
    return None

class Mine:
    classes_ = [0, 1, 2]
    def predict_proba(self, x):
        return np.full((len(x), 3), 1 / 3)

def mine(x, y, seed):
    return Mine()

def records():
    x = np.arange(8, dtype=np.float64).reshape(4, 2)
    return Data("mine", np.concatenate([x, x]), np.array([0, 1, 0, 1] * 2))

def no_records():
    return [1, 2]
"""


@pytest.fixture
def code(tmp_path, monkeypatch):
    """A trusted folder with the module `own_models_N`, and what writes it anew, as somebody who changes the code."""
    name = f"own_models_{abs(hash(tmp_path))}"

    def write(steps=5):
        (tmp_path / f"{name}.py").write_text(CODE.replace("{steps}", str(steps)))
        return name, Code([tmp_path])

    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    return write


def some(count=30, seed=0):
    x = torch.randn(count, 2, generator=torch.Generator().manual_seed(seed))
    return TrainingSet(x, torch.arange(count) % 3, seed=2**40 + seed)


@pytest.mark.slow
@pytest.mark.parametrize("trainer", ["", "train", "forest", "pipeline"])
def test_a_model_of_ones_own_is_trained_kept_and_the_same_again(code, tmp_path, trainer):
    name, trusted = code()
    network = trainer in ("", "train")
    recipe = Recipe(
        architecture=f"{name}:network" if network else "",
        shape=(2,),
        classes=3,
        epochs=2,
        batch=10,
        learning_rate=0.1,
        trainer=f"{name}:{trainer}" if trainer else "",
    )
    found = []
    for workers, folder in ((1, "a"), (1, "a"), (2, "b")):
        with executor(workers) as pool:
            workshop = Engine(Catalog(), Store(tmp_path / folder), code=trusted, executor=pool).workshop
            models = workshop.fit_many(recipe, [some(seed=0), some(seed=1)], "models")
        found.append((workshop.trained, torch.stack([model.log_probs(some().x) for model in models])))
    assert [trained for trained, _ in found] == [2, 0, 2]
    assert torch.equal(found[0][1], found[1][1]) and torch.equal(found[0][1], found[2][1])
    assert found[0][1].isfinite().all() and not torch.equal(found[0][1][0], found[0][1][1])


def test_changed_code_makes_models_of_it_stale(code, tmp_path):
    recipe, trained = None, []
    for steps in (5, 5, 6):
        name, trusted = code(steps=steps)
        recipe = Recipe(f"{name}:network", (2,), 3, trainer=f"{name}:train")
        workshop = Engine(Catalog(), Store(tmp_path / "store"), code=trusted).workshop
        workshop.fit_many(recipe, [some()], "models")
        trained.append(workshop.trained)
    assert trained == [1, 0, 1]


@pytest.mark.parametrize(
    ("trainer", "said"),
    [
        ("other_network", "torch module that the recipe's `architecture` does not build"),
        ("nothing", "returned a NoneType"),
        ("mine", "holds own_models_"),
        ("missing", "names no function"),
    ],
)
def test_what_a_trainer_may_not_return_is_said(code, trainer, said):
    name, _ = code()
    with pytest.raises(AttackError, match=said):
        training.fit(Recipe(f"{name}:network", (2,), 3, trainer=f"{name}:{trainer}"), some())


@pytest.mark.parametrize(
    "path", ["os:system", "subprocess:run", "json.decoder:JSONDecoder", "attacks.cli:main", "attacks.engine.store:Store"]
)
def test_code_that_nobody_trusts_is_never_called(path, monkeypatch):
    with pytest.raises(AttackError, match="--trust-code"):
        own_code.function(path)
    with pytest.raises(AttackError, match="--trust-code"):
        Recipe(path, (2,), 3).build()
    with pytest.raises(AttackError, match="--trust-code"):
        datasets.load(path)


def test_a_data_set_of_ones_own_is_checked_and_deduplicated(code):
    name, _ = code()
    assert datasets.load(f"{name}:records").x.shape == (4, 2)
    with pytest.raises(InputError, match="returned a list"):
        datasets.load(f"{name}:no_records")
