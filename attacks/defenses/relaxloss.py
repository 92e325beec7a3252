"""RelaxLoss: training to a loss that is chosen, and not to the smallest."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from attacks.defenses.epochs import epochs
from attacks.defenses.networks import network_recipe
from attacks.models.training import Recipe, TrainingSet


def relaxloss(recipe: Recipe, data: TrainingSet, *, level: float) -> nn.Module:
    """Train a network until the loss of a batch is `level`, in nats, and keep it there. Chen et al. 2022, after their code.

    Below the level even epochs raise the loss again, and odd ones train towards `flattened` answers.
    """
    network = network_recipe(recipe).build()
    x, y = data.x.float(), data.y

    def loss(epoch: int, rows: Tensor) -> Tensor:
        return relaxed(network(x[rows]), y[rows], level, raises=epoch % 2 == 0)

    for _ in epochs(network, recipe, len(x), loss):
        pass
    return network


relaxloss_suits = network_recipe


def relaxed(logits: Tensor, labels: Tensor, level: float, *, raises: bool) -> Tensor:
    """Return the loss, one number, of logits (n, classes) and labels int64 (n,); `raises` says what is done below the level."""
    loss = functional.cross_entropy(logits, labels)
    if raises:
        return (loss - level).abs()
    if float(loss.detach()) > level:
        return loss
    return functional.cross_entropy(logits, flattened(logits, labels))


def flattened(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the answers (n, classes) with the probability of the true class as it is, and the rest shared alike by the others.

    There is a gradient through them, as in the authors' code (of Purchase and Texas, there with a ceiling on the true class).
    """
    probability = logits.softmax(dim=-1).gather(-1, labels[:, None])
    others = ((1 - probability) / (logits.shape[-1] - 1)).expand(logits.shape)
    return others.scatter(-1, labels[:, None], probability)
