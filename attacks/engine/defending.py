"""A defended target: the target of an entry with a defense on it, and what of it an adversary applies to models of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from attacks.defenses.answers import Mask, answering, label_shown, scores_shown
from attacks.defenses.owner import SEED, Owner, Trained, others, takes
from attacks.engine import masks_on_trial
from attacks.handles import (
    Aggregates,
    AttackError,
    Beacon,
    HeldRecords,
    LabelOracle,
    Ledger,
    Number,
    Rounds,
    SuppressedAggregates,
    Updates,
)
from attacks.models.generators import Generator
from attacks.models.training import Model, Recipe, TrainingSet
from attacks.seeds import derive_seed
from attacks.targets.target import HandleMaker, Target
from taxonomy import entries
from taxonomy.catalog import Catalog
from taxonomy.defended import LABELS, SCORES, STATISTICS, Applied

if TYPE_CHECKING:
    from attacks.engine.code import Code
    from attacks.engine.foreseen import Foreseen

POPULATION = "D1.samples"
# What is seen of a federation, and the seat of whoever cheats in it.
SIZE = "D1.size"
ROUNDS, UPLOADS, SEAT = "M1.rounds", "M1.updates", "active"
UNASKED = "it asks for the model and its training set, which the code of this target does not tell"
# What was trained as a target, and its training set.
Last = tuple[Model | Generator, TrainingSet] | None


@dataclass(frozen=True)
class Defended:
    """A defended target, what the defense costs its users, and what changes answers or training: one of the two.

    An adversary who knows of the defense puts it on models of its own too; `stand_ins` is what it trains them by. `facts` are
    numbers about the training that the defense's code tells.
    """

    applied: Applied
    target: Target
    utility: dict[str, Any]
    mask: Mask | None = None
    trained: Trained | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def stand_ins(self) -> Trained | None:
        """By what the adversary trains models of its own that stand for the target; None if as without the defense."""
        return self.trained if self.applied.adaptive else None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**self.applied.as_json(), "utility": self.utility, "facts": self.facts}


def trained(applied: Applied) -> Trained | None:
    """Return how a defense changes the training, or the trained model, without records; None for one that changes answers."""
    return Trained(applied.defense.changes, str(applied.defense.run), applied.params) if applied.left is None else None


def with_records(of: Trained, plain: Callable[[], Target]) -> Trained:
    """Return the same with the population of the target without a defense, which `plain` makes, if it takes records."""
    return replace(of, records=_population(plain())) if of.takes_records else of


def _population(target: Target) -> TrainingSet | None:
    held = target.makers[POPULATION](Ledger()) if POPULATION in target.makers else None
    return TrainingSet(held.x, held.label, 0) if isinstance(held, HeldRecords) and held.label is not None else None


def mask(code: Code, applied: Applied, seed: int) -> Mask:
    """Return the mask that a defense is which changes answers; its owner is not known yet."""
    function = code.function(str(applied.defense.run))
    return Mask(function, applied.params, derive_seed(seed, "defense", applied.defense.id))


def untold(applied: Applied, entry: entries.Target) -> AttackError:
    """Return what is raised where a defense would change a training that only the target's code knows."""
    return AttackError(f"{entry.id} cannot be trained again with it, for its code trains in a way of its own")


@runtime_checkable
class Maskable(Protocol):
    """A handle that trains in a way of its own, and can have what comes of it answer through a mask."""

    def behind(self, mask: Mask) -> Any:
        """Return the handle whose models answer through a mask."""
        ...


def behind(mask: Mask, handle: Any) -> Any:
    """Return a handle whose models answer through a mask, as who knows of it puts it on models of its own."""
    return handle.behind(mask) if isinstance(handle, Maskable) and not mask.computes else answering(handle, mask)


def beside(entry: entries.Target) -> dict[str, object]:
    """Return what is known of a target beside its recipe, before it is there (`check_suits`)."""
    return {"others": POPULATION in entry.offers}


def check(of: Mask, term: str | None, found: Foreseen, entry: entries.Target) -> None:
    """Raise AttackError if a mask does not suit a training; of one that asks its owner only its function `..._suits` can tell."""
    if of.asks_owner and not found.told:
        raise AttackError(UNASKED)
    if isinstance(found.recipe, Recipe):
        if found.recipe.regression:
            raise AttackError("it masks scores of classes, and the target predicts a number")
        of.suits(found.recipe, beside(entry))
        if not of.asks_owner:
            masks_on_trial.tried(of, term, found.recipe.classes, found.recipe.shape)


def masked(catalog: Catalog, entry: entries.Target, applied: Applied, of: Mask, plain: Target, last: Last) -> tuple[Target, Mask]:
    """Return a target whose answers are masked, and the mask with its owner; `entry` says what it still offers."""
    term = applied.left
    assert term is not None, "it masks answers"
    if last is not None and isinstance(last[0], Model):
        beside = _population(plain) or TrainingSet(last[1].x[:0], last[1].y[:0], 0)
        of = replace(of, owner=Owner(last[0], last[1], others(beside, last[1])))
    if of.asks_owner and of.owner is None:
        raise AttackError(UNASKED)
    scores = plain.makers[SCORES]
    question: Any = scores(Ledger())
    step, x = 0.0, plain.x[:2]
    if of.computes:
        masks_on_trial.ask(of, term, question(x), x, step)
    else:
        step = masks_on_trial.tried(of, term, question(x).shape[-1], x.shape[1:])
    # What nobody is shown any more is not there.
    makers = {name: maker for name, maker in plain.makers.items() if not name.startswith("Q.") or name in entry.offers}
    makers.pop(SCORES, None)
    if term != LABELS:
        handle = str(catalog.terms[term].handle)
        makers[term] = scores_shown(of, scores, handle, resolution=step, top=term == "Q.top-k")
    if LABELS in entry.offers:
        makers[LABELS] = label_shown(of, scores)
    identities = {name: value for name, value in plain.identities.items() if name not in (SCORES, term, LABELS)}
    return replace(plain, makers=makers, facts=dict(plain.facts), identities=identities), of


def summed(code: Code, applied: Applied, plain: Target, seed: int) -> Target:
    """Return a federation of which the server reads sums of uploads alone, as the defense's function adds them up.

    A participant sees what it saw before: the global models, of which those of the recorded run are kept.
    """
    makers, function = dict(plain.makers), code.function(str(applied.defense.run))
    if takes(function, "uploads") and UPLOADS in makers:
        rounds, updates = plain.makers[ROUNDS](Ledger()), plain.makers[UPLOADS](Ledger())
        assert isinstance(rounds, Rounds) and isinstance(updates, Updates), "a federation"
        weights, drawn = [rounds.weights(0)], derive_seed(seed, "defense", applied.defense.id)
        for number in range(len(updates)):
            parts = enumerate(updates.shares.tolist())
            sent = [{name: share * value.double() for name, value in updates.upload(number, k).items()} for k, share in parts]
            total = function(sent, **applied.params, **_seed(function, derive_seed(drawn, "round", number)))
            weights.append({name: value.to(weights[0][name].dtype) for name, value in total.items()})
        makers[ROUNDS] = lambda ledger: Rounds("rounds", weights, ledger)
        # From the server's own seat every upload could be read.
        for term in (UPLOADS, SEAT):
            makers.pop(term, None)
    return replace(plain, makers=makers, facts=dict(plain.facts))


def published(code: Code, applied: Applied, entry: entries.Target, plain: Target, seed: int) -> Target:
    """Return a target whose publisher shows less than its statistics; `entry` says what it still offers."""
    term, function = applied.left, code.function(str(applied.defense.run))
    size, of_group = (plain.makers[name](Ledger()) for name in (SIZE, STATISTICS))
    assert isinstance(size, Number) and isinstance(of_group, Aggregates), "statistics of a group"
    means, people = of_group.values, int(size.value)
    given = {**applied.params, **_seed(function, derive_seed(seed, "defense", applied.defense.id))}
    shown = masks_on_trial.published(function, means, people, given, torch.bool if term == "Q.beacon" else torch.float64)
    made: dict[str, HandleMaker] = {
        "Q.noisy-aggregates": lambda ledger: Aggregates("noisy_aggregates", shown, ledger),
        "Q.suppressed-aggregates": lambda ledger: SuppressedAggregates("suppressed_aggregates", shown, below, ledger),
        "Q.beacon": lambda ledger: Beacon("beacon", shown, ledger),
    }
    # Whoever leaves numbers out says below how many people: the parameter `least`.
    least = applied.params.get("least", 0)
    below = least / people if isinstance(least, int) else 0.0
    makers = {name: maker for name, maker in plain.makers.items() if not name.startswith("Q.") or name in entry.offers}
    makers[str(term)] = made[str(term)]
    identities = {name: value for name, value in plain.identities.items() if name not in (STATISTICS, term)}
    return replace(plain, makers=makers, facts=dict(plain.facts), identities=identities)


def _seed(function: Callable[..., Any], seed: int) -> dict[str, int]:
    return {SEED: seed} if takes(function, SEED) else {}


def utility(applied: Applied, plain: Target, defended: Target, seconds: tuple[float | None, float | None]) -> dict[str, Any]:
    """Return what a defense costs the users of a model: figures of the target on records it never saw, and seconds of training.

    Each without the defense and with it. The accuracy of a masked target is that of the labels that it still shows.
    """
    of_test = [name for name in plain.facts if name.startswith("test_")]
    found = {name: {"undefended": plain.facts[name], "defended": defended.facts[name]} for name in of_test}
    if applied.left is not None and SCORES in plain.makers:
        accuracy = [_accuracy(target) for target in (plain, defended)]
        found["test_accuracy"] = {"undefended": accuracy[0], "defended": accuracy[1]}
        defended.facts["test_accuracy"] = accuracy[1]
    return {**found, "training_seconds": {"undefended": seconds[0], "defended": seconds[1]}}


def _accuracy(target: Target) -> float | None:
    """Return the share of candidates that are no members whose label a target tells; None if it tells no label."""
    labels = target.makers[LABELS](Ledger()) if LABELS in target.makers else None
    if not isinstance(labels, LabelOracle):
        return None
    outside = ~target.member
    answered: Tensor = labels(target.x[outside])
    return float((answered == target.label[outside]).double().mean())
