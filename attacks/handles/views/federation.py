"""Views of a federation: what follows from its rounds and its uploads."""

from __future__ import annotations

from attacks.handles import OthersUpdates, OwnUpdates, Parameters, Rounds, Updates
from attacks.models.federation import change


def last_round(rounds: Rounds) -> Parameters:
    """Return the final global model's weights."""
    return Parameters("parameters", rounds.last, rounds.ledger)


def others_from_rounds(rounds: Rounds, own_updates: OwnUpdates) -> OthersUpdates:
    """Return the steps of the global model, less the adversary's own part in them."""
    share, steps = own_updates.share, []
    for number in range(len(own_updates)):
        own = own_updates.change(number)
        step = change(rounds.weights(number + 1), rounds.weights(number))
        steps.append({name: (value.double() - share * own[name].double()).to(value.dtype) for name, value in step.items()})
    return OthersUpdates("others_updates", steps, 1 - share, rounds.ledger)


def others_from_uploads(rounds: Rounds, updates: Updates) -> OthersUpdates:
    """Return the sum of all changes, each times its share: to a server, who trains nothing, all participants are others."""
    steps = []
    for number in range(len(updates)):
        changes = [updates.change(number, k) for k in range(updates.participants)]
        parts = list(zip(updates.shares.tolist(), changes, strict=True))
        steps.append(
            {
                name: sum((share * each[name].double() for share, each in parts), start=0 * value.double()).to(value.dtype)
                for name, value in changes[0].items()
            }
        )
    return OthersUpdates("others_updates", steps, 1.0, rounds.ledger)


def others_from_sums(rounds: Rounds) -> OthersUpdates:
    """Return the steps of the global model: to a server that sees sums only, they are what all participants together sent."""
    steps = [change(rounds.weights(number + 1), rounds.weights(number)) for number in range(len(rounds))]
    return OthersUpdates("others_updates", steps, 1.0, rounds.ledger)
