"""Recordings of Flower: what was recorded equals what is computed anew, in one process and with real processes on loopback.

The app is the one that the page on Flower shows.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

pytest.importorskip("flwr")
ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "site" / "examples" / "flower"
sys.path.insert(0, str(EXAMPLE))

import audit  # noqa: E402
from digits_federation import client_app, server_app, task  # noqa: E402
from flower_fixture import ADVERSARY, RUN, OneProcess  # noqa: E402
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict  # noqa: E402
from flwr.client import NumPyClient  # noqa: E402
from flwr.clientapp import ClientApp  # noqa: E402
from flwr.common import ndarrays_to_parameters  # noqa: E402
from flwr.server import ServerConfig, SimpleClientManager  # noqa: E402
from flwr.server.compat import start_grid  # noqa: E402
from flwr.server.strategy import FedAvg as LegacyFedAvg  # noqa: E402
from flwr.serverapp.strategy import FedAvg  # noqa: E402

from attacks.flower import ActiveMod, RecordingLegacyStrategy, RecordingMod, RecordingStrategy  # noqa: E402
from attacks.handles.views.federation import others_from_rounds, others_from_uploads  # noqa: E402
from attacks.models.federation import Policy  # noqa: E402
from attacks.targets.recordings import load  # noqa: E402

VICTIM, ROUNDS = 1, 2
SIZES = [60, 80, 100]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "recordings"


def close(one, other):
    assert list(one) == list(other)
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=0, atol=1e-6)


def mean(recording, number):
    """The mean of a round's uploads, weighted by what participants hold, computed without the code under test."""
    return {
        name: sum(
            n * w[name].double() for n, w in zip(recording.records[number].tolist(), recording.uploads[number], strict=True)
        )
        .div(sum(SIZES))
        .float()
        for name in recording.models[0]
    }


def check(place: Path, run: str) -> None:
    """Compare what the server and the participants of the page's app recorded with what training gives once more."""
    recording = load(place / run)
    assert len(recording.models) == ROUNDS + 1 and len(recording.uploads) == ROUNDS
    assert list(recording.models[0]) == list(task.model().state_dict())
    assert sorted(recording.records[0].tolist()) == SIZES
    for number in range(ROUNDS):
        sent = recording.models[number]
        for size, received, upload in zip(
            recording.records[number], recording.received[number], recording.uploads[number], strict=True
        ):
            participant = SIZES.index(int(size))
            close(received, sent)
            honest, _ = task.train(sent, participant)
            close(upload, client_app.Ascent().upload(number, sent, honest) if participant == ADVERSARY else honest)
            if participant == ADVERSARY:
                assert any((upload[name] - honest[name]).abs().max() > 1e-3 for name in upload)
        close(recording.models[number + 1], mean(recording, number))

    for k, node in enumerate(recording.nodes):
        own = load(place / f"{run}-{node}")
        assert own.nodes == [node]
        share = float(recording.shares[k])
        seen, of_server = own.as_participant(share), recording.as_participant(share, node)
        assert len(seen.rounds) == len(of_server.rounds) == ROUNDS
        for number in range(ROUNDS):
            close(seen.own_updates.upload(number), of_server.own_updates.upload(number))
            close(seen.own_updates.received(number), of_server.own_updates.received(number))
            close(seen.rounds.weights(number + 1), of_server.rounds.weights(number + 1))
        # What the others did together follows from a participant's recording alone.
        server = recording.as_server(node)
        whole, others = others_from_uploads(server.rounds, server.updates), others_from_rounds(seen.rounds, seen.own_updates)
        for number in range(ROUNDS):
            own_part = seen.own_updates.change(number)
            close({n: v - share * own_part[n] for n, v in whole.sum(number).items()}, others.sum(number))

    victim = recording.nodes[recording.records[0].tolist().index(SIZES[VICTIM])]
    found = audit.audit(str(place / run), victim)
    assert found["victim's last upload"] > 0.55, found
    assert found["victim's last upload"] > found["final global model"], found


@pytest.mark.slow
def test_what_is_recorded_equals_what_is_computed_anew(place, mia):
    grid = OneProcess(client_app.app, enumerate([{"partition-id": k} for k in range(3)]))
    server_app.app(grid, Context(RUN, 0, {}, RecordDict(), {"num-server-rounds": ROUNDS}))
    check(place, str(RUN))
    with pytest.raises(ValueError, match="holds a recording already"):
        RecordingStrategy(FedAvg(), place / str(RUN))
    attacked_by_command(place.parent, "101", mia)


def attacked_by_command(folder, victim, mia):
    """Follow the page to `mia run`."""
    runpy.run_path(str(EXAMPLE / "candidates.py"), run_name="__main__")
    entry = (EXAMPLE / "catalog" / "targets" / "our-federation.yaml").read_text()
    place = folder / "catalog" / "targets" / "our-federation.yaml"
    place.parent.mkdir(parents=True)
    place.write_text(entry.replace("RUN", str(RUN)).replace("NODE", victim))
    done = mia("run", "yeom-2018-bounded-loss", "--target", "our-federation", "--catalog", "catalog", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    (result,) = json.loads(done.stdout)["results"]
    shown = audit.audit(str(folder / "recordings" / str(RUN)), victim)
    assert result["auc"] == pytest.approx(shown["final global model"]), "the same attack on the same model"


class Client(NumPyClient):
    """A client of the legacy interface: lists of arrays, without names."""

    def __init__(self, participant):
        self.participant = participant

    def fit(self, parameters, config):
        names = list(task.model().state_dict())
        weights = {name: torch.from_numpy(value.copy()) for name, value in zip(names, parameters, strict=True)}
        trained, count = task.train(weights, self.participant, epochs=1)
        return [value.numpy() for value in trained.values()], count, {}

    def evaluate(self, parameters, config):
        return 0.0, 1, {}


class Turned(Policy):
    """Uploads the opposite of what was learned."""

    def upload(self, round, received, honest):
        return {name: 2 * received[name] - honest[name] for name in honest}


def test_clients_and_strategies_of_the_legacy_interface(place):
    names = list(task.model().state_dict())
    mods = [RecordingMod(place), ActiveMod(Turned(), names)]
    app = ClientApp(lambda context: Client(int(context.node_config["partition-id"])).to_client(), mods=mods)
    torch.manual_seed(0)
    start = [value.numpy() for value in task.model().state_dict().values()]
    strategy = LegacyFedAvg(min_available_clients=2, initial_parameters=ndarrays_to_parameters(start))
    start_grid(
        grid=OneProcess(app, enumerate([{"partition-id": k} for k in range(2)])),
        config=ServerConfig(num_rounds=2),
        strategy=RecordingLegacyStrategy(strategy, place / "server"),
        client_manager=SimpleClientManager(),
    )
    recording = load(place / "server", names)
    assert recording.nodes == ["100", "101"] and recording.records.tolist() == [SIZES[:2]] * 2
    assert len(recording.models) == 3
    for number in range(2):
        sent = recording.models[number]
        for k, upload in enumerate(recording.uploads[number]):
            close(upload, Turned().upload(number, sent, task.train(sent, k, epochs=1)[0]))
            own = load(place / f"{RUN}-10{k}", names)
            close(own.uploads[number][0], upload)
            close(own.models[number + 1], recording.models[number + 1])
        shares = recording.shares.tolist()
        averaged = {n: sum(s * w[n] for s, w in zip(shares, recording.uploads[number], strict=True)) for n in sent}
        close(recording.models[number + 1], averaged)


def message(config, weights=None, kind="train"):
    content = RecordDict({"arrays": ArrayRecord(weights or task.model().state_dict()), "config": ConfigRecord(config)})
    return Message(content, dst_node_id=1, message_type=kind)


def test_what_a_mod_does_not_understand_it_says(place):
    context = Context(RUN, 1, {}, RecordDict(), {})

    def reply(received, context):
        return Message(RecordDict({"arrays": received.content["arrays"]}), reply_to=received)

    with pytest.raises(ValueError, match="which round"):
        RecordingMod(place)(message({}), context, reply)
    several = message({"server-round": 1})
    several.content["more"] = several.content["arrays"]
    with pytest.raises(ValueError, match="holds 2"):
        RecordingMod(place)(several, context, reply)

    class Odd(Policy):
        def upload(self, round, received, honest):
            return {"odd": torch.zeros(1)}

    with pytest.raises(ValueError, match="uploads odd"):
        ActiveMod(Odd())(message({"server-round": 1}), context, reply)
    assert not place.exists(), "nothing was recorded"

    question = message({}, kind="query")
    assert RecordingMod(place)(question, context, reply).has_content(), "other messages pass"
    RecordingMod(place)(message({"server-round": 1}), context, reply)
    assert load(place / f"{RUN}-1").records.tolist() == [[0]], "nobody said how many records there are"


def test_a_strategy_that_sends_participants_different_models(place):
    """The models that were sent are recorded, and not only the global one."""

    class Cheat(FedAvg):
        def configure_train(self, server_round, arrays, config, grid):
            messages = list(super().configure_train(server_round, arrays, config, grid))
            zeros = {name: torch.zeros_like(value) for name, value in arrays.to_torch_state_dict().items()}
            for one in messages:
                if one.metadata.dst_node_id == 100:
                    one.content = RecordDict({**one.content, "arrays": ArrayRecord(zeros)})
            return messages

    def reply(received, context):
        content = {"arrays": received.content["arrays"], "metrics": MetricRecord({"num-examples": 5})}
        return Message(RecordDict(content), reply_to=received)

    start = ArrayRecord(task.model().state_dict())
    strategy = RecordingStrategy(Cheat(fraction_evaluate=0.0), place)
    strategy.start(OneProcess(reply, enumerate([{}, {}])), start, num_rounds=1)
    recording = load(place)
    assert all(not value.any() for value in recording.received[0][0].values())
    close(recording.received[0][1], recording.models[0])
    close(recording.models[0], start.to_torch_state_dict())


@contextlib.contextmanager
def programs(folder):
    """Start programs of Flower, and end them with everything that they started."""
    settings = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "FLWR_HOME": str(folder / "home"),
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "OMP_NUM_THREADS": "1",
    }
    running = []

    def start(name, *arguments):
        log = (folder / f"{len(running)}-{name}.log").open("w")
        command = [str(Path(sys.executable).parent / name), *arguments]
        running.append(
            subprocess.Popen(command, cwd=folder, env=settings, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        )
        log.close()
        return running[-1]

    try:
        yield start
    finally:
        for sent in (signal.SIGINT, signal.SIGKILL):
            for one in running:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(one.pid, sent)
            for one in running:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    one.wait(5)


def free_ports(count):
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{one.getsockname()[1]}" for one in held]


@pytest.mark.slow
def test_a_real_federation_on_loopback(place):
    """A SuperLink, three SuperNodes and `flwr run`, all processes of their own that talk gRPC."""
    folder = place.parent
    serverapp, fleet, control, *nodes = free_ports(6)
    (folder / "home").mkdir()
    connection = f'[superlink]\ndefault = "here"\n[superlink.here]\naddress = "{control}"\ninsecure = true\n'
    (folder / "home" / "config.toml").write_text(connection)
    with programs(folder) as start:
        start(
            "flower-superlink",
            *("--insecure", "--disable-runtime-dependency-installation", "--serverappio-api-address", serverapp),
            *("--fleet-api-address", fleet, "--control-api-address", control),
        )
        for k, address in enumerate(nodes):
            own = ("--clientappio-api-address", address, "--node-config", f"partition-id={k}")
            start("flower-supernode", "--insecure", "--superlink", fleet, *own)
        for _ in range(60):
            with contextlib.suppress(OSError), socket.create_connection(control.split(":"), timeout=1):
                break
            time.sleep(0.5)
        run = start("flwr", "run", str(EXAMPLE), "here", "--stream", "--run-config", f"adversary={ADVERSARY}")
        try:
            run.wait(420)
        except subprocess.TimeoutExpired:
            logs = "\n".join(f"== {path.name}\n{path.read_text()[-3000:]}" for path in sorted(folder.glob("*.log")))
            pytest.fail(f"the run did not end\n{logs}")
        (server,) = [path for path in place.glob("*") if "-" not in path.name]
        check(place, server.name)
