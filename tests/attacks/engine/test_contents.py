"""Nothing stale is reused: what a target shows and answers is part of the name of all work that rests on it."""

from __future__ import annotations

import dataclasses
import random
import sys
import typing
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from attacks import handles
from attacks.engine import plan as plans
from attacks.engine.code import Code
from attacks.engine.contents import Contents, shown
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import Handle, Ledger, Number, Population, ScoreOracle
from attacks.targets import classifier, data
from attacks.targets.target import Target
from taxonomy.loading import load

TINY = Path(__file__).parents[2] / "data" / "tiny"
RECORDS, WIDTH = 40, 6


# -- one handle of each kind, over a model that can be replaced ------------------------------------------------------------


class Stand(nn.Module):
    """A model that serves every kind of handle."""

    def __init__(self, seed: int):
        super().__init__()
        drawn = torch.randn(WIDTH, WIDTH, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        self.register_buffer("weight", drawn)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.log_softmax(x.double() @ self.weight, -1)


def oracles(model: Stand) -> dict[str, Callable[[Ledger], Handle]]:
    """Handles of classifiers, regressions, segmentations, generators, diffusion and language models, updates and splits."""
    weights = {"weight": model.weight}
    kept = [0.9, 0.5, 0.1]
    shares = torch.tensor([0.5, 0.5]).double()
    makers: dict[str, Callable[[Ledger], Handle]] = {
        "ScoreOracle": lambda ledger: ScoreOracle("scores", model, ledger),
        "MaskOracle": lambda ledger: handles.MaskOracle("masks", lambda x: model(x)[:, None, None], ledger),
        "TopScoreOracle": lambda ledger: handles.TopScoreOracle("top_k", ScoreOracle("scores", model, ledger)),
        "ThresholdedScoreOracle": lambda ledger: handles.ThresholdedScoreOracle(
            "thresholded_scores", ScoreOracle("scores", model, ledger), 0.1
        ),
        "EmbeddingOracle": lambda ledger: handles.EmbeddingOracle("embeddings", model, ledger),
        "LabelOracle": lambda ledger: handles.LabelOracle("labels", lambda x: model(x).argmax(-1), ledger),
        "ValueOracle": lambda ledger: handles.ValueOracle("value", lambda x: model(x)[:, 0], ledger),
        "UpdatedScores": lambda ledger: handles.UpdatedScores("updated_scores", model, [model, model], ledger),
        "SampleOracle": lambda ledger: handles.SampleOracle("samples", lambda n: model(torch.rand(n, WIDTH)), ledger),
        "LatentOracle": lambda ledger: handles.LatentOracle("latent", WIDTH, model, ledger),
        "GeneratorAccess": lambda ledger: handles.GeneratorAccess("generator", WIDTH, model, ledger),
        "DiscriminatorAccess": lambda ledger: handles.DiscriminatorAccess("discriminator", lambda x: model(x)[:, 0], ledger),
        "EncoderAccess": lambda ledger: handles.EncoderAccess("encoder", lambda x: (model(x), -model(x)), ledger),
        "NoisePredictor": lambda ledger: handles.NoisePredictor("predicted_noise", kept, lambda x, step: model(x), ledger),
        "DenoiserAccess": lambda ledger: handles.DenoiserAccess("denoiser", kept, (WIDTH,), lambda x, step: model(x), ledger),
        "NextSymbolOracle": lambda ledger: handles.NextSymbolOracle("next_symbol", lambda x: model(x)[:, None], ledger),
        "TopSymbolOracle": lambda ledger: handles.TopSymbolOracle("top_symbol", lambda x: (model(x), model(x)), ledger),
        "BaseModel": lambda ledger: handles.BaseModel("base_model", model, "the same", ledger),
        "LikelihoodOracle": lambda ledger: handles.LikelihoodOracle("likelihood", model, ledger),
        "CompletionOracle": lambda ledger: handles.CompletionOracle(
            "completions", lambda prompts, length, seeds: model(torch.rand(len(prompts), WIDTH)), ledger
        ),
        "GeneratedLikelihoodOracle": lambda ledger: handles.GeneratedLikelihoodOracle(
            "generated_likelihood", lambda prompts, length, seeds: (prompts, model(torch.rand(len(prompts), WIDTH))), 9, ledger
        ),
        "RetrievalOracle": lambda ledger: handles.RetrievalOracle(
            "retrieval", lambda questions: model(torch.rand(len(questions), WIDTH)), ledger
        ),
        "RecordFormat": lambda ledger: handles.RecordFormat(
            "record_format", 9, lambda secrets: model(torch.from_numpy(secrets[:, None] * np.ones(WIDTH))), ledger
        ),
        "HiddenValues": lambda ledger: handles.HiddenValues("hidden_values", model, ledger),
        "LaterLayers": lambda ledger: handles.LaterLayers("later_layers", nn.Sequential(nn.Flatten(), model), ledger),
        "Parameters": lambda ledger: handles.Parameters("parameters", weights, ledger),
        "Rounds": lambda ledger: handles.Rounds("rounds", [weights, weights], ledger),
        "Updates": lambda ledger: handles.Updates("updates", [[weights] * 2], [[weights] * 2], shares, 1, ledger),
        "OwnUpdates": lambda ledger: handles.OwnUpdates("own_updates", [weights], [weights], 0.5, ledger),
        "OthersUpdates": lambda ledger: handles.OthersUpdates("others_updates", [weights], 0.5, ledger),
        "Aggregates": lambda ledger: handles.Aggregates("aggregates", model.weight, ledger),
        "SuppressedAggregates": lambda ledger: handles.SuppressedAggregates("suppressed_aggregates", model.weight, 0.1, ledger),
        "Beacon": lambda ledger: handles.Beacon("beacon", model.weight > 0, ledger),
        "Activations": lambda ledger: handles.Activations("activations", model.weight, ledger),
        "Overheard": lambda ledger: handles.Overheard("overheard", model.weight, model.weight.argmax(-1), ledger),
    }
    return makers


def target(makers: dict[str, Callable[[Ledger], Handle]], **changes) -> Target:
    x = torch.rand(RECORDS, WIDTH, generator=torch.Generator().manual_seed(3))
    label, member = torch.arange(RECORDS) % 2, torch.arange(RECORDS) < RECORDS // 2
    parts = {
        "x": x,
        "label": label,
        "member": member,
        "ids": np.arange(RECORDS, dtype=np.uint64),
        "fingerprint": "always the same",
    }
    return Target("a target", makers=makers, **{**parts, **changes})


@pytest.mark.parametrize("kind", oracles(Stand(0)))
def test_a_replaced_model_is_told_by_what_it_shows(kind):
    first, again, other = (Contents(target({"Q.x": oracles(Stand(seed))[kind]})).answers for seed in (0, 0, 1))
    assert first == again and first != other


def holds_functions(hint: object) -> bool:
    return typing.get_origin(hint) is Callable or any(map(holds_functions, typing.get_args(hint)))


def test_every_handle_that_holds_functions_says_what_to_ask():
    """A new kind of handle whose answers nobody asks for would never be found in the store: its work would be done each time."""
    found = [vars(handles)[name] for name in handles.__all__]
    kinds = [kind for kind in found if isinstance(kind, type) and issubclass(kind, Handle)]
    asked = [kind for kind in kinds if any(map(holds_functions, typing.get_type_hints(kind.__init__).values()))]
    assert {handles.ScoreOracle, handles.Seat, handles.EncoderAccess} <= {*asked}
    assert [kind for kind in asked if shown.dispatch(kind) is shown.dispatch(Handle)] == []


def test_a_handle_that_nobody_can_tell_is_never_taken_for_the_same():
    class Strange(Handle):
        def __init__(self, ledger: Ledger):
            super().__init__("strange", ledger)
            self.ask = lambda: 1

    assert Contents(target({"Q.x": Strange})).answers != Contents(target({"Q.x": Strange})).answers


def test_a_handle_of_ones_own_is_asked_as_what_it_is_a_kind_of():
    class Mine(ScoreOracle):
        pass

    def made(seed: int) -> str:
        return Contents(target({"Q.scores": lambda ledger: Mine("scores", Stand(seed), ledger)})).answers

    assert made(0) == made(0) != made(1)


def test_asking_leaves_no_trace():
    """Nobody is charged, no random number is drawn that others would have drawn, and the number of threads stays."""
    ledgers = []

    def scores(ledger: Ledger) -> ScoreOracle:
        ledgers.append(ledger)
        noisy = lambda x: torch.rand(len(x), 3) + random.random() + np.random.random()  # noqa: E731
        return ScoreOracle("scores", noisy, ledger)

    def answers(seed: int) -> str:
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
        found = Contents(target({"Q.scores": scores})).answers
        assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == states
        return found

    assert answers(1) == answers(2), "what others drew before makes no difference"
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert answers(1) == answers(2) and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert all(ledger.limit is None for ledger in ledgers)


def test_one_that_cannot_answer_costs_only_those_who_ask():
    def broken(ledger: Ledger) -> ScoreOracle:
        raise OSError("nobody at home")

    found = Contents(target({"Q.scores": broken, "D1.size": lambda ledger: Number("training_size", 20, ledger)}))
    assert found.answers and found.term("D1.size")
    with pytest.raises(OSError):
        found.term("Q.scores")


# -- data -----------------------------------------------------------------------------------------------------------------


def test_all_that_an_attack_is_handed_counts():
    x = torch.rand(5, WIDTH)
    held = {"x": x, "label": torch.arange(5), "ids": np.arange(5, dtype=np.uint64)}

    def population(**changes) -> str:
        makers = {"D1.samples": lambda ledger: Population("population", *{**held, **changes}.values(), ledger)}
        return Contents(target(makers)).term("D1.samples")

    changes = [{"x": x + 1e-6}, {"label": torch.arange(5).flip(0)}, {"ids": np.arange(1, 6, dtype=np.uint64)}]
    assert population() == population()
    assert len({population(), *(population(**change) for change in changes)}) == 4


def test_candidates_count_as_the_attack_sees_them():
    plain, relabelled = target({}, hidden_feature=2), target({}, label=torch.zeros(RECORDS).long())

    def seen(one: Target, *, with_label: bool, partial: bool = False) -> str:
        return Contents(one).records(with_label=with_label, partial=partial)

    assert seen(plain, with_label=False) == seen(relabelled, with_label=False)
    assert seen(plain, with_label=True) != seen(relabelled, with_label=True)
    other = dataclasses.replace(plain, hidden_feature=3)
    assert seen(plain, with_label=True, partial=True) != seen(other, with_label=True, partial=True)
    assert seen(plain, with_label=True) == seen(other, with_label=True)


def small_classifier(**more) -> Contents:
    settings = {"members": 60, "non_members": 60, "hidden": [4], "epochs": 1, "batch": 32, "learning_rate": 0.01}
    return Contents(classifier.build(data="digits", **settings, **more))


def test_bytes_of_shifted_data_and_labels_of_known_members_count(monkeypatch):
    digits = data.load("digits")
    other = data.Data("other", digits.x[:50] + 1, digits.y[:50])
    monkeypatch.setitem(data.LOADERS, "other", lambda: other)
    first = small_classifier(shifted="other", known_members=10)
    again = small_classifier(shifted="other", known_members=10)
    for term in ("D1.shifted", "D2.members"):
        assert first.term(term) == again.term(term)
    monkeypatch.setitem(data.LOADERS, "other", lambda: dataclasses.replace(other, x=other.x + 1))
    assert small_classifier(shifted="other").term("D1.shifted") != first.term("D1.shifted")
    monkeypatch.setitem(data.LOADERS, "digits", lambda: dataclasses.replace(digits, y=(digits.y + 1) % 10))
    assert small_classifier(known_members=10).term("D2.members") != first.term("D2.members")


# -- runs -----------------------------------------------------------------------------------------------------------------

OWN_TARGET = """\
schema: 1
id: mine
title: A model of one's own
summary: It lies in a file.
model: discriminative
frame: stand-alone
data: Random numbers.
offers: [{offers}]
run: mine_alone:build
params: {{path: "{path}"}}
"""
OWN_CODE = """\
import numpy as np
import torch

from attacks import handles
from attacks.seeds import record_ids
from attacks.targets.target import Target


def build(*, path, seed=0):
    weight = torch.from_numpy(np.load(path))
    x = torch.rand(80, 6, generator=torch.Generator().manual_seed(1))
    member = torch.arange(80) % 2 == 0

    def scores(x):
        return torch.log_softmax(x.double() @ weight, -1)

    makers = {
        "Q.scores": lambda ledger: handles.ScoreOracle("scores", scores, ledger),
        "Q.labels": lambda ledger: handles.LabelOracle("labels", lambda x: scores(x).argmax(-1), ledger),
    }
    return Target("mine", x, torch.arange(80) % 3, record_ids(x.numpy()), member, makers, "mine")
"""


@pytest.fixture
def own(tmp_path):
    """Run an attack on a target of one's own, whose model lies in a file outside the trusted folder."""
    for folder in ("catalog/targets", "code"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "code" / "mine_alone.py").write_text(OWN_CODE)
    model = tmp_path / "model.npy"
    sys.modules.pop("mine_alone", None)

    def run(seed: int, store: str = "store", attack: str = "ml-leaks-3", offers: str = "Q.scores, Q.labels, record.label"):
        np.save(model, np.random.default_rng(seed).normal(size=(6, 3)))
        (tmp_path / "catalog" / "targets" / "mine.yaml").write_text(OWN_TARGET.format(path=model, offers=offers))
        catalog = load([tmp_path / "catalog"])
        plan = plans.make(catalog, catalog.target("mine"), None, [attack])
        outcome = Engine(catalog, Store(tmp_path / store), code=Code([tmp_path / "code"])).run(plan)
        assert not outcome.failures
        return outcome.scores[attack].tolist()

    yield run
    sys.path[:] = [p for p in sys.path if p != str(tmp_path / "code")]


@pytest.mark.slow
@pytest.mark.parametrize("attack", ["ml-leaks-3", "yeom-2018-gap"])
def test_a_model_file_that_was_replaced_is_another_target(own, tmp_path, attack):
    first = own(0, attack=attack)
    replaced = own(1, attack=attack)
    assert replaced == own(1, "fresh store", attack=attack) != first
    finished = len(list(Store(tmp_path / "store").nodes()))
    assert own(0, attack=attack) == first and own(1, attack=attack) == replaced
    assert len(list(Store(tmp_path / "store").nodes())) == finished, "neither is made again"


def test_another_sensitive_feature_is_another_run(tmp_path):
    """`sensitive` changes neither the model nor the candidates, only what of them is left out and asked for."""
    catalog = load()
    entry = catalog.target("genomes-panel-tree")

    def advantage(store: str, sensitive: int) -> float:
        changed = entry.model_copy(update={"params": {**entry.params, "sensitive": sensitive}})
        targets = {**catalog.targets, entry.id: changed}
        found = dataclasses.replace(catalog, kinds={**catalog.kinds, "targets": targets})
        plan = plans.make(found, found.target(entry.id), None, ["fredrikson-2015-tree"])
        return Engine(found, Store(tmp_path / store)).run(plan).results[0]["metric"]["value"]

    first = advantage("store", 8)
    assert advantage("store", 3) == advantage("fresh store", 3) != first


def test_the_environment_counts():
    from attacks.engine.versions import environment

    assert {"torch", "numpy", "scipy", "scikit-learn", "python", "device", "path"} == environment().keys()
    assert environment()["python"] == f"{sys.version_info.major}.{sys.version_info.minor}"


def test_answers_of_a_real_target_are_the_same_each_time(kept_store):
    """Every handle: whatever differed from one build to the next would be made anew by every run."""
    built = [Contents(Engine(load([TINY]), Store(kept_store)).target("tiny", 0)) for _ in range(2)]
    terms = built[0]._target.makers
    assert [term for term in terms if built[0].term(term) != built[1].term(term)] == []
    assert built[0].answers == built[1].answers
