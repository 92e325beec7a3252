"""Updates with single records: the copies, the handle that hides the records, the simulated updates, the judge."""

from __future__ import annotations

import copy

import fixture
import numpy as np
import pytest
import torch
from reachable_records import reachable

from attacks.discriminative.updates import infer_labels
from attacks.engine import artifacts
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import AttackError, Ledger, QueryLimitError, ShadowData, ShadowUpdates, UpdatedScores
from attacks.models import further_training, internals, training
from attacks.models.training import Recipe, TrainingSet
from attacks.seeds import record_ids
from attacks.steps.shadow_updates import simulated
from attacks.targets import data, judges, updated
from attacks.targets.split import split
from attacks.targets.target import Target
from taxonomy.loading import load

RECIPE = Recipe("mlp", (5,), 3, (8,), 10, 16, 0.01)
PARAMS = load().targets["digits-updated"].params


def points(count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Records (count, 5) around one centre for each of three classes."""
    generator = torch.Generator().manual_seed(seed)
    label = torch.arange(count) % 3
    return 2 * torch.nn.functional.one_hot(label, 5).float() + torch.randn(count, 5, generator=generator), label


def model() -> training.Model:
    x, label = points(60)
    (found,) = training.fit_many(RECIPE, [TrainingSet(x, label, 3)])
    return found


def test_copies_equal_single_updates():
    """As torch's own optimizer finds them, one record after the other; more records than one chunk holds."""
    base, (x, label), (asked, _) = model(), points(further_training.CHUNK + 7, seed=1), points(9, seed=2)
    copies = further_training.updated(base, x, label, steps=3, learning_rate=0.1)
    assert len(copies) == further_training.CHUNK + 7
    for k in range(len(copies)):
        alone = copy.deepcopy(internals.rebuilt(RECIPE, base.parameters()))
        optimizer = torch.optim.SGD(alone.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            torch.nn.CrossEntropyLoss()(alone(x[k : k + 1]), label[k : k + 1]).backward()
            optimizer.step()
        for name, value in alone.named_parameters():
            assert torch.allclose(copies.weights[name][k], value, atol=1e-6)
        expected = torch.log_softmax(alone(asked).detach().double(), -1)
        assert torch.allclose(copies.log_probs(k, asked), expected, atol=1e-5)
    assert copies.log_probs(0, asked).dtype == torch.float64
    assert all(torch.equal(value, base.parameters()[name]) for name, value in model().parameters().items()), "the base stays"


def test_an_estimator_is_not_updated():
    tree = Recipe("decision-tree", (5,), 3)
    x, label = points(30)
    (grown,) = training.fit_many(tree, [TrainingSet(x, label, 0)])
    with pytest.raises(AttackError, match="takes a neural network"):
        further_training.updated(grown, x, label, steps=1, learning_rate=0.1)


def test_change_is_of_probabilities():
    before, after = np.array([[0.2, 0.8], [0.5, 0.5]]), np.array([[0.1, 0.9], [0.6, 0.4]])
    found = further_training.change(torch.from_numpy(np.log(before)), torch.from_numpy(np.log(after)))
    assert found.tolist() == pytest.approx([-0.1, 0.1, 0.1, -0.1])


def test_every_answer_of_the_handle_is_counted():
    ledger = Ledger(limit=20)
    evenly, unevenly = torch.zeros(2).double().log_softmax(-1), torch.tensor([0.0, 1.0]).double().log_softmax(-1)
    after = [lambda x: x.double() + evenly - 1, lambda x: x.double() + unevenly - 1]
    handle = UpdatedScores("updated_scores", lambda x: x.zero_() + evenly, after, ledger)
    assert len(handle) == 2 and not ledger.touched and not ledger.queries
    asked = torch.ones(6, 2)
    assert torch.equal(handle.before(asked), evenly.expand(6, 2)) and asked.sum() == 12, "an oracle must not change the question"
    assert torch.equal(handle.after(1, asked), (unevenly + 1 - 1).expand(6, 2))
    assert ledger.queries == 12 and ledger.touched == {"updated_scores"}
    with pytest.raises(QueryLimitError, match="12 were spent and 9 more"):
        handle.after(0, torch.ones(9, 2))


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    return Engine(load(), Store(tmp_path_factory.mktemp("store"))).target("digits-updated", 0)


def of_updates() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The records of all updates of digits-updated, the labels that its judge holds, and those of its control's updates."""
    records = data.load("digits")
    parts = split(len(records.x), "digits", members=400, non_members=400, aside=2 * PARAMS["single_updates"])
    judged, others = np.split(parts.aside, 2)
    return records.x[parts.aside], records.y[judged], records.y[others]


def test_the_records_of_updates_are_nobodys(target):
    """They are neither candidates nor held by the adversary, and nothing that the handle holds is one of them."""
    x, _, _ = of_updates()
    new = set(record_ids(x).tolist())
    held = {*target.ids.tolist(), *target.makers["D1.samples"](Ledger()).ids.tolist()}
    assert len(new) == 2 * PARAMS["single_updates"] and not new & held
    assert len(target.makers["Q.updates"](Ledger())) == target.facts["updates"] == PARAMS["single_updates"]
    assert new & set(record_ids(reachable(x, 64)).tolist()) == new, "the search below finds what is there"
    assert not new & set(record_ids(reachable(target.makers["Q.updates"](Ledger()), 64)).tolist())


@pytest.mark.slow
def test_the_control_is_updated_with_other_records(target):
    """Same pool, candidates and judge; other records change other answers."""
    with_others = updated.build(**{**PARAMS, "updates_judged": False})
    assert with_others.ids.tolist() == target.ids.tolist() and with_others.fingerprint != target.fingerprint
    pools = [t.makers["D1.samples"](Ledger()).ids.tolist() for t in (target, with_others)]
    assert pools[0] == pools[1]
    x, judged, others = of_updates()
    own = {"judged": (x[: len(judged)], judged), "others": (x[len(judged) :], others)}
    assert all(t.judges["reconstruction"](torch.from_numpy(judged)).value == 1 for t in (target, with_others))
    rises = {(name, kind): rise(t, *own[kind]) for name, t in (("real", target), ("null", with_others)) for kind in own}
    assert rises["real", "judged"] > 0.99 and rises["null", "others"] > 0.99
    assert rises["real", "others"] < 0.8 and rises["null", "judged"] < 0.8


def rise(of: Target, x: np.ndarray, label: np.ndarray) -> float:
    """The share of updates after which the record of the same number is told with more confidence."""
    handle = of.makers["Q.updates"](Ledger())
    assert len(handle) == len(x)
    records = torch.from_numpy(x)
    before = handle.before(records)[torch.arange(len(x)), torch.from_numpy(label)]
    after = torch.stack([handle.after(k, records[k : k + 1])[0, label[k]] for k in range(len(x))])
    return float((after > before).double().mean())


def test_the_judge_counts_labels():
    truth = torch.tensor([0, 0, 0, 1, 2, 2])
    metric = judges.labels_of_updates(truth)(torch.tensor([0, 0, 1, 1, 1, 3]))
    assert metric.value == 0.5 and metric.chance == 0.5 and metric.ci[0] < 0.5 < metric.ci[1]
    assert metric.details["shuffled"] == pytest.approx((2 * 3 + 3 * 1 + 0 * 2) / 36)
    for wrong in (truth[:3], truth.double(), [0] * 6):
        with pytest.raises(AttackError, match="one label an update"):
            judges.labels_of_updates(truth)(wrong)


def shadow_data(count: int = 120) -> ShadowData:
    x, label = points(count, seed=4)
    return ShadowData(x, label, record_ids(x.numpy()))


def test_simulated_updates_and_their_way_through_the_store():
    held = shadow_data()
    made = simulated(None, held, probes=10, epochs=3, seed=1)
    places = {record: k for k, record in enumerate(held.ids.tolist())}
    probes = [places[record] for record in record_ids(made.probes.numpy()).tolist()]
    assert len(set(probes)) == 10 and made.classes == 3 and made.change.dtype == torch.float64
    assert 20 < len(made) < 80, "one update for each record of the other half that is no probe"
    few = simulated(None, held, probes=10, updates_wanted=7, epochs=3, seed=1)
    assert len(few) == 7 and torch.equal(few.change, made.change[:7]) and torch.equal(few.probes, made.probes)
    # The class of the record becomes likelier.
    rises = made.change.reshape(len(made), 10, 3).sum(1)
    assert (rises.argmax(1) == made.label).double().mean() > 0.8
    again = artifacts.unpack(*artifacts.pack(made), workshop=None)
    assert isinstance(again, ShadowUpdates) and again.change.dtype == torch.float64
    for name in ("change", "label", "probes"):
        assert torch.equal(getattr(again, name), getattr(made, name))
    with pytest.raises(AttackError, match="too few"):
        simulated(None, held, probes=100, epochs=3)
    with pytest.raises(ValueError, match="differ"):
        ShadowUpdates(made.change[:, :-1], made.label, made.probes)


def test_the_attack_asks_what_it_may():
    given = fixture.handles(["records", "updated_scores", "shadow_updates"])
    ledger = given["updated_scores"].ledger
    found = infer_labels(**given)
    assert found.dtype == torch.int64 and found.shape == (fixture.UPDATES,)
    assert ledger.queries == (1 + fixture.UPDATES) * fixture.RECORDS
    ledger.queries = 0
    infer_labels(**given, queries=100)
    assert ledger.queries == (1 + fixture.UPDATES) * (100 // (1 + fixture.UPDATES))
    with pytest.raises(AttackError, match="one probing record takes 13 queries; 12 are allowed"):
        infer_labels(**given, queries=12)
    other = ShadowUpdates(torch.zeros(6, 16, dtype=torch.float64), torch.arange(6) % 2, torch.zeros(4, 1))
    with pytest.raises(AttackError, match="4 classes, but the target has 3"):
        infer_labels(given["records"], given["updated_scores"], other)


def test_shadow_data_may_lack_the_top_class():
    """Labels of classes that the shadow model knows are found as well as if the last class did not change."""
    given = fixture.handles(["records", "updated_scores", "shadow_updates"])
    made = given["shadow_updates"]
    known = made.label < 2
    changes = made.change.reshape(len(made), fixture.RECORDS, 3)[known]
    changes[..., 2] = 0
    full = ShadowUpdates(changes.flatten(1), made.label[known], made.probes)
    narrow = ShadowUpdates(changes[..., :2].flatten(1), made.label[known], made.probes)
    asked = (given["records"], given["updated_scores"])
    assert infer_labels(*asked, narrow).tolist() == infer_labels(*asked, full).tolist()
    assert infer_labels(*asked, narrow, queries=200).tolist() == infer_labels(*asked, full, queries=200).tolist()
