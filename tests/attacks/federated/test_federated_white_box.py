"""Attacks of Nasr et al. 2019 in a federation: equal to the stand-alone attack where they must be; what active ones do."""

from __future__ import annotations

import fixture
import numpy as np
import pytest
import torch

from attacks.discriminative import white_box
from attacks.engine import artifacts
from attacks.federated import white_box as federated_white_box
from attacks.federated.policies import AscendingParticipant, Ascent, CheatingServer
from attacks.handles import AttackError, KnownMembers, Ledger, Population, Records, Seat, ShadowData, Trainer
from attacks.handles.federation import seen
from attacks.handles.views import federation as federation_views
from attacks.models import federation, internals
from attacks.models.federation import Federation
from attacks.models.training import Recipe, TrainingSet
from attacks.seeds import record_ids
from attacks.steps import attack_network, known_features
from attacks.steps.attack_network import Look

MODEL = Recipe("mlp", (6,), 3, hidden=(8,), epochs=5, batch=8, learning_rate=0.01)
RECIPE = Federation("fedavg", MODEL, rounds=6, batch=8, learning_rate=0.2, local_epochs=4)
SMALL = {"kernels": 3, "epochs": 8, "seed": 5}


def drawn(count, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 6, generator=generator), torch.randint(3, (count,), generator=generator)


def held(x, y):
    return ShadowData(x, y, record_ids(x.numpy()))


class World:
    """A federation with as many participants, a victim (the last but one of one or two), and who knows what."""

    def __init__(self, participants):
        self.data = [drawn(30, k) for k in range(participants)]
        self.parts = [TrainingSet(x, y, 0) for x, y in self.data]
        self.victim = min(1, participants - 1)
        x, y = self.data[self.victim]
        other_x, other_y = drawn(50, 100)
        ledger = Ledger()
        candidates = torch.cat([x[:15], other_x[:15]]), torch.cat([y[:15], other_y[:15]])
        self.records = Records(*candidates, record_ids(candidates[0].numpy()), ledger)
        self.member = np.arange(30) < 15
        self.non_members = held(other_x[15:], other_y[15:])
        known = held(x[15:], y[15:])
        self.known = KnownMembers("known_members", known.x, known.label, known.ids, ledger, self.non_members)
        self.trainer = Trainer("trainer", MODEL, 30, ledger)

    def run(self, policy=None, seat=None):
        return federation.run(RECIPE, self.parts, 7, policy, seat)

    def seen(self, seat=None):
        return seen(self.run(), seat, self.victim, Ledger())

    def seat(self, place):
        def play(policy, ledger):
            return seen(self.run(policy, place), place, self.victim, ledger)

        role, victim = ("server", self.victim) if place is None else ("participant", None)
        return Seat("seat", role, RECIPE.rounds, victim, play, Ledger())


@pytest.mark.parametrize("features", attack_network.VIEWS)
def test_one_participant_and_one_snapshot_is_the_stand_alone_attack(features):
    """The same weights, the same known records and the same seed give the same bits."""
    world = World(1)
    everything = world.seen()
    parameters = federation_views.last_round(everything.rounds)
    others = world.non_members
    population = Population("population", others.x, others.label, others.ids, Ledger())
    alone = white_box.supervised(world.records, parameters, world.trainer, world.known, population, features=features, **SMALL)
    known = known_features.from_rounds(
        world.records, everything.rounds, world.trainer, world.known, snapshots=1, features=features
    )
    federated = federated_white_box.passive(world.records, everything.rounds, world.trainer, known, **SMALL)
    assert torch.equal(federated.score, alone.score) and federated.cut == alone.cut == 0
    known = known_features.from_uploads(
        world.records, everything.updates, world.trainer, world.known, snapshots=1, features=features
    )
    server = federated_white_box.passive_server(world.records, everything.updates, world.trainer, known, **SMALL)
    assert torch.equal(server.score, alone.score), "the only upload is the global model"
    alone = white_box.unsupervised(world.records, parameters, world.trainer, **SMALL)
    found = federated_white_box.unsupervised(world.records, everything.rounds, world.trainer, snapshots=1, **SMALL)
    assert torch.equal(found.score, alone.score) and found.cut == alone.cut


@pytest.mark.slow
def test_honest_seats_see_what_is_seen_passively():
    """With a step of length 0 nothing is altered, and the active attacks are the passive ones, to the bit."""
    world = World(3)
    own, everything = world.seen(0), world.seen()
    known = known_features.from_rounds(world.records, own.rounds, world.trainer, world.known)
    passive = federated_white_box.passive(world.records, own.rounds, world.trainer, known, **SMALL)
    active = federated_white_box.active(world.records, world.seat(0), world.trainer, world.known, rate=0.0, **SMALL)
    assert torch.equal(active.score, passive.score)
    known = known_features.from_uploads(world.records, everything.updates, world.trainer, world.known)
    passive = federated_white_box.passive_server(world.records, everything.updates, world.trainer, known, **SMALL)
    active = federated_white_box.active_server(world.records, world.seat(None), world.trainer, world.known, rate=0.0, **SMALL)
    assert torch.equal(active.score, passive.score)
    alone = federated_white_box.isolating(world.records, world.seat(None), world.trainer, world.known, **SMALL)
    both = federated_white_box.isolating_ascent(world.records, world.seat(None), world.trainer, world.known, rate=0.0, **SMALL)
    assert torch.equal(alone.score, both.score) and not torch.equal(alone.score, passive.score)


def test_a_participant_cannot_attack_from_the_servers_seat():
    world = World(3)
    for attack in (federated_white_box.active_server, federated_white_box.isolating):
        with pytest.raises(AttackError, match="does not know who"):
            attack(world.records, world.seat(0), world.trainer, world.known)


def losses(weights, x, y):
    network = internals.network(MODEL, weights)
    return torch.nn.functional.cross_entropy(network(x.double()), y, reduction="none").detach()


def ascent(world, rate=1 / 60):
    return Ascent(MODEL, world.records.x, world.records.label, rate)


def test_ascent_follows_the_gradient_and_raises_the_loss():
    world = World(3)
    x, y = world.records.x, world.records.label
    before = world.run().globals[3]
    after = ascent(world, 0.01)(before)
    slope = internals.gradients(internals.network(MODEL, before), x, y, lambda g: g["1.weight"]).sum(0)
    assert (after["1.weight"] - before["1.weight"]).numpy() == pytest.approx(0.01 * slope.numpy(), abs=1e-5)
    assert losses(after, x, y).mean() > losses(before, x, y).mean()
    own = world.run(AscendingParticipant(ascent(world)), 0)
    # The adversary's own upload of the first round, at least, has a higher loss on the candidates than the honest one.
    assert losses(own.uploads[0][0], x, y).mean() > losses(world.run().uploads[0][0], x, y).mean() + 0.01
    assert torch.equal(own.uploads[0][1]["1.weight"], world.run().uploads[0][1]["1.weight"])


def test_a_rate_that_makes_the_model_diverge_is_told():
    world = World(2)
    with pytest.raises(AttackError, match="to climb 80 records by 1e\\+30 each makes the model diverge"):
        federated_white_box.active(world.records, world.seat(0), world.trainer, world.known, rate=1e30, **SMALL)


def test_a_record_is_climbed_as_far_in_company_as_alone():
    """The step of many records is the sum of those of each: others take nothing away from a record's own."""
    world = World(2)
    x, y = world.records.x, world.records.label
    before = world.run().globals[3]

    def step(rows):
        return federation.change(Ascent(MODEL, x[rows], y[rows], 0.01)(before), before)

    together, alone = step(slice(None)), [step([k]) for k in range(len(x))]
    for name, moved in together.items():
        assert moved.numpy() == pytest.approx(torch.stack([one[name] for one in alone]).sum(0).numpy(), abs=1e-5)


@pytest.mark.parametrize("attack", ["active", "active_server", "isolating_ascent"])
def test_the_order_of_the_candidates_changes_nothing_that_is_climbed(attack):
    """Through a federation that is really run, to the bit: rounding in another order would be amplified from round to round."""
    world, place = World(3), 0 if attack == "active" else None
    order = torch.randperm(30, generator=torch.Generator().manual_seed(2))
    held = world.records
    turned = Records(held.x[order], held.label[order], held.ids[order.numpy()], Ledger())
    run = getattr(federated_white_box, attack)
    first, second = (run(each, world.seat(place), world.trainer, world.known, rate=0.01, **SMALL) for each in (held, turned))
    assert second.score.tolist() == pytest.approx(first.score[order].tolist(), rel=1e-9)


def test_a_climbing_server_changes_what_the_victim_is_sent():
    world = World(3)
    x, y = world.records.x, world.records.label
    history = world.run(CheatingServer(1, isolate=False, ascent=ascent(world)))
    for number in range(RECIPE.rounds):
        sent, average = history.received[number], history.globals[number]
        assert losses(sent[1], x, y).mean() > losses(average, x, y).mean()
        for k in (0, 2):
            assert all(torch.equal(sent[k][name], average[name]) for name in average)
    # The victim's training brings down the loss of its own candidates by more than that of the others.
    fall = losses(history.received[-1][1], x, y) - losses(history.uploads[-1][1], x, y)
    assert fall[:15].mean() > fall[15:].mean() + 0.1


def test_an_isolated_victim_is_sent_nothing_but_its_own_model():
    world = World(3)
    history = world.run(CheatingServer(1, isolate=True, ascent=None))
    for number in range(1, RECIPE.rounds):
        sent, last = history.received[number][1], history.uploads[number - 1][1]
        assert all(torch.equal(sent[name], last[name]) for name in sent)
        assert all(torch.equal(history.received[number][0][name], history.globals[number][name]) for name in sent)
    # Nothing of the others reaches it: with other data elsewhere its uploads stay the same, to the bit.
    changed = World(3)
    changed.parts[0] = TrainingSet(*drawn(30, 55), 0)
    again = changed.run(CheatingServer(1, isolate=True, ascent=None))
    assert all(torch.equal(again.uploads[-1][1][name], value) for name, value in history.uploads[-1][1].items())
    assert not torch.equal(again.uploads[-1][2]["1.weight"], history.uploads[-1][2]["1.weight"])


def test_snapshots_are_those_of_the_papers_best_choice():
    assert Look().rounds(300) == (100, 150, 200, 250, 300), "Table XII"
    assert Look(begin=0.333).rounds(300) == (100, 150, 200, 250, 300), "what the entries say"
    assert Look(5, 10 / 300, 50 / 300).rounds(300) == (10, 20, 30, 40, 50), "another row of Table XII"
    assert Look(1).rounds(30) == (30,) and Look(4).rounds(3) == (0, 1, 2, 3) and Look(1, 0, 0.5).rounds(30) == (15,)
    for last in range(1, 40):
        for count in range(1, last + 2):
            numbers = Look(count).rounds(last)
            assert len(set(numbers)) == count and numbers[-1] == last and sorted(numbers) == list(numbers) and numbers[0] >= 0
    for bad in (0, 8):
        with pytest.raises(AttackError, match="snapshots is a number from 1 to 7"):
            Look(bad).rounds(6)
    for begin, end in ((0.5, 0.4), (-0.1, 1.0), (0.5, 1.1)):
        with pytest.raises(AttackError, match="begin and end are shares"):
            Look(1, begin, end).rounds(6)


def test_components_of_several_snapshots_stand_side_by_side():
    world = World(2)
    rounds = world.seen().rounds
    networks = [internals.network(MODEL, rounds.weights(number)) for number in (3, 6)]
    x, y = world.records.x, world.records.label
    both = attack_network.components(networks, x, y, layers=2)
    first, second = (attack_network.components([network], x, y, layers=2) for network in networks)
    assert [tuple(part.shape[1:]) for part in first] == [(3,), (1,), (3,), (8,), (8, 3), (6, 8)]
    expected = [*first, *second[:2], *second[3:]]
    assert len(both) == len(expected) and all(torch.equal(a, b) for a, b in zip(both, expected, strict=True))
    with pytest.raises(AttackError, match="from 1 to 2"):
        attack_network.components(networks, x, y, layers=3)


def test_the_network_learns_from_as_many_members_as_others():
    given = fixture.handles(["known_round_features"])["known_round_features"]
    kept = artifacts.unpack(*artifacts.pack(given), workshop=None)
    assert all(torch.equal(a, b) for a, b in zip(kept.components, given.components, strict=True))
    assert (kept.rounds, kept.features, kept.layers) == (given.rounds, given.features, given.layers)
    assert torch.equal(kept.member, given.member) and int(kept.member.sum()) == 12
    world = World(2)
    empty = KnownMembers("known_members", *drawn(0, 0), np.zeros(0, np.uint64), Ledger(), world.non_members)
    nobody = known_features.from_rounds(world.records, world.seen().rounds, world.trainer, empty)
    with pytest.raises(AttackError, match="one kind is missing"):
        federated_white_box.passive(world.records, world.seen().rounds, world.trainer, nobody)
