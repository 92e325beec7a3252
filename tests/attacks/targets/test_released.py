"""A model that is released before and after updates: what it was trained on when, what is on offer, and how it is attacked."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from attacks.discriminative import white_box
from attacks.engine import plan as plans
from attacks.federated import white_box as federated_white_box
from attacks.handles import AttackError, KnownMembers, Ledger, Population
from attacks.handles.federation import Rounds
from attacks.handles.views import federation
from attacks.models import internals, training
from attacks.models.training import TrainingSet
from attacks.seeds import derive_seed, record_ids
from attacks.steps import attack_network, snapshot_features
from attacks.targets import data as datasets
from attacks.targets import released
from attacks.targets.split import split
from taxonomy.findings import InputError
from taxonomy.loading import load

PARAMS = {
    "data": "digits",
    "hidden": [16],
    "first_records": 60,
    "members": 40,
    "non_members": 40,
    "known_members": 20,
    "epochs": 4,
    "batch": 16,
    "learning_rate": 0.01,
    "update_epochs": 3,
}
SMALL = {"kernels": 3, "epochs": 8, "seed": 5}


def build(**changes):
    return released.build(**{**PARAMS, **changes})


def parts(updates=1, members_trained=True):
    """The split of `build`, with seed 0."""
    data = datasets.load("digits")
    aside = 60 + (updates - 1) * 60
    counts = {"members": 40, "non_members": 40, "known_members": 20, "aside": aside}
    return split(len(data.x), "digits", **counts, members_trained=members_trained), data


def made(target, term):
    return target.makers[term](Ledger())


def ids_of(data, rows):
    return set(record_ids(data.x[rows]).tolist())


def test_releases_are_the_first_training_and_that_further_on():
    """Trained again here, by the loop of the recipe written out with both training sets."""
    target = build()
    snapshots = made(target, "M1.snapshots")
    assert isinstance(snapshots, Rounds) and len(snapshots) == 1
    before, after = snapshots.weights(0), snapshots.weights(1)
    assert set(before) == set(after) and not any(torch.equal(before[name], after[name]) for name in before)
    dealt, data = parts()
    rows = np.sort(dealt.aside)
    recipe = made(target, "M2").recipe
    first = training.fit(recipe, TrainingSet(*some(data, rows), derive_seed(0, "target", "digits")))
    assert all(torch.equal(value, before[name]) for name, value in first.state_dict().items())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(0, "update", "digits", 0) % 2**63)
        recipe.build()  # it takes random numbers
        module = first.train()
        x, y = some(data, np.sort(np.concatenate([rows, dealt.training])))
        optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
        for _ in range(3):
            for chunk in torch.randperm(len(x)).split(16):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(module(x[chunk]), y[chunk]).backward()
                optimizer.step()
    for name, value in module.state_dict().items():
        assert value.numpy() == pytest.approx(after[name].numpy(), abs=1e-5)


def some(data, rows):
    return torch.from_numpy(data.x[rows]), torch.from_numpy(data.y[rows])


def test_the_last_release_answers_and_is_what_follows_of_parameters():
    target = build()
    assert "M1.parameters" not in target.makers and "M3" not in target.makers
    parameters = federation.last_round(made(target, "M1.snapshots"))
    answers = internals.layers(internals.network(made(target, "M2").recipe, parameters.weights), target.x)[-1]
    expected = torch.log_softmax(answers, dim=-1).numpy()
    assert made(target, "Q.scores")(target.x).numpy() == pytest.approx(expected, abs=1e-4)
    assert made(target, "M2").training_size == target.facts["training_size"] == 120
    assert target.facts["new_records_accuracy"] > target.facts["new_records_accuracy_before"]


@pytest.mark.parametrize("updates", [1, 3])
def test_candidates_are_of_the_last_update(updates):
    dealt, data = parts(updates)
    target = build(updates=updates)
    every = released.training_rows(dealt, 60)
    assert [len(rows) for rows in every] == [60 * (k + 1) for k in range(updates + 1)]
    assert all(set(before) < set(after) for before, after in pairwise(every))
    candidates, member = target.ids, target.member.numpy()
    assert set(candidates.tolist()) == ids_of(data, dealt.candidates)
    assert not set(candidates.tolist()) & ids_of(data, every[-2])
    assert set(candidates[member].tolist()) == ids_of(data, every[-1]) & set(candidates.tolist())
    assert member.sum() == 40 and len(member) == 80
    assert target.facts["updates"] == updates and len(made(target, "M1.snapshots")) == updates


def test_the_adversary_knows_other_records_of_the_update_and_some_that_are_none():
    dealt, data = parts()
    target = build()
    known = made(target, "D2.members")
    new = set(dealt.training) - set(dealt.candidates)
    assert set(known.ids.tolist()) == ids_of(data, sorted(new)) and len(known) == 20
    trained_on = ids_of(data, released.training_rows(dealt, 60)[-1])
    outside = set(known.non_members.ids.tolist())
    assert len(outside) == 20 and not outside & trained_on and not outside & set(target.ids.tolist())
    assert not set(made(target, "D1.samples").ids.tolist()) & (trained_on | set(target.ids.tolist()))
    assert trained_on <= set(made(target, "D2.superset").ids.tolist())


def test_the_control_never_saw_the_candidates():
    dealt, data = parts(members_trained=False)
    target, honest = build(members_trained=False), build()
    assert set(target.ids.tolist()) == set(honest.ids.tolist()) and torch.equal(target.member, honest.member)
    every = released.training_rows(dealt, 60)
    assert not ids_of(data, every[-1]) & set(target.ids.tolist())
    assert len(every[-1]) == 120 and target.facts["training_size"] == 120
    assert not torch.equal(
        made(target, "M1.snapshots").weights(1)["1.weight"], made(honest, "M1.snapshots").weights(1)["1.weight"]
    )


def test_the_same_arguments_give_the_same_bits():
    one, two, other = build(), build(), build(seed=1)
    weights = [made(target, "M1.snapshots").last for target in (one, two, other)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    assert one.fingerprint == two.fingerprint != other.fingerprint
    assert one.fingerprint != build(update_epochs=2).fingerprint


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"updates": 0}, "updates must be at least 1"),
        ({"first_records": 0}, "first_records must be at least 1"),
        ({"members": 0}, "members must be at least 1"),
        ({"non_members": 0}, "non_members must be at least 1"),
        ({"known_members": -1}, "known_members must be at least 0"),
        ({"update_epochs": 0}, "update_epochs must be at least 1"),
        ({"first_records": 1700}, r"has 1,\d+ records; the target asks for 1,800"),
        ({"first_records": 1685}, "too few"),
        ({"updates": 40}, "the target asks for"),
    ],
)
def test_bad_parameters(changes, message):
    with pytest.raises(InputError, match=message):
        build(**changes)


@pytest.mark.parametrize("features", attack_network.VIEWS)
def test_one_snapshot_is_the_stand_alone_attack(features):
    """The same weights, the same known records and the same seed give the same bits."""
    target = build()
    records = target.records(Ledger(), with_label=True)
    rounds, trainer, known_members = (made(target, term) for term in ("M1.snapshots", "M2", "D2.members"))
    others = known_members.non_members
    population = Population("population", others.x, others.label, others.ids, Ledger())
    parameters = federation.last_round(rounds)
    alone = white_box.supervised(records, parameters, trainer, known_members, population, features=features, **SMALL)
    known = snapshot_features.from_snapshots(records, rounds, trainer, known_members, snapshots=1, features=features)
    found = federated_white_box.passive(records, rounds, trainer, known, **SMALL)
    assert known.rounds == (1,)
    assert torch.equal(found.score, alone.score) and found.cut == alone.cut == 0
    both = snapshot_features.from_snapshots(records, rounds, trainer, known_members, features=features)
    assert both.rounds == (0, 1)
    assert not torch.equal(federated_white_box.passive(records, rounds, trainer, both, **SMALL).score, alone.score)


def test_the_last_releases_are_looked_at():
    target = build(updates=3)
    records = target.records(Ledger(), with_label=True)
    rounds, trainer, known_members = (made(target, term) for term in ("M1.snapshots", "M2", "D2.members"))
    for count in range(1, 5):
        known = snapshot_features.from_snapshots(records, rounds, trainer, known_members, snapshots=count, features="scores")
        assert known.rounds == tuple(range(4 - count, 4))
    for bad in (0, 5):
        with pytest.raises(AttackError, match="snapshots is a number from 1 to 4"):
            snapshot_features.from_snapshots(records, rounds, trainer, known_members, snapshots=bad)


def test_nothing_is_learnt_from_nobody():
    target = build(known_members=0)
    assert "D2.members" not in target.makers
    records = target.records(Ledger(), with_label=True)
    rounds, trainer = made(target, "M1.snapshots"), made(target, "M2")
    x = target.x[:0]
    nobody = KnownMembers("known_members", x, target.label[:0], record_ids(x.numpy()), Ledger(), made(build(), "D1.samples"))
    known = snapshot_features.from_snapshots(records, rounds, trainer, nobody)
    with pytest.raises(AttackError, match="one kind is missing"):
        federated_white_box.passive(records, rounds, trainer, known, **SMALL)


def test_a_bystander_can_do_what_one_release_allows():
    """What a federation is attacked with stays out, and the attacks on one model follow from the last release."""
    catalog = load()
    for control in ("", "-null"):
        target = catalog.targets[f"genomes-updated{control}"]
        plan = plans.make(catalog, target, None, ["nasr-2019-updated", "nasr-2019-stand-alone", "yeom-2018-loss"])
        assert plan.target.id == target.id
        with pytest.raises(InputError, match="federated"):
            plans.make(catalog, target, None, ["nasr-2019-passive"])
