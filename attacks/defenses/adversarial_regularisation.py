"""Adversarial regularisation: a network learns against an attack on itself that learns beside it, a min-max game."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from attacks.defenses.epochs import epochs
from attacks.defenses.networks import classifier_recipe
from attacks.models.training import Recipe, TrainingSet

# The authors' code: widths of the branches for scores and label, of what follows them, and the rate of the attack's Adam.
OF_SCORES, OF_LABEL, JOINT = (1024, 512, 64), (512, 64), (256, 128, 64)
RATE = 0.0001


class Attack(nn.Module):
    """Takes scores and label of records for those of members: two branches, of probabilities and of the label, and their join.

    Nasr, Shokri and Houmansadr 2018, Section 3.1 and Figure 3.
    """

    def __init__(self, classes: int):
        super().__init__()
        self.of_scores, self.of_label = _layers((classes, *OF_SCORES)), _layers((classes, *OF_LABEL))
        self.joint = nn.Sequential(_layers((OF_SCORES[-1] + OF_LABEL[-1], *JOINT)), nn.Linear(JOINT[-1], 1))

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        """Return the log-odds that records with these logits (n, classes) and labels int64 (n,) are members, (n,)."""
        one_hot = nn.functional.one_hot(label, logits.shape[-1]).to(logits.dtype)
        both = torch.cat([self.of_scores(logits.softmax(dim=-1)), self.of_label(one_hot)], dim=1)
        odds: Tensor = self.joint(both)
        return odds[:, 0]


def min_max(recipe: Recipe, data: TrainingSet, reference: TrainingSet, *, weight: float, attack_steps: int) -> nn.Module:
    """Train a network on its loss plus `weight` times the gain of an attack on it. Nasr et al. 2018, Algorithm 1.

    Before each step of the network the attack takes `attack_steps` steps on batches of members and of `reference`, of equal
    size, and maximises its gain, the mean log-probability of the truth (Equation 5). The network then lowers the loss plus
    `weight` times what the attack's gain hangs on of it: the mean log-probability that the batch is of members (Algorithm 1).
    As in the authors' code, in the first epoch the network learns alone. It differs in that epochs, batch and the network's
    learning rate are the recipe's, and in that the reference set may be smaller or larger than the training set.
    """
    network, attack = classifier_recipe(recipe).build(), Attack(recipe.classes)
    adversary = torch.optim.Adam(attack.parameters(), lr=RATE, fused=True)
    x, y = data.x.float(), data.y
    others, their_labels = reference.x.float(), reference.y

    def loss(epoch: int, rows: Tensor) -> Tensor:
        for _ in range(attack_steps if epoch else 0):
            _ascend(adversary, attack, network, _some(x, y, len(rows)), _some(others, their_labels, len(rows)))
        logits = network(x[rows])
        found = nn.functional.cross_entropy(logits, y[rows])
        if epoch and weight:
            found = found + weight * nn.functional.logsigmoid(attack(logits, y[rows])).mean()
        return found

    for _ in epochs(network, recipe, len(x), loss):
        pass
    return network


min_max_suits = classifier_recipe


def _some(x: Tensor, y: Tensor, count: int) -> tuple[Tensor, Tensor]:
    rows = torch.randint(len(x), (count,))
    return x[rows], y[rows]


def _ascend(
    optimizer: torch.optim.Optimizer,
    attack: Attack,
    network: nn.Module,
    members: tuple[Tensor, Tensor],
    others: tuple[Tensor, Tensor],
) -> None:
    """Take a step of the attack towards a larger gain on members and on others."""
    x, y = torch.cat([members[0], others[0]]), torch.cat([members[1], others[1]])
    truth = torch.cat([torch.ones(len(members[1])), torch.zeros(len(others[1]))])
    with torch.no_grad():
        logits = network(x)
    optimizer.zero_grad(set_to_none=True)
    nn.functional.binary_cross_entropy_with_logits(attack(logits, y), truth).backward()
    optimizer.step()


def _layers(widths: tuple[int, ...]) -> nn.Sequential:
    pairs = itertools.pairwise(widths)
    return nn.Sequential(*(layer for size, other in pairs for layer in (nn.Linear(size, other), nn.ReLU())))
