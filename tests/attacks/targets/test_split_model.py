"""Models that two parties run in turn: the split, the handles, the judge, the target, and what a role sees."""

from __future__ import annotations

import json

import numpy as np
import pytest
import split_fixture as fixture
import torch
from reachable_records import reachable
from torch import nn

from attacks.discriminative import collaborative_inference as attack
from attacks.engine import artifacts
from attacks.engine import plan as plans
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import (
    Architecture,
    AttackError,
    HiddenValues,
    InverseNetwork,
    LaterLayers,
    Ledger,
    QueryLimitError,
    StandInLayers,
    Trainer,
)
from attacks.handles.split_model import split_of
from attacks.handles.views import runnable, trainers
from attacks.metrics.structural_similarity import similarity
from attacks.models import internals, training
from attacks.models import layers as network_layers
from attacks.models.training import Recipe
from attacks.seeds import record_ids
from attacks.targets import data, recovered_inputs, split_model
from attacks.targets.split import split
from taxonomy.findings import InputError
from taxonomy.loading import load
from taxonomy.threat import ThreatModel, from_user

CATALOG = load()
ATTACKS = ["he-2019-collaborative", "he-2019-collaborative-black-box", "he-2019-collaborative-query-free"]
SMALL = {
    "data": "mnist",
    "members": 300,
    "non_members": 20,
    "hidden": [120, 84],
    "epochs": 6,
    "batch": 32,
    "learning_rate": 0.002,
    "inputs": 12,
}
Z_999 = 3.2905


# -- layers ------------------------------------------------------------------------------------------------------------------


def test_layers_are_named_as_in_the_paper():
    names = list(network_layers.named(Recipe("cnn", (28, 28), 10, (120, 84)).build()))
    wanted = ["conv1", "ReLU1", "pool1", "conv2", "ReLU2", "pool2", "fc1", "ReLU3", "fc2", "ReLU4", "fc3"]
    assert [name for name in names if name in wanted] == wanted
    assert set(names) - set(wanted) == {"Unflatten1", "Flatten1"}


@pytest.mark.parametrize("split_after", ["conv1", "ReLU2", "fc1"])
def test_both_parts_together_are_the_whole(split_after):
    network, (x, _) = fixture.model(), fixture.pictures(5, 0)
    first, later = network_layers.parts(network, split_after)
    assert torch.equal(later(first(x)), network(x))
    shapes = {"conv1": (16, 8, 8), "ReLU2": (32, 4, 4), "fc1": (12,)}
    assert tuple(first(x).shape[1:]) == shapes[split_after]


def test_what_cannot_be_split():
    with pytest.raises(AttackError, match="no layer 'conv9' to split after; there are Unflatten1, conv1"):
        network_layers.parts(fixture.model(), "conv9")
    with pytest.raises(AttackError, match="no layer 'fc2'"):
        network_layers.parts(fixture.model(), "fc2")  # nothing is behind the last one
    with pytest.raises(AttackError, match="cannot be split"):
        network_layers.named(Recipe("decision-tree", (4,), 2).build())
    with pytest.raises(AttackError, match="shows no split"):
        split_of(Trainer("trainer", fixture.RECIPE, 9, Ledger()))


# -- handles -----------------------------------------------------------------------------------------------------------------


def test_handles_give_copies_and_count():
    ledger = Ledger(limit=7)
    given = fixture.handles(["activations", "hidden_values", "later_layers", "trainer"], ledger=ledger)
    assert not ledger.touched and len(given["activations"]) == fixture.INPUTS
    given["activations"].values.zero_()
    assert given["activations"].values.abs().sum() > 0
    x = fixture.pictures(5, 9)[0].requires_grad_()
    values = given["hidden_values"](x)
    assert not values.requires_grad and values.dtype == torch.float32 and ledger.queries == 5
    with pytest.raises(QueryLimitError, match="5 were spent and 3 more"):
        given["hidden_values"](x[:3])
    point = values.clone().requires_grad_()
    given["later_layers"](point).sum().backward()
    assert point.grad.abs().sum() > 0 and ledger.queries == 5, "it can be differentiated, and nobody counts"
    assert given["trainer"].split_after == "conv1"
    assert ledger.touched == {"activations", "hidden_values", "later_layers", "trainer"}
    assert HiddenValues("h", lambda x: x.zero_(), Ledger())(x).sum() == 0 and x.sum() > 0, "the question stays as it is"


def test_who_holds_the_whole_model_asks_itself():
    ledger = Ledger(limit=9)
    given = fixture.handles(["parameters", "architecture", "hidden_values"], "ReLU2", ledger)
    local = runnable.local_hidden_values(runnable.rebuilt_model(given["parameters"], given["architecture"]))
    x, _ = fixture.pictures(9, 9)
    assert torch.equal(local(x), given["hidden_values"](x)) and ledger.queries == 9
    with pytest.raises(AttackError, match="shows no split"):
        whole = Architecture("architecture", fixture.RECIPE, ledger)
        runnable.local_hidden_values(runnable.rebuilt_model(given["parameters"], whole))


@pytest.mark.parametrize("split_after", ["conv1", "fc1"])
def test_artifacts_go_through_the_store(split_after):
    given = fixture.handles(["inverse_network", "stand_in_layers", "activations"], split_after)
    x, values = fixture.pictures(3, 1)[0], given["activations"].values
    for name, type_of, asked in (("inverse_network", InverseNetwork, values), ("stand_in_layers", StandInLayers, x)):
        meta, arrays = artifacts.pack(given[name])
        again = artifacts.unpack(json.loads(json.dumps(meta)), arrays, workshop=None)
        assert isinstance(again, type_of) and torch.equal(again(asked), given[name](asked))


# -- the judge ---------------------------------------------------------------------------------------------------------------


def test_the_judge_compares_pictures():
    generator = torch.Generator().manual_seed(3)
    truth, own = (torch.rand(k, 12, 12, generator=generator) * 4 - 1 for k in (6, 20))
    judge = recovered_inputs.judge(truth, own, -1.0, 3.0)
    perfect = judge(truth)
    assert perfect.value == pytest.approx(1) and perfect.details["psnr"] == pytest.approx(100)
    assert perfect.details["recognisable"] == 1 and perfect.details["shuffled"] < 0.2 and perfect.name == "structural similarity"
    mean = judge(own.mean(0).expand_as(truth))
    assert mean.value == pytest.approx(mean.chance) == pytest.approx(mean.details["shuffled"], abs=0.02)
    assert mean.details["psnr"] == pytest.approx(mean.details["mean_picture_psnr"])
    noisy = truth + 0.5 * torch.randn(truth.shape, generator=generator)
    alike = similarity(((noisy + 1) / 4).clamp(0, 1), (truth + 1) / 4).numpy()
    half_width = 2.5705818 * alike.std(ddof=1) / 6**0.5  # Student's t with five degrees of freedom
    assert judge(noisy).value == pytest.approx(alike.mean())
    assert judge(noisy).ci == pytest.approx((alike.mean() - half_width, min(1, alike.mean() + half_width)))
    for wrong in (truth[:3], truth.tolist(), truth * torch.nan):
        with pytest.raises(AttackError, match="one finite input for each"):
            judge(wrong)


# -- the target --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(kept_store):
    """Small targets by the layer after which they are split, and the control of the first: one network, trained once."""
    token = training.workshop.set(Engine(CATALOG, Store(kept_store)).workshop)
    try:
        made = {name: split_model.build(**SMALL, split_after=name) for name in ("conv1", "ReLU2", "fc1")}
        return {**made, "control": split_model.build(**SMALL, split_after="conv1", inputs_sent=False)}
    finally:
        training.workshop.reset(token)


def pictures_sent() -> tuple[np.ndarray, np.ndarray]:
    """The pictures that the judge holds, and those that the control is sent."""
    records = data.load("mnist")
    parts = split(len(records.x), "mnist", members=300, non_members=20, aside=2 * SMALL["inputs"])
    judged, others = np.split(parts.aside, 2)
    return records.x[judged], records.x[others]


@pytest.mark.slow
def test_the_pictures_under_attack_are_nobodys(small):
    judged, others = pictures_sent()
    secret = set(record_ids(np.concatenate([judged, others])).tolist())
    assert len(secret) == 2 * SMALL["inputs"]
    for target in (small["conv1"], small["control"]):
        assert not secret & {*target.ids.tolist(), *target.makers["D1.samples"](Ledger()).ids.tolist()}
        given = [target.makers[term](Ledger()) for term in target.makers if term != "D2.superset"]
        assert not secret & set(record_ids(reachable(given, 784)).tolist())
    assert secret <= set(record_ids(reachable([judged, others], 784)).tolist()), "the search finds what is there"


def test_the_target_is_one_network_split_in_several_places(small):
    judged, others = (torch.from_numpy(x) for x in pictures_sent())
    ledger = Ledger()
    made = {name: {term: make(ledger) for term, make in target.makers.items()} for name, target in small.items()}
    weights = [given["M1.parameters"].weights for given in made.values()]
    assert all(torch.equal(w[name], weights[0][name]) for w in weights for name in w)
    whole = internals.rebuilt(made["conv1"]["M2"].recipe, weights[0])
    for name, given in made.items():
        sent = others if name == "control" else judged
        assert given["M2"].split_after == {"control": "conv1"}.get(name, name)
        assert torch.allclose(given["Q.activations"](sent), given["record.activations"].values, atol=1e-5)
        assert torch.allclose(given["M1.later-layers"](given["record.activations"].values), whole(sent), atol=1e-4)
        assert small[name].facts["test_accuracy"] > 0.7
    assert len({target.fingerprint for target in small.values()}) == 4
    assert small["fc1"].facts["values_of_an_input"] == 120


def test_attacks_on_classes_and_on_inputs_have_their_own_judges(small):
    judge, (judged, _) = small["conv1"].judges["inversion"], pictures_sent()
    assert judge(torch.from_numpy(judged)).name == "structural similarity"
    assert judge(torch.zeros(10, 28, 28)).name == "classes recognised"
    with pytest.raises(InputError, match="not as many as it has classes"):
        split_model.build(**{**SMALL, "inputs": 10}, split_after="conv1")


def recovered(target, **params):
    given = {handle: target.makers[term](Ledger()) for term, handle in HANDLES.items()}
    given["architecture"] = trainers.architecture_of_trainer(target.makers["M2"](Ledger()))
    with training.one_thread():
        pictures = attack.by_search(target.records(Ledger(), with_label=False), **given, **params)
    return target.judges["inversion"](pictures)


HANDLES = {"record.activations": "activations", "M1.parameters": "parameters"}


def test_the_deeper_the_split_the_less_is_recovered(small):
    """The order of Table 3 and Figure 12 of He et al. 2019: first convolution, last convolution, first dense layer."""
    few = {"steps": 100, "step": 0.05, "deep_steps": 100, "deep_step": 0.05}
    metric = {name: recovered(target, **few) for name, target in small.items()}
    assert metric["conv1"].ci[0] > metric["ReLU2"].ci[1] and metric["ReLU2"].ci[0] > metric["fc1"].ci[1]
    assert metric["conv1"].value > 0.9 and metric["conv1"].details["recognisable"] == 1
    assert metric["conv1"].details["psnr"] > metric["ReLU2"].details["psnr"] > metric["fc1"].details["psnr"]
    control = metric["control"]
    assert control.ci[0] < control.details["shuffled"] < control.ci[1], "it recovers other pictures than the judge holds"


# -- what a role sees --------------------------------------------------------------------------------------------------------


def plan_of(*knows: str, observation: str = "black-box", target: str = "mnist-split-conv1", names=()):
    threat = from_user(CATALOG, observation=observation, model="discriminative", knows=knows)
    return plans.make(CATALOG, CATALOG.target(target), threat, names)


def test_a_role_is_granted_what_it_sees():
    plan = plan_of("split-cloud", "Q.activations", "D1.samples")
    assert set(plan.granted) == {"split-cloud", "record.activations", "M1.later-layers", "Q.activations", "D1.samples"}
    assert [p.attack.id for p in plan.attacks] == ["he-2019-collaborative-black-box"]
    without = plan_of("D1.samples", "M1.parameters", "M2", observation="white-box")
    assert not {"record.activations", "M1.later-layers"} & set(without.granted)
    assert not set(ATTACKS) & {p.attack.id for p in without.attacks}
    with pytest.raises(InputError, match="does not offer"):
        plan_of("split-cloud", "M1.parameters", "M2", observation="white-box", target="digits-mlp", names=[ATTACKS[0]])


def test_who_knows_all_weights_needs_no_queries():
    plan = plan_of("split-cloud", "M1.parameters", "M2", "D1.samples", observation="white-box", names=[ATTACKS[1]])
    assert "discriminative+M1.runnable->Q.activations" in {rule.id for rule in plan.attacks[0].rules}


def test_ready_threat_models_of_the_cloud():
    ran = {}
    for name in ("curious-cloud", "curious-cloud-with-the-whole-model"):
        threat = ThreatModel.of(CATALOG.threat_models[name])
        plan = plans.make(CATALOG, CATALOG.target("mnist-split-conv1"), threat)
        ran[name] = {p.attack.id for p in plan.attacks} & set(ATTACKS)
    assert ran == {"curious-cloud": {ATTACKS[2]}, "curious-cloud-with-the-whole-model": set(ATTACKS)}


@pytest.mark.slow
def test_a_role_runs_through_the_engine(tmp_path):
    """A target that offers a role needs no handle for it, and steps and views are made along the proof."""
    (tmp_path / "targets").mkdir()
    params = {**SMALL, "split_after": "conv1", "members": 60, "non_members": 4800, "epochs": 1, "inputs": 3}
    entry = CATALOG.target("mnist-split-conv1").model_dump(by_alias=True) | {"id": "tiny-split", "params": params}
    (tmp_path / "targets" / "tiny-split.yaml").write_text(json.dumps(entry))
    catalog = load([tmp_path])
    threat = ThreatModel.of(catalog.threat_models["curious-cloud-with-the-whole-model"])
    quick = {
        "inverse-network-by-queries": {"queries": "30", "epochs": "1"},
        "stand-in-layers-from-samples": {"epochs": "1", "batch": "512"},
        **{name: {"steps": "3"} for name in (ATTACKS[0], ATTACKS[2])},
    }
    plan = plans.make(catalog, catalog.target("tiny-split"), threat, ATTACKS, quick)
    outcome = Engine(catalog, Store(tmp_path / "store")).run(plan, 0)
    assert not outcome.failures and len(outcome.results) == 3
    assert all(r["metric"]["name"] == "structural similarity" and not r["warnings"] for r in outcome.results)
    assert {r["attack"]: r["queries"] for r in outcome.results} == dict.fromkeys(ATTACKS, 0), "the view is not counted"


def test_later_layers_leave_the_network_alone():
    network = nn.Sequential(nn.Linear(3, 2))
    LaterLayers("later_layers", network, Ledger())(torch.zeros(1, 3))
    assert not any(p.requires_grad for p in network.parameters())
