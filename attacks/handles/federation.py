"""Handles of a federation: what a participant and a server see of it, and the seat from which an active adversary acts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from attacks.handles.handle import AttackError, Handle, Ledger
from attacks.handles.trainers import Trainer
from attacks.models.federation import Federation, History, Policy, Weights, change, copied
from attacks.models.training import Recipe

PARTICIPANT, SERVER = "participant", "server"


class Rounds(Handle):
    """The global model at the start of every round, and the final one."""

    def __init__(self, name: str, weights: Sequence[Weights], ledger: Ledger):
        super().__init__(name, ledger)
        self._weights = list(weights)

    def __len__(self) -> int:
        """Return the number of rounds; there is one model more than that."""
        return len(self._weights) - 1

    def weights(self, round: int) -> Weights:
        """Return copies of the weights that were sent out at the start of a round, float32 by name.

        Rounds count from 0; those of round `len` are the final ones.
        """
        self._touch()
        return copied(self._weights[_place(round, len(self._weights))])

    @property
    def last(self) -> Weights:
        """Copies of the final weights, float32 by name."""
        return self.weights(len(self))


class OwnUpdates(Handle):
    """What one participant was sent and uploaded itself, in every round. It holds nothing of the others."""

    def __init__(self, name: str, received: Sequence[Weights], uploads: Sequence[Weights], share: float | None, ledger: Ledger):
        super().__init__(name, ledger)
        self._received, self._uploads, self._share = list(received), list(uploads), share

    def __len__(self) -> int:
        """Return the number of rounds."""
        return len(self._uploads)

    @property
    def share(self) -> float:
        """The participant's share of all records, its weight in the average; raises AttackError if there is no average."""
        self._touch()
        if self._share is None:
            raise AttackError("the server is not known to average, so what the others uploaded does not follow from its models")
        return self._share

    def received(self, round: int) -> Weights:
        """Return copies of the weights that the participant was sent in a round, float32 by name."""
        self._touch()
        return copied(self._received[_place(round, len(self))])

    def upload(self, round: int) -> Weights:
        """Return copies of the weights that it uploaded in a round, float32 by name."""
        self._touch()
        return copied(self._uploads[_place(round, len(self))])

    def change(self, round: int) -> Weights:
        """Return how far its upload lies from what it was sent, float32 by name."""
        return change(self.upload(round), self.received(round))


class Updates(Handle):
    """What every participant was sent and uploaded in every round: what only the server sees.

    `victim` is the number of the participant about whose records the adversary asks.
    """

    def __init__(
        self,
        name: str,
        received: Sequence[Sequence[Weights]],
        uploads: Sequence[Sequence[Weights]],
        shares: Tensor,
        victim: int,
        ledger: Ledger,
    ):
        super().__init__(name, ledger)
        self._received, self._uploads = [list(row) for row in received], [list(row) for row in uploads]
        self._shares = shares
        self.victim = victim

    def __len__(self) -> int:
        """Return the number of rounds."""
        return len(self._uploads)

    @property
    def participants(self) -> int:
        """Number of participants."""
        self._touch()
        return len(self._shares)

    @property
    def shares(self) -> Tensor:
        """Every participant's share of all records, its weight in the average, float64 (participants,)."""
        self._touch()
        return self._shares.clone()

    def received(self, round: int, participant: int) -> Weights:
        """Return copies of the weights that a participant was sent in a round, float32 by name."""
        self._touch()
        return copied(self._received[_place(round, len(self))][_place(participant, len(self._shares))])

    def upload(self, round: int, participant: int) -> Weights:
        """Return copies of the weights that a participant uploaded in a round, float32 by name."""
        self._touch()
        return copied(self._uploads[_place(round, len(self))][_place(participant, len(self._shares))])

    def change(self, round: int, participant: int) -> Weights:
        """Return how far a participant's upload lies from what it was sent, float32 by name."""
        return change(self.upload(round, participant), self.received(round, participant))


class OthersUpdates(Handle):
    """How far all others together moved the global model in every round, without a mark on who moved it how."""

    def __init__(self, name: str, steps: Sequence[Weights], share: float, ledger: Ledger):
        super().__init__(name, ledger)
        self._steps, self._share = list(steps), share

    def __len__(self) -> int:
        """Return the number of rounds."""
        return len(self._steps)

    @property
    def share(self) -> float:
        """The others' share of all records."""
        self._touch()
        return self._share

    def sum(self, round: int) -> Weights:
        """Return how far they moved the global model in a round, float32 by name.

        That is the sum of their changes times their shares of all records.
        """
        self._touch()
        return copied(self._steps[_place(round, len(self))])

    def mean(self, round: int) -> Weights:
        """Return the mean of their changes in a round, weighted by their records, float32 by name."""
        return {name: value / self._share for name, value in self.sum(round).items()}


class FederatedTrainer(Trainer):
    """Trains models of the federation's architecture in one place, and says how the federation itself trains."""

    def __init__(self, name: str, recipe: Recipe, training_size: int, federation: Federation, ledger: Ledger):
        super().__init__(name, recipe, training_size, ledger)
        self._federation = federation

    @property
    def federation(self) -> Federation:
        """Algorithm, rounds, local epochs, batch and learning rate of the federation."""
        self._touch()
        return self._federation


@dataclass(frozen=True)
class Seen:
    """What an active adversary saw of a run of its own: `rounds`; a participant sees no `updates`, a server no `own_updates`."""

    rounds: Rounds
    updates: Updates | None
    own_updates: OwnUpdates | None


class Seat(Handle):
    """An active adversary's place in the federation. Each run really trains the federation again, with the policy inside.

    A run costs as much as training the target itself did: entries declare it as one model. `role` is participant or server;
    `rounds` is how many rounds a run has; `runs` is how many runs there were.
    """

    def __init__(
        self, name: str, role: str, rounds: int, victim: int | None, play: Callable[[Policy, Ledger], Seen], ledger: Ledger
    ):
        super().__init__(name, ledger)
        self.__play = play
        self.role = role
        self.rounds = rounds
        self._victim = victim
        self.runs = 0

    @property
    def victim(self) -> int:
        """Number of the participant about whose records a server asks; raises AttackError for a participant, who cannot tell."""
        if self._victim is None:
            raise AttackError("a participant does not know who holds the candidates")
        return self._victim

    def run(self, policy: Policy) -> Seen:
        """Run the federation with a policy in this seat, and return what can be seen from there.

        A run costs one model, which the entry declares.
        """
        self._touch()
        self.runs += 1
        return self.__play(policy, self.ledger)


@dataclass(frozen=True)
class KnownFeatures:
    """How models of some rounds treat records of which it is known whether they are members: what an attack network learns from.

    `components` are what it looks at, float64 (n, width) or (n, width of a layer, next layer) each; `member` is bool (n,);
    `rounds` are the numbers of the models; `features` and `layers` say what of them was looked at
    (attacks/steps/attack_network.py).
    """

    components: tuple[Tensor, ...]
    member: Tensor
    rounds: tuple[int, ...]
    features: str
    layers: int


def seen(history: History, seat: int | None, victim: int, ledger: Ledger) -> Seen:
    """Return what participant number `seat` sees of a federation, or the server if `seat` is None."""
    if seat is None:
        assert history.shares is not None, "a server knows how many records the participants say to have"
        updates = Updates("updates", history.received, history.uploads, history.shares, victim, ledger)
        return Seen(Rounds("rounds", history.globals, ledger), updates, None)
    # A participant takes what it was sent for the global model; only the final one it may see without training on it.
    received = [row[seat] for row in history.received]
    rounds = Rounds("rounds", [*received, history.globals[-1]], ledger)
    share = None if history.shares is None else float(history.shares[seat])
    own = OwnUpdates("own_updates", received, [row[seat] for row in history.uploads], share, ledger)
    return Seen(rounds, None, own)


def _place(number: int, count: int) -> int:
    if not 0 <= number < count:
        raise AttackError(f"numbers go from 0 to {count - 1} here (found {number})")
    return number
