"""Targets that are classifiers trained on a data set: split, training, and the handles that they offer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from attacks.handles import (
    EmbeddingOracle,
    HeldRecords,
    KnownMembers,
    LabelOracle,
    Ledger,
    Marginals,
    ModelType,
    Number,
    Parameters,
    Platform,
    Population,
    ScoreOracle,
    ShadowData,
    Superset,
    TopScoreOracle,
    Trainer,
)
from attacks.models import signals, training
from attacks.models.training import Model, Recipe, TrainingSet
from attacks.seeds import derive_seed, digest, digest_arrays, record_ids
from attacks.targets import data as datasets
from attacks.targets import judges, poorer
from attacks.targets.split import Split, split
from attacks.targets.target import HandleMaker, Target

# The smaller share of wrong values of Shokri et al. 2017, Section V-C and Figure 8.
ERRORS = 0.1


def build(
    *,
    data: str,
    members: int,
    non_members: int,
    architecture: str = "",
    hidden: Sequence[int] = (),
    epochs: int = 0,
    batch: int = 0,
    learning_rate: float = 0.0,
    trainer: str = "",
    known_members: int = 0,
    shifted: str = "",
    members_trained: bool = True,
    sensitive: int = -1,
    seed: int = 0,
) -> Target:
    """Split a data set by the seed and train a classifier on the members.

    `data`, `architecture` and `trainer` may be paths of functions of a catalog's own code, `package.module:function`: of a data
    set (attacks/targets/data), of an empty network and of a training procedure (attacks/models/training.py, `Recipe`).

    Members, non-members and the adversary's pool are disjoint. `known_members` more records are trained on too, of which the
    adversary knows, beside as many of the pool that it knows to be none; they are no candidates. `shifted` is another data set,
    of which the adversary may hold records. With `members_trained` false the model is trained on as many records of the pool
    instead of the members, which then leave the pool: a control that never saw its "members". `sensitive` is the column of the
    feature that partial records leave out.
    """
    records = datasets.load(data)
    parts = split(
        len(records.x),
        data,
        members=members,
        non_members=non_members,
        known_members=known_members,
        members_trained=members_trained,
        seed=seed,
    )
    recipe = Recipe(
        architecture=architecture or ("" if trainer else "mlp"),
        shape=records.x.shape[1:],
        classes=records.classes,
        hidden=tuple(hidden),
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
        trainer=trainer,
    )
    return trained(data, records, parts, recipe, sensitive=sensitive, shifted=shifted, seed=seed)[0]


def trained(
    data: str, records: datasets.Data, parts: Split, recipe: Recipe, *, sensitive: int = -1, shifted: str = "", seed: int = 0
) -> tuple[Target, Model]:
    """Train a classifier on a split data set; return the target that it is, and the model itself."""
    candidates, pool, known = parts.candidates, parts.pool, parts.known
    rows, is_member = parts.training, parts.is_member
    x_train, y_train = records.some(rows)
    training_set = TrainingSet(x_train, y_train, derive_seed(seed, "target", data))
    (model,) = training.fit_many(recipe, [training_set], "target")

    x, label = records.some(candidates)
    train_log_probs = model.log_probs(x_train)
    outside = ~torch.from_numpy(is_member)
    held_out = model.log_probs(x[outside])
    target = Target(
        id=data,
        x=x,
        label=label,
        ids=record_ids(x.numpy()),
        member=torch.from_numpy(is_member),
        makers=makers_of_classifier(
            model,
            training_size=len(rows),
            mean_loss=float(signals.loss(train_log_probs, y_train).mean()),
            population=held(records, pool),
            known_members=held(records, known),
            known_non_members=held(records, pool[: len(known)]),
            # These are copies of nearly the whole data set, so they are made only where they are asked for.
            superset=lambda: held(records, np.unique(np.concatenate([candidates, rows, pool]))),
            noisy=lambda: with_errors(held(records, pool), derive_seed(seed, "errors", data)),
            shifted=shifted,
        ),
        fingerprint=digest(
            [
                model.fingerprint,
                digest_arrays(x.numpy(), label.numpy(), records.x[pool], records.y[pool], records.x[known]),
                shifted,
            ]
        ),
        facts={
            "training_accuracy": signals.accuracy(train_log_probs, y_train),
            "test_accuracy": signals.accuracy(held_out, label[outside]),
            "training_size": len(rows),
            "pool_size": len(pool),
        },
        judges={
            **judges.of_classifier(recipe, x, label, torch.from_numpy(is_member), None if sensitive < 0 else sensitive, seed),
            "extraction": lambda stolen: judges.fidelity(stolen, x[outside], held_out),
        },
        hidden_feature=None if sensitive < 0 else sensitive,
    )
    return target, model


def held(records: datasets.Data, rows: NDArray[np.int64]) -> ShadowData:
    """Return rows of a data set as records that somebody holds."""
    x, y = records.some(rows)
    return ShadowData(x, y, record_ids(x.numpy()))


def _stored(model: Model, ledger: Ledger) -> HeldRecords:
    """Return the handle of the records that a model holds."""
    assert model.stored is not None, "it is offered by models that hold records"
    x, label = model.stored
    return HeldRecords("stored_records", x, label, record_ids(x.numpy()), ledger)


def with_errors(records: ShadowData, seed: int) -> ShadowData:
    """Return the records with a share `ERRORS` of their values replaced, each by that feature's value in a random record."""
    generator = torch.Generator().manual_seed(seed)
    x = records.x.flatten(1)
    wrong = torch.rand(x.shape, generator=generator) < ERRORS
    other = torch.randint(max(len(x), 1), x.shape, generator=generator)
    mixed = torch.where(wrong, x.gather(0, other), x).reshape(records.x.shape) if len(x) else records.x
    return ShadowData(mixed, records.label, record_ids(mixed.numpy()))


def makers_of_classifier(
    model: Model,
    *,
    training_size: int,
    mean_loss: float,
    population: ShadowData,
    known_members: ShadowData,
    known_non_members: ShadowData,
    superset: Callable[[], ShadowData],
    noisy: Callable[[], ShadowData],
    shifted: str,
) -> dict[str, HandleMaker]:
    """Return what makes a fresh handle for each term that a classifier offers."""
    recipe, size = model.recipe, training_size

    def scores(ledger: Ledger) -> ScoreOracle:
        return ScoreOracle("scores", model.log_probs, ledger, resolution=model.resolution)

    def labels(ledger: Ledger) -> LabelOracle:
        oracle = scores(ledger)
        return LabelOracle("labels", lambda x: signals.predicted(oracle(x)), ledger)

    def noisy_population(ledger: Ledger) -> Population:
        drawn = noisy()
        return Population("noisy_population", drawn.x, drawn.label, drawn.ids, ledger)

    def pool_with_members(ledger: Ledger) -> Superset:
        pool = superset()
        return Superset("superset", pool.x, pool.label, pool.ids, ledger)

    def shifted_population(ledger: Ledger) -> Population:
        other = datasets.load(shifted)
        x, y = torch.from_numpy(other.x), torch.from_numpy(other.y)
        return Population("shifted_population", x, y, record_ids(other.x), ledger)

    makers: dict[str, HandleMaker] = {
        "M1.parameters": lambda ledger: Parameters("parameters", model.parameters(), ledger),
        "M2": lambda ledger: Trainer("trainer", recipe, size, ledger),
        "M3": lambda ledger: Platform("platform", recipe, ledger),
        "D1.samples": lambda ledger: Population("population", population.x, population.label, population.ids, ledger),
        "D1.noisy": noisy_population,
        "D1.size": lambda ledger: Number("training_size", size, ledger),
        "D1.marginals": lambda ledger: Marginals("marginals", torch.sort(population.x, dim=0).values, ledger),
        "D1.mean-loss": lambda ledger: Number("mean_loss", mean_loss, ledger),
        "D2.superset": pool_with_members,
        "Q.scores": scores,
        "Q.top-k": lambda ledger: TopScoreOracle("top_k", scores(ledger)),
        "Q.labels": labels,
        **poorer.makers(model, scores),
    }
    if recipe.architecture:
        makers["M4"] = lambda ledger: ModelType("model_type", recipe.architecture, ledger)
    if len(known_members):
        known = known_members
        makers["D2.members"] = lambda ledger: KnownMembers(
            "known_members", known.x, known.label, known.ids, ledger, known_non_members
        )
    if recipe.architecture == "mlp" and recipe.hidden:
        makers["Q.embeddings"] = lambda ledger: EmbeddingOracle("embeddings", model.embedded, ledger)
    if model.stored is not None:
        makers["M1.stored-records"] = lambda ledger: _stored(model, ledger)
    if shifted:
        makers["D1.shifted"] = shifted_population
    return makers
