"""Attacks of Nasr et al. 2019 inside a federation: an attack network looks at the models of several rounds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from attacks.federated.policies import AscendingParticipant, Ascent, CheatingServer
from attacks.handles import Architecture, AttackError, KnownFeatures, KnownMembers, Records, Rounds, Scored, Seat, Updates
from attacks.steps import attack_network
from attacks.steps.attack_network import Look


def passive(
    records: Records,
    rounds: Rounds,
    architecture: Architecture,
    known_round_features: KnownFeatures,
    *,
    kernels: int = 5,
    epochs: int = 50,
    seed: int = 0,
) -> Scored:
    """Log-odds of membership from an attack network on the global models of some rounds, float64 (n,); member if above 0.

    Nasr et al. 2019, Section II: the network of the stand-alone attack, which looks at all snapshots at once. It learns from
    all known members and as many known non-members.
    """
    networks = attack_network.of_rounds(rounds, architecture, known_round_features.rounds)
    return _judged(records, networks, known_round_features, kernels, epochs, seed)


def passive_server(
    records: Records,
    updates: Updates,
    architecture: Architecture,
    known_upload_features: KnownFeatures,
    *,
    kernels: int = 5,
    epochs: int = 50,
    seed: int = 0,
) -> Scored:
    """Do as `passive` with the models that the victim uploaded, float64 (n,); member if above 0. Nasr et al. 2019, Section II."""
    networks = attack_network.of_uploads(updates, architecture, known_upload_features.rounds)
    return _judged(records, networks, known_upload_features, kernels, epochs, seed)


def active(
    records: Records,
    seat: Seat,
    architecture: Architecture,
    known_members: KnownMembers,
    *,
    rate: float = 0.001,
    snapshots: int = 5,
    begin: float = 0.333,
    end: float = 1.0,
    features: str = "gradients",
    layers: int = 1,
    kernels: int = 5,
    epochs: int = 50,
    seed: int = 0,
) -> Scored:
    """Do as `passive` in a federation in which a participant climbs the loss, float64 (n,); member if above 0.

    Nasr et al. 2019, Sections II-C and IV-E. In every round the participant adds to its upload, for each candidate and each
    known record, `rate` times the gradient of its loss. The known ones are climbed too, since the network must learn what becomes
    of members. Whoever holds a record brings its loss down again. All candidates are climbed in one run of the federation, so
    that each one's score depends on the others, and not on their order.
    """
    policy = AscendingParticipant(_ascent(records, architecture, known_members, rate))
    seen = seat.run(policy)
    look = Look(snapshots, begin, end, features, layers)
    numbers = look.rounds(len(seen.rounds))
    networks = attack_network.of_rounds(seen.rounds, architecture, numbers)
    known = attack_network.known_features(networks, known_members, numbers, look)
    return _judged(records, networks, known, kernels, epochs, seed)


def active_server(
    records: Records,
    seat: Seat,
    architecture: Architecture,
    known_members: KnownMembers,
    *,
    rate: float = 0.002,
    snapshots: int = 5,
    begin: float = 0.333,
    end: float = 1.0,
    features: str = "gradients",
    layers: int = 1,
    kernels: int = 5,
    epochs: int = 50,
    seed: int = 0,
) -> Scored:
    """Do as `passive_server` where the server climbs the loss in what it sends the victim, float64 (n,); member if above 0.

    Nasr et al. 2019, Sections II-C and IV-E. What is sent to the victim is the average, moved by `rate` times the gradient of
    the loss of each candidate and each known record; so a score depends on the other candidates, as in `active`.
    """
    policy = CheatingServer(seat.victim, isolate=False, ascent=_ascent(records, architecture, known_members, rate))
    look = Look(snapshots, begin, end, features, layers)
    return _by_uploads(records, seat, architecture, known_members, policy, look, kernels, epochs, seed)


def isolating(
    records: Records,
    seat: Seat,
    architecture: Architecture,
    known_members: KnownMembers,
    *,
    snapshots: int = 5,
    begin: float = 0.333,
    end: float = 1.0,
    features: str = "gradients",
    layers: int = 1,
    kernels: int = 5,
    epochs: int = 50,
    seed: int = 0,
) -> Scored:
    """Do as `passive_server` where the victim is only ever sent its own model, float64 (n,); member if above 0.

    Nasr et al. 2019, Sections II-C and IV-E.
    """
    policy = CheatingServer(seat.victim, isolate=True, ascent=None)
    look = Look(snapshots, begin, end, features, layers)
    return _by_uploads(records, seat, architecture, known_members, policy, look, kernels, epochs, seed)


def isolating_ascent(
    records: Records,
    seat: Seat,
    architecture: Architecture,
    known_members: KnownMembers,
    *,
    rate: float = 0.001,
    snapshots: int = 5,
    begin: float = 0.333,
    end: float = 1.0,
    features: str = "gradients",
    layers: int = 1,
    kernels: int = 5,
    epochs: int = 50,
    seed: int = 0,
) -> Scored:
    """Do as `isolating` where the victim's own model is moved as in `active_server`, float64 (n,); member if above 0.

    Nasr et al. 2019, Sections II-C and IV-E.
    """
    policy = CheatingServer(seat.victim, isolate=True, ascent=_ascent(records, architecture, known_members, rate))
    look = Look(snapshots, begin, end, features, layers)
    return _by_uploads(records, seat, architecture, known_members, policy, look, kernels, epochs, seed)


def unsupervised(
    records: Records,
    rounds: Rounds,
    architecture: Architecture,
    *,
    snapshots: int = 5,
    begin: float = 0.333,
    end: float = 1.0,
    layers: int = 1,
    kernels: int = 5,
    epochs: int = 20,
    seed: int = 0,
) -> Scored:
    """Place of each record on a line that an autoencoder found, float64 (n,); member if in the cluster of small gradients.

    Nasr et al. 2019, Section II-D, on the global models of some rounds; otherwise as the stand-alone attack is here, and like it
    on the set of candidates.
    """
    numbers = Look(snapshots, begin, end).rounds(len(rounds))
    networks = attack_network.of_rounds(rounds, architecture, numbers)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        return Scored(*attack_network.embedded(networks, records.x, records.label, records.ids, kernels, epochs, layers))


def _judged(
    records: Records, networks: Sequence[nn.Module], known: KnownFeatures, kernels: int, epochs: int, seed: int
) -> Scored:
    """Train the attack network on what is known, and let it judge the candidates in the same networks."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        log_odds = attack_network.learnt_from(known, kernels, epochs)
    seen = attack_network.components(networks, records.x, records.label, known.features, known.layers)
    return Scored(log_odds(seen), cut=0.0)


def _by_uploads(
    records: Records,
    seat: Seat,
    architecture: Architecture,
    known_members: KnownMembers,
    policy: CheatingServer,
    look: Look,
    kernels: int,
    epochs: int,
    seed: int,
) -> Scored:
    """Run the federation with a cheating server, and look at what the victim uploads."""
    updates = seat.run(policy).updates
    if updates is None:
        raise AttackError("only a server sees the victim's uploads")
    numbers = look.rounds(len(updates) - 1)
    networks = attack_network.of_uploads(updates, architecture, numbers)
    known = attack_network.known_features(networks, known_members, numbers, look)
    return _judged(records, networks, known, kernels, epochs, seed)


def _ascent(records: Records, architecture: Architecture, known_members: KnownMembers, rate: float) -> Ascent:
    """Return the ascent on candidates, in the order of their ids, and on known records."""
    others, order = known_members.non_members, torch.from_numpy(np.argsort(records.ids, kind="stable"))
    x = torch.cat([records.x[order], known_members.x, others.x])
    label = torch.cat([records.label[order], known_members.label, others.label])
    return Ascent(architecture.recipe, x, label, rate)
