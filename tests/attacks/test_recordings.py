"""Recordings as files: what was written comes back, in order; what is not whole is refused."""

from __future__ import annotations

import pytest
import torch

from attacks.recordings import Recorder, Upload, load
from taxonomy.findings import InputError


def weights(value: float) -> dict[str, torch.Tensor]:
    """Weights whose order is not that of the alphabet, as the order of a state_dict seldom is."""
    return {"b.weight": torch.full((2, 3), value), "a.bias": torch.full((2,), -value), "b.count": torch.tensor(int(value))}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return list(one) == list(other) and all(one[n].dtype == other[n].dtype and torch.equal(one[n], other[n]) for n in one)


def record(folder, rounds=2, final=True):
    recorder = Recorder(folder)
    for number in range(1, rounds + 1):
        recorder.model(number, weights(number))
        cheated = weights(90 + number)
        recorder.uploads(number, {"7": Upload(weights(10 + number), 30), "3": Upload(weights(20 + number), 10, received=cheated)})
    if final:
        recorder.model(rounds + 1, weights(rounds + 1))
    return folder


def test_what_was_written_comes_back(tmp_path):
    found = load(record(tmp_path))
    assert found.nodes == ["3", "7"]
    assert [same(found.models[i], weights(i + 1)) for i in range(3)] == [True] * 3
    assert same(found.uploads[1][0], weights(22)) and same(found.uploads[1][1], weights(12))
    assert same(found.received[1][0], weights(92)) and same(found.received[1][1], weights(2))
    assert found.shares.tolist() == [0.25, 0.75]
    assert {path.suffix for path in tmp_path.iterdir()} == {".safetensors"}, "no draft is left behind"


def test_a_server_sees_all_and_a_participant_only_itself(tmp_path):
    recording = load(record(tmp_path))
    server = recording.as_server("7")
    assert len(server.rounds) == 2 and server.own_updates is None
    assert server.updates.victim == 1 and server.updates.shares.tolist() == [0.25, 0.75]
    assert same(server.rounds.last, weights(3))
    assert torch.equal(server.updates.change(0, 0)["a.bias"], torch.full((2,), 70.0)), (
        "from what was sent, not from the global model"
    )
    one = recording.as_participant(0.25, "3")
    assert one.updates is None and len(one.own_updates) == 2 and one.own_updates.share == 0.25
    assert same(one.own_updates.upload(1), weights(22)) and same(one.own_updates.received(1), weights(92))
    assert same(one.rounds.weights(1), weights(92)) and same(one.rounds.last, weights(3))


def test_what_came_of_the_last_round_may_be_unknown(tmp_path):
    seen = load(record(tmp_path, final=False)).as_server("7")
    assert len(seen.rounds) == len(seen.updates) == 1
    assert same(seen.rounds.last, weights(2))
    with pytest.raises(InputError, match="one model"):
        load(record(tmp_path / "short", rounds=1, final=False)).as_server("7")


def test_names_are_those_of_the_users_model(tmp_path):
    found = load(record(tmp_path), names=["one", "two", "three"])
    assert list(found.uploads[0][0]) == ["one", "two", "three"]
    assert torch.equal(found.models[0]["two"], torch.full((2,), -1.0))
    with pytest.raises(InputError, match="holds 3 weights, and 2 names"):
        load(tmp_path, names=["one", "two"])


def test_what_is_not_whole_is_refused(tmp_path):
    with pytest.raises(InputError, match="no recording"):
        load(tmp_path)
    record(tmp_path, rounds=3)
    broken = tmp_path / "uploads-0002.safetensors"
    content = broken.read_bytes()
    broken.write_bytes(content[:-5])
    with pytest.raises(InputError, match="uploads-0002"):
        load(tmp_path)
    broken.unlink()
    with pytest.raises(InputError, match="round 2 is not whole"):
        load(tmp_path)
    Recorder(tmp_path).uploads(2, {"7": Upload(weights(1), 30)})
    with pytest.raises(InputError, match="not the same nodes"):
        load(tmp_path)


def test_shares_that_change_are_no_shares(tmp_path):
    record(tmp_path)
    Recorder(tmp_path).uploads(2, {"7": Upload(weights(1), 31), "3": Upload(weights(2), 10)})
    with pytest.raises(InputError, match="change from round to round"):
        load(tmp_path).as_server("7")
    assert len(load(tmp_path).as_participant(0.5, "3").own_updates) == 2, "a participant states its share itself"


def test_who_is_asked_about_must_be_there(tmp_path):
    recording = load(record(tmp_path))
    with pytest.raises(InputError, match="no node"):
        recording.as_server("8")
    with pytest.raises(InputError, match="the node is one of 3, 7"):
        recording.as_participant(0.5)


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    record(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(self, content):
        self.touch()
        raise OSError("no space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        Recorder(tmp_path).model(1, weights(5))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
