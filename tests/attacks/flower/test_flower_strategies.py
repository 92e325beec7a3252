"""Recordings of strategies that do not average, and of clients that fail: what can be used of them, and what is refused."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("flwr")
from flower_fixture import OneProcess
from flwr.app import ArrayRecord, Error, Message, MetricRecord, RecordDict
from flwr.serverapp import strategy as strategies

from attacks.flower import RecordingStrategy
from attacks.handles import AttackError
from attacks.handles.views.federation import others_from_rounds, others_from_uploads
from attacks.targets.recordings import AVERAGED, load
from taxonomy.findings import InputError

RECORDS = {100: 30, 101: 10, 102: 60}
ROUNDS = 4
OPTIONS = {"fraction_evaluate": 0.0, "min_train_nodes": 3, "min_available_nodes": 3}


def weights(seed):
    generator = torch.Generator().manual_seed(seed)
    return {"layer.weight": torch.randn(4, 3, generator=generator), "layer.bias": torch.randn(4, generator=generator)}


def recorded(folder, strategy, fails=lambda node, number: False):
    """Let three nodes take steps of their own under a strategy; return what its server recorded."""

    def reply(received, context):
        node, number = received.metadata.dst_node_id, received.content["config"]["server-round"]
        if fails(node, number):
            return Message(Error(code=0, reason="out of memory"), reply_to=received)
        sent = received.content["arrays"].to_torch_state_dict()
        moved = weights(1000 * number + node)
        upload = {name: value + 0.1 * moved[name] for name, value in sent.items()}
        content = {"arrays": ArrayRecord(upload), "metrics": MetricRecord({"num-examples": RECORDS[node]})}
        return Message(RecordDict(content), reply_to=received)

    server = RecordingStrategy(strategy, folder)
    server.start(OneProcess(reply, enumerate([{}, {}, {}])), ArrayRecord(weights(0)), num_rounds=ROUNDS)
    return load(folder)


@pytest.mark.parametrize("name", ["FedAvg", "FedProx"])
def test_a_server_that_averages_is_taken_at_its_word(name, tmp_path):
    more = {"proximal_mu": 0.1} if name == "FedProx" else {}
    recording = recorded(tmp_path, getattr(strategies, name)(**OPTIONS, **more))
    assert len(recording.models) == ROUNDS + 1 and not recording.left_out
    # Flower multiplies and adds in float32: some units in the last place of the weights, against steps of about 0.1.
    assert max(recording.averaging_errors()) < 1e-4
    seen = recording.as_participant(0.3, "100")
    others, server = others_from_rounds(seen.rounds, seen.own_updates), recording.as_server("101")
    together = others_from_uploads(server.rounds, server.updates)
    for number in range(ROUNDS):
        own = seen.own_updates.change(number)
        for name, value in others.sum(number).items():
            assert (value + 0.3 * own[name]).numpy() == pytest.approx(together.sum(number)[name].numpy(), abs=1e-5)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("FedAdam", {}),
        ("FedAvgM", {"server_momentum": 0.9}),
        ("FedMedian", {}),
        ("FedYogi", {}),
        ("FedTrimmedAvg", {"beta": 0.34}),
    ],
)
def test_a_server_that_does_not_average_is_found_out(name, more, tmp_path):
    """What the others did is not asked of its global models; what each uploaded, and what it was sent, is as right as ever."""
    recording = recorded(tmp_path, getattr(strategies, name)(**OPTIONS, **more))
    assert max(recording.averaging_errors()) > 10 * AVERAGED
    with pytest.raises(InputError, match=r"the server does not average: after round . of the recording"):
        recording.as_participant(0.3, "100")
    seen = recording.as_participant(None, "100")
    with pytest.raises(AttackError, match="not known to average"):
        others_from_rounds(seen.rounds, seen.own_updates)
    server = recording.as_server("100").updates
    for number in range(ROUNDS):
        for each in (seen.own_updates.change(number), server.change(number, 0)):
            moved = weights(1000 * (number + 1) + 100)
            assert all(each[key].numpy() == pytest.approx(0.1 * value.numpy(), abs=1e-6) for key, value in moved.items())


@pytest.mark.parametrize(("failing", "used"), [(4, range(3)), (2, range(2, 4))])
def test_a_client_that_fails_costs_a_round_and_not_the_recording(failing, used, tmp_path):
    recording = recorded(tmp_path, strategies.FedAvg(**OPTIONS), lambda node, number: (node, number) == (102, failing))
    assert recording.nodes == ["100", "101", "102"] and len(recording.uploads) == len(used)
    first, last = used[0] + 1, used[-1] + 1
    assert recording.left_out == (
        f"of the recorded rounds 1 to 4 only {first} to {last} are used: in round {failing} 100, 101 uploaded"
    )
    assert len(recording.as_server("102").rounds) == len(used) and max(recording.averaging_errors()) < 1e-4
    with pytest.raises(InputError, match=r"no node of this recording; there are 100, 101, 102 .of the recorded rounds"):
        recording.as_server("103")
