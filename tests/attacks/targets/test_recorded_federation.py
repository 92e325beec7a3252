"""A recorded federation as a target: it shows what the federation itself shows, and `mia run` attacks it."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

from attacks.engine import plan as plans
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import AttackError, Ledger
from attacks.models.federation import Federation
from attacks.models.training import Recipe
from attacks.targets import data as datasets
from attacks.targets import federated, recorded_federation
from attacks.targets.recordings import Recorder, Upload, load
from taxonomy.findings import InputError
from taxonomy.loading import load as load_catalog

SIZES = {"participants": 3, "records": 60, "non_members": 50, "known_members": 10}
TRAINING = {"batch": 16, "learning_rate": 0.1, "local_epochs": 5}
ENTRY = """\
schema: 1
id: ours
title: Our federation
summary: What we recorded.
model: discriminative
frame: federated
data: Digits.
offers: [server, M1.rounds, M1.updates, M2, D1.samples, D2.members, Q.scores, record.label]
run: attacks.targets.recorded_federation:build
params: {params}
"""


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """A federation of three, recorded by its server and by participant 0, and the targets that it is without a recording."""
    folder = tmp_path_factory.mktemp("ours")
    held = datasets.load("digits")
    rows = federated.dealt(len(held.x), "digits", **SIZES)
    recipe = Federation("fedavg", Recipe("mlp", (64,), 10, (16,), 60, 64, 0.001), rounds=3, **TRAINING)
    targets = {seat: federated.trained("digits", held, rows, recipe, seat=seat) for seat in ("server", "participant")}
    history = targets["server"][1]
    server, own = Recorder(folder / "server"), Recorder(folder / "participant")
    for number, weights in enumerate(history.globals, 1):
        # Flower's names are other ones.
        for recorder in (server, own):
            recorder.model(number, {f"net.{name}": value for name, value in weights.items()})
    for number, uploads in enumerate(history.uploads, 1):
        named = {f"node-{k}": Upload(weights, 60) for k, weights in enumerate(uploads)}
        server.uploads(number, named)
        own.uploads(number, {"node-0": named["node-0"]})
    pool = rows.pool[:100]
    np.savez(
        folder / "records.npz",
        x=held.x[rows.candidates],
        y=held.y[rows.candidates],
        member=rows.is_member,
        known_x=held.x[rows.known],
        known_y=held.y[rows.known],
        pool_x=held.x[pool],
        pool_y=held.y[pool],
    )
    return folder, {seat: target for seat, (target, _) in targets.items()}


def params(folder, seat):
    node = f"node-{federated.VICTIM if seat == 'server' else federated.ADVERSARY}"
    files = {"recording": str(folder / seat), "records": str(folder / "records.npz")}
    return {**files, "seat": seat, "node": node, "classes": 10, "hidden": [16], "training_size": 180, **TRAINING}


@pytest.mark.parametrize("seat", ["server", "participant"])
def test_it_shows_what_the_federation_shows(ours, seat):
    folder, targets = ours
    recorded, live = recorded_federation.build(**params(folder, seat)), targets[seat]
    assert torch.equal(recorded.x, live.x) and torch.equal(recorded.member, live.member)
    assert set(recorded.makers) <= set(live.makers)
    assert {"M1.rounds", "M2", "Q.scores", "D1.samples", "D2.members"} <= set(recorded.makers)
    assert not {"active", "D1.mean-loss", "D2.superset"} & set(recorded.makers), "what no recording can know"
    one, other = ({name: t.makers[name](Ledger()) for name in recorded.makers} for t in (recorded, live))
    assert torch.equal(one["Q.scores"](recorded.x), other["Q.scores"](live.x))
    assert one["M2"].federation == other["M2"].federation and one["M2"].recipe == other["M2"].recipe
    for number in range(4):
        for name, value in other["M1.rounds"].weights(number).items():
            assert torch.equal(one["M1.rounds"].weights(number)[name], value)
    kind = "M1.updates" if seat == "server" else "M1.own-updates"
    place = (1, federated.VICTIM) if seat == "server" else (1,)
    assert one[kind].upload(*place).keys() == other[kind].upload(*place).keys()
    assert all(torch.equal(one[kind].upload(*place)[name], value) for name, value in other[kind].upload(*place).items())
    if seat == "server":
        assert one[kind].victim == other[kind].victim and torch.equal(one[kind].shares, other[kind].shares)
    else:
        assert one[kind].share == pytest.approx(other[kind].share)


def test_what_does_not_fit_is_refused(ours, tmp_path):
    folder, _ = ours
    good = params(folder, "server")
    for wrong, message in [
        ({"seat": "client"}, "the seat is"),
        ({"node": "node-9"}, "no node"),
        ({"hidden": [8]}, "not those of mlp"),
        ({"hidden": [16, 16]}, "6 names"),
        ({"records": str(tmp_path / "none.npz")}, "cannot be read"),
        ({"recording": str(tmp_path)}, "no recording"),
    ]:
        with pytest.raises(InputError, match=message):
            recorded_federation.build(**{**good, **wrong})
    with pytest.raises(InputError, match="number of all participants' records"):
        recorded_federation.build(**{**params(folder, "participant"), "training_size": 60})
    with np.load(folder / "records.npz") as file:
        held = dict(file)
    np.savez(tmp_path / "short.npz", **{**held, "y": held["y"][:-1]})
    np.savez(tmp_path / "blind.npz", x=held["x"], y=held["y"])
    np.savez(tmp_path / "words.npz", **{**held, "y": held["y"].astype(str) + "th"})
    np.savez(tmp_path / "eleven.npz", **{**held, "y": held["y"] + 1})
    np.savez(tmp_path / "unknown.npz", **{**held, "x": held["x"] * np.nan})
    np.savez(tmp_path / "members.npz", **{**held, "member": np.ones_like(held["member"])})
    np.savez(tmp_path / "point.npz", **{**held, "x": np.float32(1)})
    np.save(tmp_path / "alone.npy", held["x"])
    (tmp_path / "alone.npy").rename(tmp_path / "alone.npz")
    (tmp_path / "half.npz").write_bytes((folder / "records.npz").read_bytes()[:5000])
    for name, message in [
        ("short", "do not fit together"),
        ("blind", "lacks member"),
        ("words", "no number"),
        ("eleven", "labels are from 0 to 9"),
        ("unknown", "finite"),
        ("members", "others that are none"),
        ("point", "no array of records"),
        ("alone", "cannot be read"),
        ("half", "cannot be read"),
    ]:
        with pytest.raises(InputError, match=message):
            recorded_federation.build(**{**good, "records": str(tmp_path / f"{name}.npz")})


def test_other_files_are_another_target(ours, tmp_path, monkeypatch):
    folder, _ = ours
    good = params(folder, "server")
    with np.load(folder / "records.npz") as file:
        held = dict(file)
    np.savez(tmp_path / "bare.npz", x=held["x"], y=held["y"], member=held["member"])
    one, bare = recorded_federation.build(**good), recorded_federation.build(**{**good, "records": str(tmp_path / "bare.npz")})
    assert one.fingerprint == recorded_federation.build(**good).fingerprint != bare.fingerprint
    # What participants were sent, and how many records they have, is shown by handles as well.
    as_it_was = load(folder / "server", ["1.weight", "1.bias", "3.weight", "3.bias"])
    sent = {"received": [[{name: value + 1 for name, value in w.items()} for w in row] for row in as_it_was.received]}
    monkeypatch.setattr(recorded_federation, "load", lambda *_: as_it_was)
    prints = {recorded_federation.build(**good).fingerprint}
    for changed in (sent, {"records": as_it_was.records * 2}):
        monkeypatch.setattr(recorded_federation, "load", lambda *_, changed=changed: dataclasses.replace(as_it_was, **changed))
        prints.add(recorded_federation.build(**good).fingerprint)
    assert len(prints) == 3
    assert not {"D1.samples", "D1.marginals", "D2.members"} & set(bare.makers)


def attacked(folder, place, attack, **changed):
    """What one attack finds on the recording of this folder, by the way of `mia run`: an entry, a plan, the engine."""
    entry = place / "catalog" / "targets" / "ours.yaml"
    entry.parent.mkdir(parents=True)
    entry.write_text(ENTRY.replace("{params}", json.dumps({**params(folder, "server"), **changed})))
    catalog = load_catalog([place / "catalog"])
    plan = plans.make(catalog, catalog.target("ours"), None, [attack])
    outcome = Engine(catalog, Store(place / "store")).run(plan, 0)
    assert not outcome.failures, outcome.failures
    return outcome


def test_the_engine_attacks_it(ours, tmp_path):
    """The command itself is run by test_flower.py."""
    folder, _ = ours
    (result,) = attacked(folder, tmp_path, "yeom-2018-bounded-loss").results
    assert result["attack"] == "yeom-2018-bounded-loss" and result["auc"] > 0.5


def another(folder, place, of=lambda value: value, without=()):
    """A copy of the server's recording in which what is uploaded and sent is changed, and some nodes fail in some rounds."""
    held, recorder = load(folder / "server"), Recorder(place)
    for number, weights in enumerate(held.models, 1):
        recorder.model(number, {name: of(value) for name, value in weights.items()})
    for number, row in enumerate(held.uploads, 1):
        named = {f"node-{k}": Upload({name: of(value) for name, value in each.items()}, 60) for k, each in enumerate(row)}
        recorder.uploads(number, {node: upload for node, upload in named.items() if (node, number) not in without})
    return str(place)


@pytest.mark.slow
def test_half_precision_can_be_attacked(ours, tmp_path):
    """Weights of bfloat16, from uploads to scores."""
    folder, _ = ours
    half = another(folder, tmp_path / "half", lambda value: value.bfloat16())
    (result,) = attacked(folder, tmp_path, "yeom-2018-bounded-loss", recording=half).results
    assert result["auc"] > 0.5


def test_the_rounds_before_a_failure_are_attacked(ours, tmp_path):
    folder, _ = ours
    failed = another(folder, tmp_path / "failed", without={("node-2", 3)})
    found = recorded_federation.build(**{**params(folder, "server"), "recording": failed})
    assert found.facts["rounds"] == 2
    assert found.facts["left_out"] == "of the recorded rounds 1 to 3 only 1 to 2 are used: in round 3 node-0, node-1 uploaded"


def test_a_participant_of_a_server_that_does_not_average_has_no_share(ours, tmp_path):
    folder, _ = ours
    good = params(folder, "participant")
    assert recorded_federation.build(**good).makers["M1.own-updates"](Ledger()).share == pytest.approx(1 / 3)
    other = recorded_federation.build(**good, averaged=False)
    with pytest.raises(AttackError, match="not known to average"):
        _ = other.makers["M1.own-updates"](Ledger()).share
    assert other.fingerprint != recorded_federation.build(**good).fingerprint
    # In the recording of a server the statement can be checked, whoever's seat is taken.
    moved = another(folder, tmp_path / "moved")
    Recorder(tmp_path / "moved").model(3, {name: value + 1 for name, value in load(moved).models[2].items()})
    with pytest.raises(InputError, match="after round 2 of the recording"):
        recorded_federation.build(**{**good, "recording": moved})
    assert recorded_federation.build(**{**good, "recording": moved, "averaged": False}).facts["rounds"] == 3
