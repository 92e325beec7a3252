"""Properties of the others' batches, inferred from their updates."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attacks.handles import AttackError, FederatedTrainer, MarkedRecords, OthersUpdates, PropertyUpdates, Records, Seat
from attacks.handles.views.federation import others_from_rounds
from attacks.models.federation import Federation, Policy, Weights
from attacks.steps import marked_updates


def passive(
    records: Records, others_updates: OthersUpdates, property_updates: PropertyUpdates, *, trees: int = 100, seed: int = 0
) -> Tensor:
    """Probability that the others' batches of a round held the property, float64 (rounds,). Melis et al. 2019, Section IV-D.

    A random forest learns to tell the adversary's own updates with the property from those without, and is asked about the
    others' updates. Its leaves hold at least five updates, as in the authors' code, which has 100 trees; the paper says 50. Of
    the candidates nothing is read.
    """
    return _asked(others_updates, property_updates, trees, seed)


def active(
    records: Records,
    seat: Seat,
    trainer: FederatedTrainer,
    property_data: MarkedRecords,
    *,
    property_weight: float = 0.5,
    batches: int = 4,
    trees: int = 100,
    seed: int = 0,
) -> Tensor:
    """Probability that the others' batches of a round held the property, float64 (rounds,). Melis et al. 2019, Section IV-E.

    The adversary puts a second output for the property on the last hidden layer of its copy, and uploads a gradient step on
    (1 - w) times the loss of the task plus w times that of the property, w being `property_weight`: what the paper calls alpha
    in Figure 7, where 0 is the passive attack (its formula has the two the other way round). The first is the loss of its
    honest batch, the second that of a batch of its marked records. Then it infers as the passive attack does, with updates that
    it computes at the global models of this run. Raises AttackError unless it is a participant of a federation that sends the
    gradient of one batch.
    """
    recipe = trainer.federation
    if recipe.algorithm != "fedsgd":
        raise AttackError("it tells batches apart, so participants must send the gradient of one batch (fedsgd)")
    seen = seat.run(_TwoTasks(recipe, property_data, property_weight, seed))
    if seen.own_updates is None:
        raise AttackError("only a participant uploads a model of its own")
    others = max(1, round(1 / seen.own_updates.share) - 1)
    simulated = marked_updates.simulated(seen.rounds, recipe, property_data, others, batches, seed)
    return _asked(others_from_rounds(seen.rounds, seen.own_updates), simulated, trees, seed)


class _TwoTasks(Policy):
    """Uploads a step for the task and for the property at once. The output for the property never leaves the adversary."""

    def __init__(self, recipe: Federation, property_data: MarkedRecords, weight: float, seed: int):
        self._recipe, self._weight = recipe, weight
        self._x, self._marked = property_data.x, property_data.marked.long()
        self._module = recipe.model.build().train()
        last = [module for module in self._module.modules() if isinstance(module, nn.Linear)][-1]
        last.register_forward_pre_hook(self._keep)
        self._hidden = torch.empty(0)
        self._generator = torch.Generator().manual_seed(seed % 2**63)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed % 2**63)
            self._head = nn.Linear(last.in_features, 2)

    def _keep(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        (self._hidden,) = inputs

    def upload(self, round: int, received: Weights, honest: Weights) -> Weights:
        """Return the received weights after a gradient step on both losses: the honest one, and one for the property."""
        start = {name: value + (1 - self._weight) * (honest[name] - value) for name, value in received.items()}
        self._module.load_state_dict(received)
        rows = torch.randperm(len(self._x), generator=self._generator)[: self._recipe.batch]
        self._module(self._x[rows])
        loss = self._weight * nn.functional.cross_entropy(self._head(self._hidden), self._marked[rows])
        shared, own = list(self._module.parameters()), list(self._head.parameters())
        slopes = torch.autograd.grad(loss, [*shared, *own], allow_unused=True)
        names = [name for name, _ in self._module.named_parameters()]
        steps = [None if slope is None else self._recipe.learning_rate * slope for slope in slopes]
        for name, step in zip(names, steps, strict=False):
            if step is not None:  # the output of the task has no part in the property
                start[name] -= step
        for value, step in zip(own, steps[len(shared) :], strict=True):
            if step is not None:
                value.data.sub_(step)
        return start


def _asked(others_updates: OthersUpdates, learned: PropertyUpdates, trees: int, seed: int) -> Tensor:
    """Return what a forest that learned from own updates says of the others' in every round, float64 (rounds,)."""
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(trees, min_samples_leaf=5, min_samples_split=5, random_state=seed % 2**32)
    forest.fit(learned.x.numpy(), learned.marked.numpy())
    observed = [marked_updates.features(others_updates.mean(number)) for number in range(len(others_updates))]
    return torch.from_numpy(forest.predict_proba(torch.stack(observed).numpy())[:, 1])
