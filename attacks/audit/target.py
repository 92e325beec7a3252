"""The target of an audit: the user's model with its candidates, and the handles of what the audit file grants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.audit import answers, checks, classes
from attacks.audit.checks import Check
from attacks.audit.functions import aside, blamed
from attacks.audit.kinds.model import OwnModel
from attacks.audit.own_training import FunctionPlatform, FunctionTrainer, OwnTraining
from attacks.audit.parts import RUN, Parts
from attacks.audit.references import Recorded
from attacks.audit.rows import Rows
from attacks.handles import (
    LabelOracle,
    Ledger,
    Marginals,
    Number,
    Population,
    ScoreOracle,
    Superset,
    ThresholdedScoreOracle,
    TopScoreOracle,
    UnsuitableError,
)
from attacks.metrics.blind_baseline import features_of
from attacks.models import signals
from attacks.models.poorer_answers import rounded
from attacks.models.resolution import bounded
from attacks.seeds import digest, digest_arrays
from attacks.targets.target import HandleMaker, Target
from taxonomy import entries
from taxonomy.findings import InputError

# Digits of rounded scores, and the threshold of thresholded ones, as our own targets have them.
DIGITS, THRESHOLD = 2, 0.5
# More records than this are asked about in batches.
BATCH = 4096


class RecordedOnlyError(UnsuitableError):
    """A model that was handed over as recorded answers is asked about another record."""


class Answers:
    """Asks the user's model about records, each once, and answers with log-probabilities."""

    def __init__(self, model: OwnModel, rows: Rows | None, names: list[str], count: int):
        self.model, self.rows, self.names = model, rows, names
        self._known: NDArray[np.float64] | None = None
        self._count = count
        self.resolution = 0.0

    def ask(self, features: Any, count: int, *, again: bool = False) -> NDArray[np.float64]:
        """Return the model's log-probabilities on rows, float64 (n, classes); raise InputError for answers that are none.

        What a service has answered is kept; asked `again`, it answers anew.
        """
        found = raw(self.model, features, again=again)
        if self.model.answers == "labels":
            found_names = classes.names(np.asarray(found), self.model.noun)
            places = classes.numbered(found_names, self.names, self.model.noun)
            exact = np.full((count, len(self.names)), -np.inf)
            exact[np.arange(count), places] = 0.0
            return exact
        own = self.model.classes or self.names
        exact = answers.floats(found, count, len(own), self.model.noun)
        exact = answers.log_probs(exact, self.model.scale, self.model.noun)
        return in_order(exact, own, self.names)

    def learn(self) -> None:
        """Ask about all candidates, whose answers every attack needs; what they are rounded to is seen on them."""
        if self.model.recorded is not None:
            self._known = self.model.recorded
        else:
            assert self.rows is not None, "a model that answers is asked about features"
            everyone = np.arange(self._count)
            parts = [self.ask(self.rows.original(part), len(part)) for part in np.array_split(everyone, -(-self._count // BATCH))]
            self._known = np.concatenate(parts)
        if self.model.answers == "scores":
            self.resolution = answers.resolution(self._known)

    @property
    def on_candidates(self) -> NDArray[np.float64]:
        """Log-probabilities on the candidates, float64 (n, classes)."""
        assert self._known is not None, "they are asked for first"
        return self._known

    def bounded(self, x: Tensor) -> Tensor:
        """Return log-probabilities as `__call__` does, of which none is minus infinity."""
        found = self(x)
        return bounded(found, self.resolution) if self.resolution else found

    def __call__(self, x: Tensor) -> Tensor:
        """Return log-probabilities, float64 (n, classes), for records x as attacks see them."""
        places = _numbers(x, self._count) if self.rows is None else self.rows.places(x)
        known = (places >= 0) & (places < self._count)
        if known.all():
            return torch.from_numpy(self.on_candidates[places])
        if self.model.recorded is not None:
            raise RecordedOnlyError(
                f"it asks about {int((~known).sum()):,} records that are no candidates, and recorded answers answer nothing else"
            )
        assert self.rows is not None, "a model that answers is asked about features"
        found = np.empty((len(x), len(self.names)))
        found[known] = self.on_candidates[places[known]]
        others = places >= self._count
        if others.any():
            found[others] = self.ask(self.rows.original(places[others]), int(others.sum()))
        if (made := places < 0).any():
            found[made] = self.ask(self.rows.decoded(x[torch.from_numpy(made)]), int(made.sum()))
        return torch.from_numpy(found)


def _numbers(x: Tensor, count: int) -> NDArray[np.int64]:
    """Return which candidates records without features are, by their numbers, int64 (n,); -1 for what is none."""
    number = x[:, 0].double().numpy()
    known = (number >= 0) & (number < count) & (number == np.floor(number))
    return np.where(known, number, -1).astype(np.int64)


def raw(model: OwnModel, features: Any, *, again: bool = False) -> Any:
    """Return what a model answers; raise InputError with the user's line for one that raises."""
    answer = model.again if again and model.again is not None else model.answer
    assert answer is not None, "recorded answers are not asked for"
    try:
        with aside():
            return answer(features)
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        raise InputError(f"{model.noun} does not answer: {blamed(error, Path.cwd())}") from error


def in_order(found: NDArray[np.float64], own: list[str], names: list[str]) -> NDArray[np.float64]:
    """Return answers float64 (n, classes) with the columns of the classes `names`, by name."""
    if own == names:
        return found
    places = [own.index(name) for name in names]
    return np.ascontiguousarray(found[:, places])


@dataclass(kw_only=True)
class ClassifierParts(Parts):
    """What the audit file of a classifier grants: the model with its classes, labels, training and references."""

    names: list[str]
    model: OwnModel
    answers: Answers
    training: OwnTraining | None = None
    hidden: bool = False
    references: Recorded | None = None

    @property
    def label(self) -> NDArray[np.int64]:
        """The candidates' labels as places among the classes, int64 (n,); zeros where none are known."""
        sides = [(side.label, side.where) for side in (self.members, self.others)]
        found = [classes.numbered(label, self.names, where) for label, where in sides if label is not None]
        return np.concatenate(found) if len(found) == len(sides) else np.zeros(self.count, dtype=np.int64)

    @property
    def service(self) -> bool:
        """Whether each question is a call to a service."""
        return self.model.service

    @property
    def restored(self) -> Callable[..., Any] | None:
        """What reads models of the user's own training function back from the store."""
        return self.training.restored if self.training is not None else None

    def tried(self, seed: int) -> tuple[list[Check], float | None]:
        """Try the model, and training, on a few records; return what is to be said, and the seconds of training a record."""
        return checks.try_model(self), checks.try_training(self, seed)

    def asked(self) -> list[Check]:
        """Ask the model about the candidates; its answers show how it rounds, which is to be said."""
        self.answers.learn()
        if self.training is not None:
            self.training.resolution = self.answers.resolution
        return checks.of_answers(self)

    def entry(self) -> entries.Target:
        """Return the target as an entry that says what it offers: each part of the audit file is a grant."""
        labelled = self.members.label is not None
        return entries.Target(
            schema=1,
            id=self.name,
            title=self.name,
            summary="A model of one's own.",
            model="discriminative",
            frame="stand-alone",
            data="handed over in an audit file",
            offers=[*_makers(self), *(["record.label"] if labelled else []), *(["D2.coins"] if "audit" in self.judges else [])],
            run=RUN,
            records=[self.records] if self.records else [],
            differentiable=False,
        )

    def made(self) -> Target:
        """Return the target as what answers; the model was asked about its candidates before."""
        x, label, ids = candidates(self)
        member = torch.from_numpy(np.arange(self.count) < len(self.members))
        identity = digest(
            [
                self.model.identity,
                digest_arrays(self.answers.on_candidates),
                self.training.method.identity if self.training else "",
            ]
        )
        makers, given = _makers(self), self.references
        return Target(
            id=self.name,
            x=x,
            label=label,
            ids=ids,
            member=member,
            makers=makers,
            fingerprint=identity,
            judges=self.judges,
            identities={term: digest([identity, term]) for term in makers if term.startswith(("M1.", "M2", "M3", "Q."))}
            | {term: given.identity for term in makers if given and term.startswith(("shadow-", "reference-"))},
            featured=self.described is not None,
            blind=_described(self),
        )


def candidates(parts: ClassifierParts) -> tuple[Tensor, Tensor, NDArray[np.uint64]]:
    """Return the candidates as attacks see them: x float32 (n, ...), label int64 (n,), ids uint64 (n,)."""
    if parts.rows is not None:
        x, ids = parts.rows.x[: parts.count], parts.rows.ids[: parts.count]
    else:
        # Recorded answers without features: a record is its row and nothing else.
        x = torch.arange(parts.count, dtype=torch.float32)[:, None]
        ids = np.arange(parts.count, dtype=np.uint64)
    return x, torch.from_numpy(parts.label), ids


def _described(parts: ClassifierParts) -> Callable[[], NDArray[np.float64]] | None:
    """Return what a classifier that never sees the model reads, where attacks see less of the records than there is."""
    rows = parts.described
    if rows is None or parts.rows is not None:
        return None
    return lambda: features_of(rows.x[: parts.count].numpy(), parts.label)


def _makers(parts: ClassifierParts) -> dict[str, HandleMaker]:
    """Return what makes a fresh handle for each term on offer."""
    answer, service, scored = parts.answers, parts.model.service, parts.model.answers == "scores"

    def scores(ledger: Ledger) -> ScoreOracle:
        return ScoreOracle("scores", answer, ledger, counted=service, resolution=answer.resolution)

    def labels(ledger: Ledger) -> LabelOracle:
        if not scored:
            asked = ScoreOracle("labels", _certain(answer), ledger, counted=service, resolution=1e-6)
            return LabelOracle("labels", lambda x: signals.predicted(asked(x)), ledger)
        oracle = scores(ledger)
        return LabelOracle("labels", lambda x: signals.predicted(oracle(x)), ledger)

    def rounded_scores(ledger: Ledger) -> ScoreOracle:
        resolution = max(10.0**-DIGITS, answer.resolution)
        return ScoreOracle(
            "rounded_scores", lambda x: rounded(answer.bounded(x), DIGITS), ledger, counted=service, resolution=resolution
        )

    makers: dict[str, HandleMaker] = {"Q.labels": labels}
    if scored:
        makers |= {
            "Q.scores": scores,
            "Q.top-k": lambda ledger: TopScoreOracle("top_k", scores(ledger)),
            "Q.rounded-scores": rounded_scores,
            "Q.thresholded-scores": lambda ledger: ThresholdedScoreOracle("thresholded_scores", scores(ledger), THRESHOLD),
            "Q.label-confidence": lambda ledger: TopScoreOracle("label_confidence", scores(ledger), k=1),
        }
    size = parts.size
    makers["D1.size"] = lambda ledger: Number("training_size", size, ledger)
    if parts.population is not None and parts.rows is not None and parts.population.label is not None:
        x, ids = parts.rows.x[parts.count :], parts.rows.ids[parts.count :]
        label = torch.from_numpy(classes.numbered(parts.population.label, parts.names, parts.population.where))
        makers["D1.samples"] = lambda ledger: Population("population", x, label, ids, ledger)
        makers["D1.marginals"] = lambda ledger: Marginals("marginals", torch.sort(x, dim=0).values, ledger)
    if parts.training is not None:
        own = parts.training
        if parts.population is None and parts.rows is not None and parts.members.label is not None:
            # Who can train and has no records besides trains on the candidates, as an auditor does: members are not marked.
            makers["D2.superset"] = lambda ledger: _superset(parts, ledger)
        if parts.hidden:
            makers["M3"] = lambda ledger: FunctionPlatform(own, ledger)
        else:
            makers["M2"] = lambda ledger: FunctionTrainer(own, size, ledger)
    if parts.references is not None:
        makers |= parts.references.makers
    return makers


def _superset(parts: ClassifierParts, ledger: Ledger) -> Superset:
    """Return all candidates as a pool that holds the members, in an order that does not tell who they are."""
    x, label, ids = candidates(parts)
    order = np.argsort(ids, kind="stable")
    return Superset("superset", x[order], label[order], ids[order], ledger)


def _certain(answer: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Return labels as scores of which one has all probability: a form in which a label can be counted and read."""
    return lambda x: bounded(answer(x), 1e-6)
