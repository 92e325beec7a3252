"""A small fixed adversary: handles over made-up answers, the same on every machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fixture_statistics
import numpy as np
import torch
from torch import Tensor

from attacks.handles import (
    Architecture,
    AttackData,
    EmbeddingOracle,
    ErrorSpread,
    HeldRecords,
    KnownFeatures,
    KnownMembers,
    LabelOracle,
    Ledger,
    LossThreshold,
    Number,
    Parameters,
    Population,
    PopulationStatistics,
    RecordRange,
    Records,
    ReferenceModels,
    Rounds,
    ScoreOracle,
    Seat,
    Seen,
    ShadowData,
    ShadowModels,
    ShadowUpdates,
    Surrogate,
    TopScoreOracle,
    Trainer,
    UpdatedScores,
    Updates,
    ValueOracle,
)
from attacks.models.federation import Policy, Weights
from attacks.models.further_training import change
from attacks.models.poorer_answers import noisy
from attacks.models.training import Model, Recipe
from attacks.seeds import hash_records
from attacks.steps import known_features

RECORDS, CLASSES, MODELS, UPDATES = 24, 3, 8, 12
ROUNDS, PARTICIPANTS, VICTIM = 6, 3, 1
IDS = np.arange(1, RECORDS + 1, dtype=np.uint64)


def answers(inside: np.ndarray, seed: int) -> Tensor:
    """Log-probabilities (records, classes): members are answered with more confidence; two records tie."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(RECORDS, CLASSES)) * 2
    logits[np.arange(RECORDS), label().numpy()] += 1 + 3 * inside
    logits[1] = logits[0]
    return torch.log_softmax(torch.from_numpy(logits), -1)


def label() -> Tensor:
    return torch.arange(RECORDS) % CLASSES


def member() -> np.ndarray:
    return np.arange(RECORDS) % 2 == 0


def halves(ids: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Which of `count` models has which record, bool (count, n): one of each two, as a hash of seed, pair and record decides."""
    first = [hash_records(seed, pair, ids) >> np.uint64(63) == 0 for pair in range(count // 2)]
    return np.stack([row for choice in first for row in (choice, ~choice)])


# The second hidden layer has one unit a record, which is 1 there and 0 at every other: such a network takes any value anywhere.
RECIPE = Recipe("mlp", (1,), CLASSES, hidden=(RECORDS + 2, RECORDS))


def network(table: Tensor) -> dict[str, Tensor]:
    """The weights of a network that answers as the table (records, classes) says; small first weights keep gradients alike."""
    small = 0.1
    hats = torch.zeros(RECORDS, RECORDS + 2)
    for k in range(RECORDS):
        hats[k, k : k + 3] = torch.tensor([1.0, -2.0, 1.0]) / small
    return {
        "1.weight": torch.full((RECORDS + 2, 1), small),
        "1.bias": -small * torch.arange(-1, RECORDS + 1, dtype=torch.float32),
        "3.weight": hats,
        "3.bias": torch.zeros(RECORDS),
        "5.weight": table.T.float().contiguous(),
        "5.bias": torch.zeros(CLASSES),
    }


class Answers(Model):
    """A model that knows one answer for each record, found by the record's only feature, or by the mean of a picture.

    The table may hold answers on more records than the candidates.

    Between two records, the nearer one's answer holds, and its highest score falls with the distance: the more confident the
    answer, the farther the label holds.
    """

    def __init__(self, table: Tensor, fingerprint: str = "fixed"):
        module = RECIPE.build()
        module.load_state_dict(network(table[:RECORDS]))
        super().__init__(RECIPE, module, fingerprint)
        self.table = table

    def log_probs(self, x: Tensor) -> Tensor:
        place = x.flatten(1).double().mean(1).clamp(0, len(self.table) - 1)
        record = place.round()
        answer = self.table[record.long()].clone()
        top = answer.argmax(-1, keepdim=True)
        away = (place - record).abs()[:, None]
        return torch.where(away > 0, torch.log_softmax(answer.scatter_add(-1, top, -16 * away), -1), answer)

    kept_log_probs = log_probs


def reference_models() -> ReferenceModels:
    """Models that were trained on half of other records each, which follow the candidates in number."""
    never, inside = np.zeros(RECORDS, dtype=bool), halves(IDS + np.uint64(RECORDS), MODELS, 5)
    tables = [torch.cat([answers(never, 700 + k), answers(row, 750 + k)]) for k, row in enumerate(inside)]
    models = [Answers(table, f"reference-{k}") for k, table in enumerate(tables)]
    return ReferenceModels(ShadowModels(models, other_records(), torch.from_numpy(inside)))


def other_records() -> ShadowData:
    """Records of the adversary's own, which follow the candidates in number."""
    x = torch.arange(RECORDS, 2 * RECORDS, dtype=torch.float32)[:, None]
    return ShadowData(x, label(), IDS + np.uint64(RECORDS))


def round_weights() -> list[Weights]:
    """Global models of a federation, which grow more confident on members from round to round."""
    return [network(answers(member() * (k / ROUNDS), 500)) for k in range(ROUNDS + 1)]


def uploads() -> list[list[Weights]]:
    """Uploads of every round: the victim is more confident on its records than the global model, the others are less."""
    confidence = [0.0, 1.5, 0.5]
    return [[network(answers(member() * by * (k + 1) / ROUNDS, 500)) for by in confidence] for k in range(ROUNDS)]


def known_members(x: Tensor, ledger: Ledger) -> KnownMembers:
    """All records, with the truth about them: members, and the others as known non-members."""
    rows = torch.from_numpy(member())
    others = ShadowData(x[~rows], label()[~rows], IDS[~member()])
    return KnownMembers("known_members", x[rows], label()[rows], IDS[member()], ledger, others)


FEDERATED = {"rounds", "updates", "seat", "known_round_features", "known_upload_features"}


def federated(x: Tensor, ledger: Ledger) -> dict[str, Callable[[], Any]]:
    """What makes the handles of a federation; what an active adversary does changes nothing there, but it is asked."""
    everyone, sent = uploads(), round_weights()

    def updates() -> Updates:
        received = [[weights] * PARTICIPANTS for weights in sent]
        return Updates("updates", received, everyone, torch.full((PARTICIPANTS,), 1 / 3).double(), VICTIM, ledger)

    def rounds() -> Rounds:
        return Rounds("rounds", sent, ledger)

    def play(policy: Policy, ledger: Ledger) -> Seen:
        for number in range(ROUNDS):
            policy.send(number, VICTIM, sent[number], everyone[number][VICTIM])
            policy.upload(number, sent[number], everyone[number][0])
        return Seen(rounds(), updates(), None)

    trainer = FixedTrainer("trainer", RECIPE, RECORDS // 2, ledger)
    records = Records(x, label(), IDS, ledger)

    def known(of: Any, models: Any) -> KnownFeatures:
        found: KnownFeatures = of(records, models, trainer, known_members(x, ledger), snapshots=3)
        return found

    return {
        "rounds": rounds,
        "updates": updates,
        "seat": lambda: Seat("seat", "server", ROUNDS, VICTIM, play, ledger),
        "known_round_features": lambda: known(known_features.from_rounds, rounds()),
        "known_upload_features": lambda: known(known_features.from_uploads, updates()),
    }


class FixedTrainer(Trainer):
    """Trains nothing: hands over networks of the fixture, so that golden values do not hang on float32 sums."""

    def fit_many(self, sets: Any) -> list[Model]:
        self._touch()
        return [Answers(answers(np.zeros(RECORDS, dtype=bool), 300 + k), f"fixed-{k}") for k in range(len(sets))]


def updated(table: Tensor, count: int, seed: int) -> tuple[list[Tensor], Tensor]:
    """Answers (records, classes) after each of `count` updates, and the class that each made likelier everywhere, int64."""
    generator = np.random.default_rng(seed)
    cause = torch.from_numpy(generator.permutation(np.arange(count) % CLASSES))
    towards = torch.nn.functional.one_hot(cause, CLASSES)[:, None] + torch.from_numpy(
        generator.normal(size=(count, *table.shape))
    )
    # Some updates change the answers a hundred times as much as others.
    step = torch.from_numpy(10.0 ** generator.uniform(-3, -1, size=(count, 1, 1)))
    return list(torch.log_softmax(table + step * towards, -1)), cause


def updates_of_shadow(count: int = 90) -> ShadowUpdates:
    """What updates of a shadow model changed, with every record as a probe."""
    before = answers(np.zeros(RECORDS, dtype=bool), 400)
    after, cause = updated(before, count, 401)
    probes = torch.arange(RECORDS, dtype=torch.float32)[:, None]
    return ShadowUpdates(torch.stack([change(before, table) for table in after]), cause, probes)


def predicted_value(x: Tensor) -> Tensor:
    """A regression that misses the labels of members by less."""
    error = np.random.default_rng(300).normal(size=RECORDS) * np.where(member(), 0.3, 1.5)
    return (label().double() + torch.from_numpy(error))[x[:, 0].long()]


def embedded(x: Tensor) -> Tensor:
    """A point on a circle, which moves the less with a record the surer the model is of it: members by less."""
    place = x.flatten(1).double().mean(1)
    record = place.round().clamp(0, RECORDS - 1)
    turn = (place - record) * torch.where(torch.from_numpy(member()), 0.5, 1.5)[record.long()]
    return torch.stack([turn.cos(), turn.sin()], dim=1)


def pictures() -> Tensor:
    """Pictures of 4 x 4 pixels whose mean is the record's number; a shift by a pixel moves it by 0.03 to 0.12."""
    ramp = torch.arange(4.0) - 1.5
    slope = torch.tensor([0.04, 0.08, 0.16])[torch.arange(RECORDS) // 2 % 3, None, None]
    return torch.arange(RECORDS)[:, None, None] + slope * (ramp[:, None] + 0.5 * ramp)


def handles(names: list[str], *, label_granted: bool = True, of_pictures: bool = False) -> dict[str, Any]:
    """Return the handles of these names over the fixture, whose records are numbers or pictures."""
    if {"aggregates", "beacon"} & {*names}:
        return fixture_statistics.handles(names)
    if "masks" in names:
        import dense_fixture

        return dense_fixture.handles(names, label_granted=label_granted)
    if "others_updates" in names:
        import words_fixture

        return words_fixture.handles(names)
    import generative_fixture

    if generative_fixture.OWN & {*names}:
        return generative_fixture.handles(names, of_pictures=of_pictures)
    ledger = Ledger()
    x = pictures() if of_pictures else torch.arange(RECORDS, dtype=torch.float32)[:, None]
    target = Answers(answers(member(), 100))
    inside, never = halves(IDS, MODELS, 5), np.zeros(RECORDS, dtype=bool)
    shadow = ShadowModels(
        [Answers(answers(row, k)) for k, row in enumerate(inside)], ShadowData(x, label(), IDS), torch.from_numpy(inside)
    )
    scores = ScoreOracle("scores", target.log_probs, ledger)
    makers: dict[str, Callable[[], Any]] = {
        "records": lambda: Records(x, label() if label_granted else None, IDS, ledger),
        "scores": lambda: scores,
        "noisy_scores": lambda: ScoreOracle("noisy_scores", lambda q: noisy(target.log_probs(q), q, 0.5, 7), ledger),
        "top_k": lambda: TopScoreOracle("top_k", scores),
        "labels": lambda: LabelOracle("labels", lambda q: target.log_probs(q).argmax(-1), ledger),
        "parameters": lambda: Parameters("parameters", network(answers(member(), 100)), ledger),
        "trainer": lambda: FixedTrainer("trainer", RECIPE, RECORDS // 2, ledger),
        "architecture": lambda: Architecture("architecture", RECIPE, ledger),
        "known_members": lambda: known_members(x, ledger),
        "value": lambda: ValueOracle("value", predicted_value, ledger),
        "error_spread": lambda: ErrorSpread("error_spread", 0.3, 1.5, ledger),
        "embeddings": lambda: EmbeddingOracle("embeddings", embedded, ledger),
        "mean_loss": lambda: Number("mean_loss", 0.1, ledger),
        "loss_threshold": lambda: LossThreshold("loss_threshold", 0.1, ledger),
        "shadow_models": lambda: shadow,
        "shadow_data": other_records,
        "reference_models": reference_models,
        "updated_scores": lambda: UpdatedScores(
            "updated_scores",
            target.log_probs,
            [Answers(table).log_probs for table in updated(target.table, UPDATES, 402)[0]],
            ledger,
        ),
        "shadow_updates": updates_of_shadow,
        "surrogate": lambda: Surrogate(Answers(answers(member(), 300))),
        "attack_data": lambda: AttackData(answers(inside[0], 0), label(), torch.from_numpy(inside[0])),
        "stored_records": lambda: HeldRecords("stored_records", x[member()], label()[member()], IDS[member()], ledger),
        "record_range": lambda: RecordRange("record_range", 2, lambda x, which: x + which % 2, ledger),
        "population": lambda: Population("population", x, label(), IDS, ledger),
        "population_statistics": lambda: PopulationStatistics(ShadowData(x, label(), IDS), answers(never, 200)),
    }
    if FEDERATED & set(names):
        makers.update(federated(x, ledger))
    missing = [name for name in names if name not in makers]
    assert not missing, f"tests/attacks/fixture.py makes no handle {missing}; add one"
    return {name: makers[name]() for name in names}
