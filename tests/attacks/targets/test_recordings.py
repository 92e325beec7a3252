"""Recordings as files: what was written comes back, in order; what is not whole is refused."""

from __future__ import annotations

import pytest
import torch

from attacks.handles import AttackError
from attacks.targets.recordings import Recorder, Upload, load
from taxonomy.findings import InputError


def weights(value: float) -> dict[str, torch.Tensor]:
    """Weights whose order is not that of the alphabet, as the order of a state_dict seldom is."""
    value = float(value)
    return {"b.weight": torch.full((2, 3), value), "a.bias": torch.full((2,), -value), "b.count": torch.tensor(int(value))}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return list(one) == list(other) and all(one[n].dtype == other[n].dtype and torch.equal(one[n], other[n]) for n in one)


def model(number: int) -> dict[str, torch.Tensor]:
    """The model at the start of a round, from 1: after the first, the mean of the uploads before it, by records."""
    return weights(1 if number == 1 else (30 * (9 + number) + 10 * (19 + number)) / 40)


def record(folder, rounds=2, final=True):
    recorder = Recorder(folder)
    for number in range(1, rounds + 1):
        recorder.model(number, model(number))
        cheated = weights(90 + number)
        recorder.uploads(number, {"7": Upload(weights(10 + number), 30), "3": Upload(weights(20 + number), 10, received=cheated)})
    if final:
        recorder.model(rounds + 1, model(rounds + 1))
    return folder


def test_what_was_written_comes_back(tmp_path):
    found = load(record(tmp_path))
    assert found.nodes == ["3", "7"]
    assert [same(found.models[i], model(i + 1)) for i in range(3)] == [True] * 3
    assert same(found.uploads[1][0], weights(22)) and same(found.uploads[1][1], weights(12))
    assert same(found.received[1][0], weights(92)) and same(found.received[1][1], model(2))
    assert found.shares.tolist() == [0.25, 0.75]
    assert {path.suffix for path in tmp_path.iterdir()} == {".safetensors"}, "no draft is left behind"


def test_a_server_sees_all_and_a_participant_only_itself(tmp_path):
    recording = load(record(tmp_path))
    server = recording.as_server("7")
    assert len(server.rounds) == 2 and server.own_updates is None
    assert server.updates.victim == 1 and server.updates.shares.tolist() == [0.25, 0.75]
    assert same(server.rounds.last, model(3))
    assert torch.equal(server.updates.change(0, 0)["a.bias"], torch.full((2,), 70.0)), (
        "from what was sent, not from the global model"
    )
    one = recording.as_participant(0.25, "3")
    assert one.updates is None and len(one.own_updates) == 2 and one.own_updates.share == 0.25
    assert same(one.own_updates.upload(1), weights(22)) and same(one.own_updates.received(1), weights(92))
    assert same(one.rounds.weights(1), weights(92)) and same(one.rounds.last, model(3))


def test_what_came_of_the_last_round_may_be_unknown(tmp_path):
    seen = load(record(tmp_path, final=False)).as_server("7")
    assert len(seen.rounds) == len(seen.updates) == 1
    assert same(seen.rounds.last, model(2))
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
    for path in tmp_path.glob("model-*"):
        path.unlink()
    broken.write_bytes(content)
    with pytest.raises(InputError, match="no whole round"):
        load(tmp_path)


def test_rounds_that_are_not_whole_are_left_out_and_said(tmp_path):
    """The longest run of rounds in which the same nodes uploaded; of two as long the first. What was left out is told."""
    assert load(record(tmp_path, rounds=5)).left_out == ""
    recorder, rounds = Recorder(tmp_path), "of the recorded rounds 1 to 5 only"
    recorder.uploads(5, {"7": Upload(weights(1), 30)})
    found = load(tmp_path)
    assert len(found.uploads) == 4 and same(found.models[-1], model(5))
    assert found.left_out == f"{rounds} 1 to 4 are used: in round 5 7 uploaded"
    (tmp_path / "uploads-0003.safetensors").unlink()
    found = load(tmp_path)
    assert len(found.uploads) == 2 and same(found.models[0], model(1))
    assert found.left_out == f"{rounds} 1 to 2 are used: round 3 is not whole"
    recorder.uploads(1, {})
    (tmp_path / "model-0002.safetensors").unlink()
    found = load(tmp_path)
    assert same(found.models[0], model(4)) and found.left_out == f"{rounds} 4 to 4 are used: in round 5 7 uploaded"


def test_a_server_that_does_not_average_is_found_out(tmp_path):
    recording = load(record(tmp_path))
    assert recording.averaging_errors() == pytest.approx([0, 0], abs=1e-6)
    # Half of the way from where the round started to the mean, as with a learning rate of the server.
    Recorder(tmp_path).model(3, weights((13.5 + 14.5) / 2))
    recording = load(tmp_path)
    assert recording.averaging_errors() == pytest.approx([0, 0.5], abs=1e-6)
    with pytest.raises(InputError, match=r"after round 2 of the recording its model is off .* by 0.5 of the step"):
        recording.as_participant(0.25, "3")
    assert len(recording.as_participant(None, "3").own_updates) == len(recording.as_server("3").updates) == 2
    with pytest.raises(AttackError, match="not known to average"):
        _ = recording.as_participant(None, "3").own_updates.share


def test_a_model_that_stands_still_is_its_own_mean(tmp_path):
    recorder = Recorder(tmp_path)
    for number in (1, 2, 3):
        recorder.model(number, weights(3 if number < 3 else 4))
        recorder.uploads(number, {"3": Upload(weights(3), 10), "7": Upload(weights(3), 30)})
    assert load(tmp_path).averaging_errors() == [0, float("inf")]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_comes_back_as_float32(tmp_path, dtype):
    held = {"w": torch.randn(3, 2, generator=torch.Generator().manual_seed(0)).to(dtype)}
    recorder = Recorder(tmp_path)
    for number in (1, 2):
        recorder.model(number, held)
    recorder.uploads(1, {"7": Upload(held, 30), "3": Upload(held, 10)})
    found = load(tmp_path)
    for each in (*found.models, *found.uploads[0]):
        assert each["w"].dtype == torch.float32 and torch.equal(each["w"].to(dtype), held["w"])
    assert found.averaging_errors() == [0]


def test_tied_weights_are_recorded_under_each_of_their_names(tmp_path):
    shared = torch.randn(3, 3, generator=torch.Generator().manual_seed(0))
    tied = {"embedding.weight": shared, "output.weight": shared, "transposed": shared.T}
    recorder = Recorder(tmp_path)
    recorder.model(1, tied)
    recorder.uploads(1, {"7": Upload(tied, 30, received=tied)})
    found = load(tmp_path)
    assert same(found.models[0], tied) and same(found.uploads[0][0], tied) and same(found.received[0][0], tied)


def test_shares_that_change_are_no_shares(tmp_path):
    record(tmp_path)
    Recorder(tmp_path).uploads(2, {"7": Upload(model(3), 31), "3": Upload(model(3), 10)})
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
