"""The target of an audit: the user's model with its candidates, and the handles of what the audit file grants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.audit import answers, checks, classes
from attacks.audit.checks import Check
from attacks.audit.inside import Inside
from attacks.audit.kinds.model import OwnModel
from attacks.audit.own_training import FunctionPlatform, FunctionTrainer, OwnTraining
from attacks.audit.parts import Ids, Parts
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
from attacks.targets.target import HandleMaker

if TYPE_CHECKING:
    from taxonomy.catalog import Catalog

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
        # Of records without features, which candidate of the files stands at each place of the target.
        self.numbered: NDArray[np.int64] | None = None
        self._known: NDArray[np.float64] | None = None
        self._count = count
        self.resolution = 0.0

    def ask(self, features: Any, count: int, *, again: bool = False) -> NDArray[np.float64]:
        """Return the model's log-probabilities on rows, float64 (n, classes); raise InputError for answers that are none.

        What a service has answered is kept; asked `again`, it answers anew.
        """
        found = self.model.ask(features, again=again)
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

    def _numbers(self, x: Tensor) -> NDArray[np.int64]:
        """Return which candidates records without features are, int64 (n,); -1 for what is none."""
        assert self.numbered is not None, "they are numbered where they have no features"
        number = x[:, 0].double().numpy()
        known = (number >= 0) & (number < self._count) & (number == np.floor(number))
        return np.where(known, self.numbered[np.where(known, number, 0).astype(np.int64)], -1)

    def __call__(self, x: Tensor) -> Tensor:
        """Return log-probabilities, float64 (n, classes), for records x as attacks see them."""
        places = self._numbers(x) if self.rows is None else self.rows.places(x)
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


def in_order(found: NDArray[np.float64], own: list[str], names: list[str]) -> NDArray[np.float64]:
    """Return answers float64 (n, classes) with the columns of the classes `names`, by name."""
    if own == names:
        return found
    places = [own.index(name) for name in names]
    return np.ascontiguousarray(found[:, places])


@dataclass(kw_only=True)
class ClassifierParts(Parts):
    """What the audit file of a classifier grants: the model with its classes, labels, training and references."""

    model_type = "discriminative"

    names: list[str]
    model: OwnModel
    answers: Answers
    training: OwnTraining | None = None
    hidden: bool = False
    references: Recorded | None = None
    inside: Inside = field(default_factory=Inside)

    @property
    def differentiable(self) -> bool:
        """Whether gradients of the model can be had."""
        return self.inside.recipe is not None

    @property
    def recorded(self) -> bool:
        """Whether the model was handed over as recorded answers."""
        return self.model.recorded is not None

    def steps_of(self, catalog: Catalog) -> Catalog:
        """Return the catalog without steps that train by an architecture alone, where it is a module that the user built.

        A recipe names an architecture that any process builds; the user's training function trains such models. These answer,
        and show nothing of their inside.
        """
        kept = catalog.steps
        if self.inside.recipe is not None:
            kept = {name: step for name, step in kept.items() if "M2.architecture" not in step.needs}
        if self.training is not None:
            kept = {name: step.model_copy(update={"hosted": step.hosted or "M2" in step.needs}) for name, step in kept.items()}
        return replace(catalog, kinds={**catalog.kinds, "steps": kept})

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
        said, seconds = checks.try_training(self, seed)
        return [*checks.try_model(self), *said], seconds

    def asked(self) -> list[Check]:
        """Ask the model about the candidates; its answers show how it rounds, which is to be said."""
        self.answers.learn()
        if self.training is not None:
            self.training.resolution = self.answers.resolution
        return checks.of_answers(self)

    def candidates(self) -> tuple[Tensor, Tensor, Ids]:
        """Return the candidates as they stand in the files: x float32 (n, ...), label int64 (n,), ids uint64 (n,)."""
        label = torch.from_numpy(self.label)
        if self.rows is not None:
            return self.rows.x[: self.count], label, self.rows.ids[: self.count]
        # Recorded answers without features: a record is its place in the target and nothing else.
        place = self.as_in_files(np.arange(self.count))
        return torch.from_numpy(place.astype(np.float32))[:, None], label, place.astype(np.uint64)

    def keys(self) -> Ids:
        """Return a hash of each candidate's features, and numbers drawn at random where it has none."""
        if self.rows is not None:
            return self.rows.ids[: self.count]
        return np.random.default_rng(0).integers(2**63, size=self.count, dtype=np.uint64)

    def identity(self) -> str:
        """Return a hash of the model, of what it answers on its candidates, and of how models like it are trained."""
        method = self.training.method.identity if self.training else ""
        return digest([self.model.identity, digest_arrays(self.answers.on_candidates[self.order]), method])

    def identities(self) -> dict[str, str]:
        """Return hashes of what the model's terms show, and of references."""
        own = {term: digest([self.identity(), term]) for term in self.makers() if term.startswith(("M1.", "M2", "M3", "Q."))}
        given = self.references
        return own | (dict.fromkeys(given.makers, given.identity) if given else {})

    def blind(self) -> Callable[[], NDArray[np.float64]] | None:
        """Return what a classifier that never sees the model reads, where attacks see less of the records than there is."""
        rows = self.described
        if rows is None or self.rows is not None:
            return None
        return lambda: features_of(rows.x[: self.count].numpy(), self.label)

    def makers(self) -> dict[str, HandleMaker]:
        """Return what makes a fresh handle for each term on offer."""
        makers = oracles(self.answers, scored=self.model.answers == "scores", counted=self.model.service)
        size = self.size
        makers["D1.size"] = lambda ledger: Number("training_size", size, ledger)
        if self.population is not None and self.rows is not None and self.population.label is not None:
            # By what they are, so that nothing hangs on the order of a file.
            order = np.argsort(self.rows.ids[self.count :], kind="stable")
            x, ids = self.rows.x[self.count :][order], self.rows.ids[self.count :][order]
            label = torch.from_numpy(classes.numbered(self.population.label, self.names, self.population.where)[order])
            makers["D1.samples"] = lambda ledger: Population("population", x, label, ids, ledger)
            makers["D1.marginals"] = lambda ledger: Marginals("marginals", torch.sort(x, dim=0).values, ledger)
        if self.training is not None:
            own = self.training
            if self.population is None and self.rows is not None and self.members.label is not None:
                # Who can train and has no records besides trains on the candidates, as an auditor does: members are not marked.
                makers["D2.superset"] = lambda ledger: _superset(self, ledger)
            if self.hidden:
                makers["M3"] = lambda ledger: FunctionPlatform(own, ledger)
            else:
                makers["M2"] = lambda ledger: FunctionTrainer(own, size, ledger)
        if self.references is not None:
            makers |= self.references.makers
        return makers | self.inside.makers() | self.of_sets()


class Asked(Protocol):
    """What is asked about records x (n, ...), and answers with log-probabilities, float64 (n, classes)."""

    # The step between two of its probabilities; 0 if there is none.
    resolution: float

    def __call__(self, x: Tensor) -> Tensor:
        """Return log-probabilities of x."""
        ...

    def bounded(self, x: Tensor) -> Tensor:
        """Return log-probabilities of x, of which none is minus infinity."""
        ...


def oracles(asked: Asked, *, scored: bool, counted: bool) -> dict[str, HandleMaker]:
    """Return what makes a fresh handle for each form in which a classifier answers: one that is not `scored`, with labels."""

    def scores(ledger: Ledger) -> ScoreOracle:
        return ScoreOracle("scores", asked, ledger, counted=counted, resolution=asked.resolution)

    def labels(ledger: Ledger) -> LabelOracle:
        if not scored:
            certain = ScoreOracle("labels", _certain(asked), ledger, counted=counted, resolution=1e-6)
            return LabelOracle("labels", lambda x: signals.predicted(certain(x)), ledger)
        oracle = scores(ledger)
        return LabelOracle("labels", lambda x: signals.predicted(oracle(x)), ledger)

    def rounded_scores(ledger: Ledger) -> ScoreOracle:
        resolution = max(10.0**-DIGITS, asked.resolution)
        return ScoreOracle(
            "rounded_scores", lambda x: rounded(asked.bounded(x), DIGITS), ledger, counted=counted, resolution=resolution
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
    return makers


def _superset(parts: ClassifierParts, ledger: Ledger) -> Superset:
    """Return all candidates as a pool that holds the members."""
    x, label, ids = parts.candidates()
    order = parts.order
    return Superset("superset", x[order], label[order], ids[order], ledger)


def _certain(answer: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Return labels as scores of which one has all probability: a form in which a label can be counted and read."""
    return lambda x: bounded(answer(x), 1e-6)
