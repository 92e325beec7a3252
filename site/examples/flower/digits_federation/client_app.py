"""The participants: a mod records what each of them sees, and another makes one of them attack."""

import torch
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.clientapp.typing import ClientAppCallable

from attacks.flower import ActiveMod, RecordingMod
from attacks.models.federation import Policy, Weights
from digits_federation import task

app = ClientApp(mods=[RecordingMod("recordings")])


class Ascent(Policy):
    """Pushes uploads up the gradient of the loss on the candidates, records of participant 1. Nasr et al. 2019, Section II-C."""

    def upload(self, round: int, received: Weights, honest: Weights) -> Weights:
        """Return the weights after honest training, moved by half of the gradient."""
        net = task.model()
        net.load_state_dict(honest)
        x, y = task.records(task.PARTS[1], task.PARTS[2])
        torch.nn.functional.cross_entropy(net(x), y).backward()
        return {name: value.detach() + 0.5 * value.grad for name, value in net.named_parameters()}


def active(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
    """Let the policy act for the adversary alone: every participant runs the same app."""
    if context.node_config["partition-id"] != context.run_config["adversary"]:
        return call_next(message, context)
    return ActiveMod(Ascent())(message, context, call_next)


@app.train(mods=[active])
def train(message: Message, context: Context) -> Message:
    """Train honestly."""
    weights, count = task.train(message.content["arrays"].to_torch_state_dict(), int(context.node_config["partition-id"]))
    content = RecordDict({"arrays": ArrayRecord(weights), "metrics": MetricRecord({"num-examples": count})})
    return Message(content, reply_to=message)


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    """Measure the accuracy on records that belong to nobody."""
    net = task.model()
    net.load_state_dict(message.content["arrays"].to_torch_state_dict())
    x, y = task.records(task.PARTS[-1], 1000)
    accuracy = float((net(x).argmax(1) == y).float().mean())
    return Message(RecordDict({"metrics": MetricRecord({"num-examples": len(x), "accuracy": accuracy})}), reply_to=message)
