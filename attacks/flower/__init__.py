"""Records federations of Flower (`flwr`): strategies for the server, and mods for its participants. Needs the extra `flower`.

Flower's messages hold named arrays. Its legacy interface has clients that exchange lists of arrays, and strategies of its own;
mods work with both. Nothing else imports this module, so that everything else runs without Flower.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp.typing import ClientAppCallable
from flwr.common import EvaluateIns, EvaluateRes, FitIns, FitRes, Parameters, Scalar, parameters_to_ndarrays
from flwr.server.client_manager import ClientManager
from flwr.server.client_proxy import ClientProxy
from flwr.server.strategy import Strategy as LegacyStrategy
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Strategy

from attacks.models.federation import Policy, Weights
from attacks.targets.recordings import Recorder, Upload

TRAIN, EVALUATE = "train", "evaluate"
# The metric by which a participant says how many records it has; legacy clients write it with an underscore.
EXAMPLES, LEGACY_EXAMPLES = "num-examples", "num_examples"


class RecordingStrategy(Strategy):
    """Does what another strategy does, and records every round: what was sent, what each node uploaded, what came of it.

    The folder is one that holds no recording yet: `recordings/{context.run_id}` is never taken.
    """

    def __init__(self, strategy: Strategy, folder: Path | str):
        self._strategy, self._recorder = strategy, _fresh(folder)
        self._weight = str(getattr(strategy, "weighted_by_key", EXAMPLES))
        self._received: dict[str, Weights] = {}

    def configure_train(self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid) -> Iterable[Message]:
        """Record the global model, and what the strategy sends to whom."""
        self._recorder.model(server_round, _weights(arrays))
        messages = list(self._strategy.configure_train(server_round, arrays, config, grid))
        sent = {str(message.metadata.dst_node_id): _arrays(message.content)[1] for message in messages}
        self._received = {node: _weights(record) for node, record in sent.items() if record is not arrays}
        return messages

    def aggregate_train(self, server_round: int, replies: Iterable[Message]) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Record the uploads, and the model that the strategy makes of them."""
        replies = list(replies)
        uploads = {}
        for reply in replies:
            if reply.has_content():
                node, upload = str(reply.metadata.src_node_id), _weights(_arrays(reply.content)[1])
                uploads[node] = Upload(upload, _records(reply.content, self._weight), self._received.get(node))
        self._recorder.uploads(server_round, uploads)
        arrays, metrics = self._strategy.aggregate_train(server_round, replies)
        if arrays is not None:
            self._recorder.model(server_round + 1, _weights(arrays))
        return arrays, metrics

    def configure_evaluate(self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid) -> Iterable[Message]:
        """Do what the strategy does."""
        return self._strategy.configure_evaluate(server_round, arrays, config, grid)

    def aggregate_evaluate(self, server_round: int, replies: Iterable[Message]) -> MetricRecord | None:
        """Do what the strategy does."""
        return self._strategy.aggregate_evaluate(server_round, replies)

    def summary(self) -> None:
        """Do what the strategy does."""
        self._strategy.summary()


class RecordingLegacyStrategy(LegacyStrategy):
    """The same for strategies of `flwr.server.strategy`, whose clients upload lists of arrays."""

    def __init__(self, strategy: LegacyStrategy, folder: Path | str):
        self._strategy, self._recorder = strategy, _fresh(folder)
        self._received: dict[str, Weights] = {}

    def initialize_parameters(self, client_manager: ClientManager) -> Parameters | None:
        """Do what the strategy does."""
        return self._strategy.initialize_parameters(client_manager)

    def configure_fit(
        self, server_round: int, parameters: Parameters, client_manager: ClientManager
    ) -> list[tuple[ClientProxy, FitIns]]:
        """Record the global model, and what the strategy sends to whom."""
        self._recorder.model(server_round, _numbered(parameters))
        sent = self._strategy.configure_fit(server_round, parameters, client_manager)
        self._received = {client.cid: _numbered(fit.parameters) for client, fit in sent if fit.parameters is not parameters}
        return sent

    def aggregate_fit(
        self,
        server_round: int,
        results: list[tuple[ClientProxy, FitRes]],
        failures: list[tuple[ClientProxy, FitRes] | BaseException],
    ) -> tuple[Parameters | None, dict[str, Scalar]]:
        """Record the uploads, and the model that the strategy makes of them."""
        uploads = {
            client.cid: Upload(_numbered(fit.parameters), fit.num_examples, self._received.get(client.cid))
            for client, fit in results
        }
        self._recorder.uploads(server_round, uploads)
        parameters, metrics = self._strategy.aggregate_fit(server_round, results, failures)
        if parameters is not None:
            self._recorder.model(server_round + 1, _numbered(parameters))
        return parameters, metrics

    def configure_evaluate(
        self, server_round: int, parameters: Parameters, client_manager: ClientManager
    ) -> list[tuple[ClientProxy, EvaluateIns]]:
        """Do what the strategy does."""
        return self._strategy.configure_evaluate(server_round, parameters, client_manager)

    def aggregate_evaluate(
        self,
        server_round: int,
        results: list[tuple[ClientProxy, EvaluateRes]],
        failures: list[tuple[ClientProxy, EvaluateRes] | BaseException],
    ) -> tuple[float | None, dict[str, Scalar]]:
        """Do what the strategy does."""
        return self._strategy.aggregate_evaluate(server_round, results, failures)

    def evaluate(self, server_round: int, parameters: Parameters) -> tuple[float, dict[str, Scalar]] | None:
        """Do what the strategy does."""
        return self._strategy.evaluate(server_round, parameters)


class RecordingMod:
    """Records what a participant sees: the models that it is sent, for training and for evaluation, and its own uploads.

    Flower runs every message in a process of its own, so nothing is kept but files. The recording lies in
    `folder/{run_id}-{node_id}`. Of several mods, the first is the one next to the server: put this before what alters the upload.
    """

    def __init__(self, folder: Path | str):
        self.folder = Path(folder)

    def __call__(self, message: Message, context: Context, call_next: ClientAppCallable) -> Message:
        """Record one message and the reply to it."""
        kind = message.metadata.message_type.partition(".")[0]
        if kind not in (TRAIN, EVALUATE):
            return call_next(message, context)
        recorder = Recorder(self.folder / f"{context.run_id}-{context.node_id}")
        number, received = _round(message), _weights(_arrays(message.content)[1])
        # What is evaluated after a round is the model that came of it.
        recorder.model(number if kind == TRAIN else number + 1, received)
        reply = call_next(message, context)
        if kind == TRAIN and reply.has_content():
            upload = Upload(_weights(_arrays(reply.content)[1]), _records(reply.content))
            recorder.uploads(number, {str(context.node_id): upload})
        return reply


class ActiveMod:
    """Makes a participant active: what it uploads after training is what a policy says.

    Flower runs every message in a process of its own: a policy remembers nothing from round to round but what it writes down.
    `names` are those of the weights, where a client uploads a list of arrays.
    """

    def __init__(self, policy: Policy, names: Sequence[str] | None = None):
        self.policy, self.names = policy, names

    def __call__(self, message: Message, context: Context, call_next: ClientAppCallable) -> Message:
        """Train honestly, and replace the upload; raise ValueError if the policy returns other weights than the model has."""
        if message.metadata.message_type.partition(".")[0] != TRAIN:
            return call_next(message, context)
        number, received = _round(message), _weights(_arrays(message.content)[1], self.names)
        reply = call_next(message, context)
        if not reply.has_content():
            return reply
        key, record = _arrays(reply.content)
        honest = _weights(record, self.names)
        upload = self.policy.upload(number - 1, received, honest)
        if upload.keys() != honest.keys():
            raise ValueError(f"the policy uploads {', '.join(upload)}, and the model has {', '.join(honest)}")
        arrays = [Array(upload[name].detach().cpu().numpy()) for name in honest]
        reply.content[key] = ArrayRecord(dict(zip(record, arrays, strict=True)))
        return reply


def _fresh(folder: Path | str) -> Recorder:
    if any(Path(folder).glob("*.safetensors")):
        raise ValueError(f"{folder} holds a recording already")
    return Recorder(folder)


def _arrays(content: RecordDict) -> tuple[str, ArrayRecord]:
    """Return the only arrays of a message, and the name under which they stand."""
    found = list(content.array_records.items())
    if len(found) != 1:
        raise ValueError(f"a message with one model is understood, and this one holds {len(found)}")
    return found[0]


def _weights(record: ArrayRecord, names: Sequence[str] | None = None) -> Weights:
    # Arrays are read from bytes, which nobody else may write to.
    values = [torch.from_numpy(array.numpy().copy()) for array in record.values()]
    return dict(zip(names or record, values, strict=True))


def _numbered(parameters: Parameters) -> Weights:
    """Return weights under the names that Flower gives to a list of arrays in a message."""
    return {str(i): torch.from_numpy(array.copy()) for i, array in enumerate(parameters_to_ndarrays(parameters))}


def _records(content: RecordDict, key: str = EXAMPLES) -> int:
    """Return how many records a participant says to have; 0 if it does not say."""
    metrics = {name: value for record in content.metric_records.values() for name, value in record.items()}
    found = metrics.get(key, metrics.get(LEGACY_EXAMPLES, 0))
    return int(found) if isinstance(found, int | float) else 0


def _round(message: Message) -> int:
    """Return the number of the round, from 1. Strategies put it into the configuration; under legacy ones it names the group."""
    found = [record["server-round"] for record in message.content.config_records.values() if "server-round" in record]
    number = str(found[0]) if found else message.metadata.group_id
    if not number.isdigit():
        raise ValueError("the message does not say which round it belongs to: put `server-round` into the configuration")
    return int(number)
