"""Federations: what is computed, that it is the same every time, and that nobody sees more than their part."""

from __future__ import annotations

import dataclasses
import inspect
import json
from itertools import chain

import numpy as np
import pytest
import torch
from torch import Tensor

from attacks.engine import plan as plans
from attacks.engine.code import Code
from attacks.engine.places import SerialExecutor, Silent
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.engine.workshop import StoreWorkshop
from attacks.handles import AttackError, Ledger, Seat, Seen
from attacks.handles.federation import seen
from attacks.handles.views import federation as federation_views
from attacks.models import federation, training
from attacks.models.federation import Federation, Policy
from attacks.models.training import Recipe, TrainingSet
from attacks.targets import federated
from taxonomy.findings import InputError
from taxonomy.loading import load
from taxonomy.threat import ThreatModel, with_what_roles_see

MODEL = Recipe("mlp", (5,), 3, hidden=(4,), epochs=2, batch=8, learning_rate=0.01)
AVERAGING = Federation("fedavg", MODEL, rounds=3, batch=4, learning_rate=0.1, local_epochs=2)
STEPPING = Federation("fedsgd", MODEL, rounds=7, batch=4, learning_rate=0.1)
SIZES = (10, 6, 8)


def parts() -> list[TrainingSet]:
    generator = torch.Generator().manual_seed(1)
    return [TrainingSet(torch.randn(n, 5, generator=generator), torch.arange(n) % 3, 0) for n in SIZES]


def bits(weights):
    return {name: value.numpy().tobytes() for name, value in weights.items()}


def everything(history):
    return [bits(w) for w in [*history.globals, *chain(*history.received), *chain(*history.uploads)]]


@pytest.mark.parametrize("recipe", [AVERAGING, STEPPING])
def test_the_same_bits_every_time(recipe):
    first, again = federation.run(recipe, parts(), 3), federation.run(recipe, parts(), 3, Policy(), 1)
    assert everything(first) == everything(again), "an honest policy changes nothing"
    assert everything(first) == everything(federation.run(recipe, parts(), 3, Policy()))
    assert everything(first) != everything(federation.run(recipe, parts(), 4))
    assert len(first.globals) == recipe.rounds + 1 and len(first.uploads) == recipe.rounds


def softmax_regression(weights, x, y):
    """The gradient of the mean cross-entropy of a model without hidden layers, by the textbook's formula."""
    logits = x @ weights["1.weight"].T + weights["1.bias"]
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    p[np.arange(len(y)), y] -= 1
    return {"1.weight": p.T @ x / len(x), "1.bias": p.mean(0)}


@pytest.mark.parametrize("recipe", [AVERAGING, STEPPING])
def test_rounds_are_those_of_the_paper(recipe):
    """Local descent on the batches and the weighted mean of the uploads, written again with numpy (McMahan et al. 2017)."""
    recipe = dataclasses.replace(recipe, model=Recipe("mlp", (5,), 3))
    history = federation.run(recipe, parts(), 3)
    current = {name: value.double().numpy() for name, value in history.globals[0].items()}
    for number in range(recipe.rounds):
        uploads = []
        for k, part in enumerate(parts()):
            mine = dict(current)
            for rows in federation.batches(recipe, SIZES[k], 3, k, number):
                slope = softmax_regression(mine, part.x[rows].double().numpy(), part.y[rows].numpy())
                mine = {name: value - 0.1 * slope[name] for name, value in mine.items()}
            uploads.append(mine)
            for name, value in mine.items():
                assert history.uploads[number][k][name].numpy() == pytest.approx(value, abs=1e-6)
        current = {n: sum(s * u[n] for s, u in zip(SIZES, uploads, strict=True)) / sum(SIZES) for n in current}
        for name, value in current.items():
            assert history.globals[number + 1][name].numpy() == pytest.approx(value, abs=1e-6)


def test_batches_tell_who_was_used():
    history = federation.run(STEPPING, parts(), 3)
    for k, size in enumerate(SIZES):
        used = [history.batches[number][k] for number in range(STEPPING.rounds)]
        per_epoch = -(-size // 4)
        assert torch.cat(used[:per_epoch]).sort().values.tolist() == list(range(size)), "an epoch uses each record once"
        assert all(len(rows) <= 4 for rows in used)
    assert [rows.tolist() for rows in federation.run(AVERAGING, parts(), 3).batches[1]] == [list(range(n)) for n in SIZES]


def test_updates_are_zero_where_the_gradient_is():
    """A feature that is always zero has no gradient, so that its weights stay to the bit, in uploads and in averages."""
    data = parts()
    for part in data:
        part.x[:, 2] = 0
    history = federation.run(AVERAGING, data, 3)
    first = history.globals[0]["1.weight"][:, 2]
    for weights in [*history.globals, *chain(*history.uploads)]:
        assert torch.equal(weights["1.weight"][:, 2], first)
    assert not torch.equal(history.globals[1]["1.weight"][:, 1], history.globals[0]["1.weight"][:, 1])


class Shifted(Policy):
    """Adds one to whatever it hands on, and notes what it is shown."""

    def __init__(self):
        self.shown = []

    def upload(self, round, received, honest):
        self.shown += [received, honest]
        return {name: value + 1 for name, value in honest.items()}

    def send(self, round, participant, average, last_upload):
        self.shown += [average, last_upload]
        return {name: value + participant for name, value in average.items()}


def test_policies_act_from_their_seat_only():
    honest = federation.run(AVERAGING, parts(), 3)
    of_participant, of_server = Shifted(), Shifted()
    cheated = federation.run(AVERAGING, parts(), 3, of_participant, 2)
    assert bits(cheated.uploads[0][0]) == bits(honest.uploads[0][0])
    assert bits(cheated.uploads[0][2]) == bits({n: v + 1 for n, v in honest.uploads[0][2].items()})
    assert len(of_participant.shown) == 2 * AVERAGING.rounds, "it is asked for its upload and never for what the server sends"
    sent = federation.run(AVERAGING, parts(), 3, of_server)
    assert bits(sent.received[0][1]) == bits({n: v + 1 for n, v in honest.globals[0].items()})
    assert bits(sent.received[0][0]) == bits(honest.globals[0])
    assert len(of_server.shown) == 2 * AVERAGING.rounds * len(SIZES)
    assert bits(of_server.shown[-1]) == bits(sent.uploads[-2][2]), "the server knows what a participant uploaded last"


def test_a_policy_cannot_reach_into_the_federation():
    class Spoiler(Policy):
        def send(self, round, participant, average, last_upload):
            kept = federation.copied(average)
            for weights in (average, last_upload):
                for value in weights.values():
                    value.zero_()
            return kept

    assert everything(federation.run(AVERAGING, parts(), 3, Spoiler())) == everything(federation.run(AVERAGING, parts(), 3))


def test_bad_federations_are_refused():
    with pytest.raises(ValueError, match="fedavg, fedsgd"):
        dataclasses.replace(AVERAGING, algorithm="gossip")
    with pytest.raises(ValueError, match="needs participants"):
        federation.run(AVERAGING, [], 0)
    for bad in ({"participants": 1}, {"seat": "moon"}):
        with pytest.raises(InputError, match=f"found .?{next(iter(bad.values()))}"):
            build(**bad)


def test_the_store_keeps_an_honest_run():
    kept = {}

    class Workshop(training.HomeWorkshop):
        def keep(self, run, what, recipe, make):
            name = str((run, what, recipe))
            if name not in kept:
                kept[name] = make()
            return kept[name]

    token = training.workshop.set(Workshop())
    try:
        found = [federation.recorded(STEPPING, parts(), 3) for _ in range(2)]
    finally:
        training.workshop.reset(token)
    fresh = federation.run(STEPPING, parts(), 3)
    assert len(kept) == 1 and everything(found[1]) == everything(fresh)
    assert torch.equal(found[1].shares, fresh.shares)
    same = zip(chain(*found[1].batches), chain(*fresh.batches), strict=True)
    assert all(torch.equal(a, b) for a, b in same)


def test_a_finished_federation_says_how_long_the_next_may_take(tmp_path):
    store = Store(tmp_path / "store")
    store.prepare()
    token = training.workshop.set(StoreWorkshop(store, SerialExecutor(), Code(), Silent()))
    try:
        federation.recorded(STEPPING, parts(), 3)
    finally:
        training.workshop.reset(token)
    like = {"data": "any", "rounds": STEPPING.rounds, "batch": STEPPING.batch, "learning_rate": STEPPING.learning_rate}
    assert store.typical_seconds(like) > 0
    assert store.typical_seconds({**like, "rounds": STEPPING.rounds + 1}) is None


# -- what is seen ----------------------------------------------------------------------------------------------------------


def reachable(value, depth=0):
    """Every tensor that can be had through public attributes, items and methods without arguments or with numbers."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from reachable(item, depth)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from reachable(item, depth)
    elif depth < 4 and not isinstance(value, int | float | str | set | type(None)):
        for name in dir(value):
            if name.startswith("_"):
                continue
            try:
                found = getattr(value, name)
            except AttackError:
                continue
            if not callable(found):
                yield from reachable(found, depth + 1)
                continue
            arguments = [p for p in inspect.signature(found).parameters.values() if p.default is p.empty]
            if all(p.annotation == "int" for p in arguments):
                for numbers in np.ndindex(*[8] * len(arguments)):
                    try:
                        yield from reachable(found(*numbers), depth + 1)
                    except AttackError:
                        continue
            elif [p.annotation for p in arguments] == ["Policy"]:
                yield from reachable(found(Policy()), depth + 1)


def seat_of(place):
    def play(policy, ledger):
        return seen(federation.run(AVERAGING, parts(), 3, policy, place), place, 1, ledger)

    return Seat("seat", "server" if place is None else "participant", 3, 1 if place is None else None, play, Ledger())


def test_a_participant_never_sees_anothers_upload():
    history = federation.run(AVERAGING, parts(), 3)
    ledger = Ledger()
    mine = seen(history, 0, 1, ledger)
    others = federation_views.others_from_rounds(mine.rounds, mine.own_updates)
    last = federation_views.last_round(mine.rounds)
    found = {t.numpy().tobytes() for t in reachable([mine, others, last, seat_of(0)])}
    forbidden = {}
    for number in range(3):
        for k in (1, 2):
            for name, value in history.uploads[number][k].items():
                forbidden[f"upload {number} {k} {name}"] = value
                forbidden[f"change {number} {k} {name}"] = value - history.received[number][k][name]
    assert not [name for name, value in forbidden.items() if value.numpy().tobytes() in found]
    assert mine.updates is None and seat_of(0).run(Policy()).updates is None
    allowed = [history.globals[0], history.globals[3], history.uploads[2][0]]
    assert all(value.numpy().tobytes() in found for weights in allowed for value in weights.values()), "the walk finds things"


def test_the_walk_would_find_it():
    history = federation.run(AVERAGING, parts(), 3)
    found = {t.numpy().tobytes() for t in reachable(seat_of(None))}
    assert all(value.numpy().tobytes() in found for value in history.uploads[2][1].values()), "a server does see it"


def test_what_all_others_did_is_the_same_from_both_seats():
    history = federation.run(AVERAGING, parts(), 3)
    mine, all_of_it = seen(history, 0, 1, Ledger()), seen(history, None, 1, Ledger())
    others = federation_views.others_from_rounds(mine.rounds, mine.own_updates)
    total = federation_views.others_from_uploads(all_of_it.rounds, all_of_it.updates)
    assert len(others) == len(total) == 3 and others.share == pytest.approx(14 / 24) and total.share == 1.0
    for number in range(3):
        changes = [all_of_it.updates.change(number, k) for k in range(3)]
        for name in changes[0]:
            expected = (6 * changes[1][name] + 8 * changes[2][name]) / 24
            assert others.sum(number)[name].numpy() == pytest.approx(expected.numpy(), abs=1e-6)
            assert others.mean(number)[name].numpy() == pytest.approx(expected.numpy() * 24 / 14, abs=1e-6)
            expected = sum(n * change[name] for n, change in zip(SIZES, changes, strict=True)) / 24
            assert total.sum(number)[name].numpy() == pytest.approx(expected.numpy(), abs=1e-6)


def test_a_seat_counts_its_runs_and_handles_give_copies():
    seat = seat_of(None)
    first = seat.run(Policy())
    assert isinstance(first, Seen) and first.own_updates is None and seat.victim == 1
    first.rounds.weights(0)["1.bias"].fill_(9)
    assert bits(first.rounds.weights(0)) == bits(seat.run(Policy()).rounds.weights(0))
    assert seat.runs == 2 and seat.ledger.touched == {"seat", "rounds"}
    with pytest.raises(AttackError, match="does not know who"):
        _ = seat_of(0).victim
    with pytest.raises(AttackError, match="from 0 to 3"):
        first.rounds.weights(4)


# -- targets ---------------------------------------------------------------------------------------------------------------


def build(**changed):
    params = {
        "data": "digits",
        "participants": 3,
        "records": 40,
        "non_members": 30,
        "known_members": 10,
        "hidden": [8],
        "rounds": 2,
        "batch": 16,
        "learning_rate": 0.1,
    }
    return federated.build(**{**params, **changed})


def test_nobody_is_on_two_sides():
    for trained in (True, False):
        rows = federated.dealt(
            1797, "digits", participants=3, records=40, non_members=30, known_members=10, members_trained=trained
        )
        members = rows.candidates[rows.is_member]
        others = rows.candidates[~rows.is_member]
        everyone = np.concatenate([*rows.participants, others, rows.pool, *([] if trained else [members])])
        assert len(np.unique(everyone)) == len(everyone) and [len(p) for p in rows.participants] == [40] * 3
        assert len(members) == 30 and set(rows.known) < set(rows.participants[federated.VICTIM])
        assert set(members) <= set(rows.participants[federated.VICTIM]) if trained else not set(members) & set(everyone[:120])
        assert not set(rows.known) & set(rows.candidates)


def test_seats_offer_what_is_seen_from_there():
    of_participant, of_server, known = build(), build(seat="server"), {}
    assert "M1.updates" not in of_participant.makers and "M1.own-updates" not in of_server.makers
    assert bits(of_participant.makers["M1.rounds"](Ledger()).last) == bits(of_server.makers["M1.rounds"](Ledger()).last)
    for name, target in (("participant", of_participant), ("server", of_server)):
        known[name] = target.makers["D2.members"](Ledger())
        assert not set(known[name].ids.tolist()) & set(target.ids.tolist())
        assert len(known[name].non_members) == len(known[name])
        assert target.makers["active"](Ledger()).role == name
        assert target.makers["M2"](Ledger()).federation.rounds == 2
    assert len(known["participant"]) == 40 and len(known["server"]) == 10
    assert of_participant.fingerprint != of_server.fingerprint != build(seat="server", members_trained=False).fingerprint


def test_entries_offer_what_is_made():
    catalog = load()
    entries = [t for t in catalog.targets.values() if t.run == "attacks.targets.federated:build"]
    assert len(entries) >= 10
    for entry in entries:
        role = entry.params["seat"]
        makers = build(seat=role).makers
        handled = {term for term in entry.offers if catalog.terms[term].handle}
        assert handled <= set(makers), entry.id
        assert role in entry.offers and not {"participant", "server"} - {role} & set(entry.offers)


def test_roles_are_granted_what_they_see():
    catalog = load()
    assert with_what_roles_see(catalog, ["participant"]) == {"participant", "M1.rounds", "M1.own-updates", "M2"}
    assert "M1.updates" in with_what_roles_see(catalog, ["server"])
    assert with_what_roles_see(catalog, ["Q.scores"]) == {"Q.scores"}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A catalog with a federation that is trained at once, and a store that holds it after the first run."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "targets").mkdir()
    entry = load().target("digits-federated").model_dump(by_alias=True)
    params = {**entry["params"], "hidden": [8], "rounds": 2}
    (folder / "targets" / "tiny.yaml").write_text(json.dumps({**entry, "id": "tiny", "params": params}))
    return load([folder]), folder / "store"


@pytest.mark.parametrize("ready", ["honest-but-curious-participant", "malicious-participant", "user-of-a-federated-model"])
def test_attacks_on_one_model_run_in_a_federation(ready, tiny):
    """By derivation: the last round's parameters, with the structure, answer queries at home; a user asks the model itself."""
    catalog, store = tiny
    names = ["yeom-2018-gap", "ml-leaks-3"]
    plan = plans.make(catalog, catalog.target("tiny"), ThreatModel.of(catalog.threat_models[ready]), names)
    outcome = Engine(catalog, Store(store)).run(plan, 0)
    assert {r["attack"] for r in outcome.results} == set(names) and not outcome.failures
    asked = {r["queries"] > 0 for r in outcome.results}
    assert asked == {ready == "user-of-a-federated-model"}
