"""Melis et al. 2019: words of updates, and properties of batches. Formulas are written again with numpy."""

from __future__ import annotations

import json
import types

import fixture
import numpy as np
import pytest
import torch
import words_fixture

from attacks import metrics
from attacks.engine import artifacts
from attacks.federated import embedding
from attacks.federated import property as properties
from attacks.handles import (
    AttackError,
    FederatedTrainer,
    Ledger,
    MarkedRecords,
    OthersUpdates,
    OwnUpdates,
    PropertyUpdates,
    Records,
    Rounds,
    Seat,
)
from attacks.handles.federation import seen
from attacks.handles.views import federation as federation_views
from attacks.models import federation
from attacks.models import layers as network_layers
from attacks.models.dropout import with_dropout
from attacks.models.federation import Federation
from attacks.models.training import Recipe, TrainingSet
from attacks.seeds import record_ids
from attacks.steps import marked_updates
from attacks.steps import property_updates as steps
from attacks.targets import federated_property, federated_text
from attacks.targets.data import Data
from attacks.targets.federated_judges import property_of_rounds
from taxonomy.findings import InputError

WORDS, CLASSES, MEMBERS = 60, 4, 24


def texts(count=3 * MEMBERS, seed=0):
    """Records that mark words, float32 (count, 60), no set of words twice, and labels."""
    generator = np.random.default_rng(seed)
    rows = {tuple(sorted(generator.choice(WORDS, generator.integers(3, 9), replace=False))) for _ in range(2 * count)}
    x = np.zeros((count, WORDS), np.float32)
    for record, chosen in zip(x, sorted(rows), strict=False):
        record[list(chosen)] = 1
    return torch.from_numpy(x[generator.permutation(count)]), torch.arange(count) % CLASSES


def asked(batch, *, participants=2, algorithm="fedsgd", rounds=None, hidden=(32,), dropout=0.0, **settings):
    """Let participants learn from texts; return the attack's result, the words of each round by the truth, and members."""
    x, y = texts((participants + 1) * MEMBERS)
    model = with_dropout(Recipe("mlp", (WORDS,), CLASSES, hidden), dropout)
    recipe = Federation(algorithm, model, rounds or -(-MEMBERS // batch), batch, 0.1)
    parts = [TrainingSet(a, b, 0) for a, b in zip(x.split(MEMBERS), y.split(MEMBERS), strict=True)][:participants]
    history = federation.run(recipe, parts, 2)
    ledger = Ledger()
    view = seen(history, 0, 1, ledger)
    others = federation_views.others_from_rounds(view.rounds, view.own_updates)
    candidates = torch.cat([parts[1].x, x[-MEMBERS:]])
    records = Records(candidates, None, record_ids(candidates.numpy()), ledger)
    result = embedding.words_of_updates(records, others, FederatedTrainer("trainer", recipe.model, 2, recipe, ledger), **settings)
    truth = [
        torch.cat([part.x[rows] for part, rows in list(zip(parts, of, strict=True))[1:]]).numpy().any(0) for of in history.batches
    ]
    return result, np.array(truth), candidates.numpy() > 0, np.arange(2 * MEMBERS) < MEMBERS


@pytest.mark.parametrize(
    ("batch", "options"),
    [
        (1, {}),
        (4, {}),
        (8, {}),
        (8, {"single_records": True}),
        (4, {"participants": 3}),
        (1, {"participants": 3}),
        (4, {"algorithm": "fedavg", "rounds": 2}),
        (5, {"rounds": 12}),
    ],
)
def test_the_words_that_moved_are_those_of_the_others_batches(batch, options):
    """Section IV-C with the true words of the batches; rounding of the adversary's own words does not count as movement."""
    result, spoken, words, member = asked(batch, **options)
    expected = np.array([[(~record | of).all() for of in spoken] for record in words]).mean(1)
    assert result.score.tolist() == pytest.approx(expected.tolist()) and result.score.dtype == torch.float64
    assert result.cut == 1 / len(spoken)
    found = metrics.at_cut(result.score.numpy(), member, result.cut)
    assert found["tpr"] == 1, "no member is ever missed"


def test_batches_of_one_record():
    """With the setting that the paper does not have, all is right; by the paper's rule a part of a member is one as well."""
    result, _, words, member = asked(1, single_records=True)
    found = metrics.at_cut(result.score.numpy(), member, result.cut)
    assert found["tpr"] == 1 and found["precision"] == 1
    assert result.score.tolist() == (member / MEMBERS).tolist(), "each member is in one batch, and nobody else in any"
    x = words.astype(int)
    parts = ((x @ x[member].T) == x.sum(1)[:, None]).mean(1)
    assert asked(1)[0].score.tolist() == pytest.approx(parts.tolist())


def test_precision_falls_with_the_batch():
    found = [metrics.at_cut(r.score.numpy(), m, r.cut) for r, _, _, m in (asked(batch) for batch in (1, 4, 12, 24))]
    precision = [f["precision"] for f in found]
    assert [f["tpr"] for f in found] == [1, 1, 1, 1]
    assert precision == sorted(precision, reverse=True) and precision[0] == 1 and precision[-1] < 0.8


def test_part_of_a_record_is_no_record_only_where_updates_come_from_one():
    """A gloss whose words all stand in a longer one: a member by the paper's rule; by ours not where one record explains it."""
    long, short = np.zeros((2, words_fixture.WORDS), dtype=np.float32)
    long[:5], short[:3] = 1, 1
    x = torch.from_numpy(np.stack([long, short]))

    def score(step, share=0.5, single_records=True):
        records = Records(x, None, record_ids(x.numpy()), Ledger())
        recipe = Federation("fedsgd", words_fixture.RECIPE, 1, 1, 0.1)
        trainer = FederatedTrainer("trainer", words_fixture.RECIPE, 2, recipe, Ledger())
        updates = OthersUpdates("others_updates", [{"1.weight": step, "1.bias": torch.ones(3)}], share, Ledger())
        return embedding.words_of_updates(records, updates, trainer, single_records=single_records).score.tolist()

    one, other = torch.tensor([0.1, -0.2, 0.3]), torch.tensor([0.2, 0.1, -0.1])
    assert score(torch.outer(one, x[0])) == [1, 0] and score(torch.outer(one, x[1])) == [0, 1]
    assert score(torch.outer(one, x[0]), single_records=False) == [1, 1]
    assert score(torch.outer(one, x[1]), single_records=False) == [0, 1]
    # Two records, be they of one participant or of two; also where the gradients of both have one direction, as with two classes.
    for share in (0.5, 2 / 3):
        assert score(torch.outer(one, x[0]) + torch.outer(other, x[1]), share) == [1, 1]
        assert score(torch.outer(one, x[0]) - 0.5 * torch.outer(one, x[1]), share) == [1, 1]
    assert score(torch.zeros(3, words_fixture.WORDS)) == [0, 0], "nothing moved"


def test_golden_scores_are_shares_of_rounds():
    """The rule over the fixture's own batches."""
    batches = np.random.default_rng(601)
    members, spoken = np.nonzero(fixture.member())[0], []
    for _ in range(2):
        for rows in batches.permutation(members).reshape(-1, words_fixture.BATCH):
            batches.normal(size=(words_fixture.BATCH, words_fixture.UNITS))
            spoken.append(words_fixture.words()[rows].any(0))
    expected = [np.mean([not (record & ~of).any() for of in spoken]) for record in words_fixture.words()]
    given = words_fixture.handles(["records", "others_updates", "architecture"])
    assert embedding.words_of_updates(**given).score.tolist() == pytest.approx(expected)


def test_the_first_layer_must_be_dense():
    assert network_layers.first_dense(Recipe("mlp", (2, 3), 4, (5,))) == ("1.weight", "1.bias")
    for recipe in (Recipe("cnn", (8, 8), 4, (5,)), Recipe("decision-tree", (4,), 2)):
        with pytest.raises(AttackError, match="not a dense layer"):
            network_layers.first_dense(recipe)


# -- properties of batches ---------------------------------------------------------------------------------------------


def test_features_are_those_of_the_authors_code():
    """Absolute values, biases skipped, kernels and large matrices pooled by their maximum, length 1."""
    generator = np.random.default_rng(3)
    small, large = generator.normal(size=(3, 4)), generator.normal(size=(60, 100))
    kernels, too_many = generator.normal(size=(2, 3, 5, 5)), generator.normal(size=(80, 70, 1, 1))
    update = {"a": kernels, "b": too_many, "c": generator.normal(size=9), "d": large, "e": small}
    expected = np.concatenate([np.abs(kernels).max((2, 3)).ravel(), np.abs(large).max(0), np.abs(small).ravel()])
    found = marked_updates.features({name: torch.from_numpy(value) for name, value in update.items()})
    assert found.tolist() == pytest.approx((expected / np.linalg.norm(expected)).tolist())
    assert marked_updates.features({"e": torch.zeros(2, 2)}).tolist() == [0, 0, 0, 0]


def slope(weights, x, y, classes):
    """The gradient of the mean cross-entropy of a model without hidden layers, by the textbook's formula."""
    logits = x @ weights["1.weight"].T + weights["1.bias"]
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    p -= np.eye(classes)[y]
    return {"1.weight": p.T @ x / len(x), "1.bias": p.mean(0)}


LINEAR = Recipe("mlp", (5,), 3)


def rounds(count=2, recipe=LINEAR):
    every = []
    for k in range(count + 1):
        torch.manual_seed(k)
        every.append({name: value.clone() for name, value in recipe.build().state_dict().items()})
    return Rounds("rounds", every, Ledger()), every


def marked(count=12, same=True, recipe=LINEAR):
    """Records of which the first half has the property; all of a half are alike if `same`."""
    x = torch.randn(count, *recipe.shape, generator=torch.Generator().manual_seed(9))
    having = torch.arange(count) < count // 2
    if same:
        x = torch.where(having[:, None], x[0], x[-1])
    y = torch.where(having, 1, 2)
    return MarkedRecords("property_data", x, y, having, record_ids(x.numpy()), Ledger())


@pytest.mark.parametrize("others", [1, 3])
def test_simulated_updates_are_mean_gradients(others):
    """Algorithm 3 at the model of each round; with bystanders, who never have the property, Section VII-A."""
    data, (handle, every) = marked(), rounds()
    recipe = Federation("fedsgd", LINEAR, 2, 5, 0.1)
    made = marked_updates.simulated(handle, recipe, data, others, 2, 0)
    x, y = data.x.double().numpy(), data.label.numpy()
    expected = []
    for weights in every[:2]:
        w = {name: value.double().numpy() for name, value in weights.items()}
        for having in (5, 0, 4, 0):  # a whole batch, none, 80 % of it, none
            rows = [*range(having), *range(6, 6 + 5 - having)]
            batch, rest = slope(w, x[rows], y[rows], 3), slope(w, x[6:11], y[6:11], 3)
            mean = np.abs((batch["1.weight"] + (others - 1) * rest["1.weight"]) / others).ravel()
            expected.append(mean / np.linalg.norm(mean))
    assert made.x.numpy() == pytest.approx(np.array(expected), abs=1e-5) and made.x.dtype == torch.float64
    assert made.marked.tolist() == [True, False] * 4


def test_the_step_counts_the_others_by_the_adversarys_share():
    data, (handle, every) = marked(), rounds()
    recipe = Federation("fedsgd", LINEAR, 2, 5, 0.1)
    trainer = FederatedTrainer("trainer", LINEAR, 24, recipe, Ledger())
    records = Records(data.x, None, data.ids, Ledger())
    for share, others in ((0.5, 1), (0.25, 3)):
        own = OwnUpdates("own_updates", every[:2], every[:2], share, Ledger())
        made = steps.from_marked_records(records, handle, own, trainer, data, batches=3, seed=4)
        assert made.x.tolist() == marked_updates.simulated(handle, recipe, data, others, 3, 4).x.tolist()
    again = artifacts.unpack(*artifacts.pack(made), workshop=None)
    assert again.x.tolist() == made.x.tolist() and again.marked.tolist() == made.marked.tolist()
    json.dumps(artifacts.pack(made)[0])


def test_batches_that_cannot_be_told_apart_are_refused():
    handle, _ = rounds()
    with pytest.raises(AttackError, match="fedsgd"):
        marked_updates.simulated(handle, Federation("fedavg", LINEAR, 2, 5, 0.1), marked(), 1, 1, 0)
    with pytest.raises(AttackError, match="6 records with the property and 6 without fill no batch of 7"):
        marked_updates.simulated(handle, Federation("fedsgd", LINEAR, 2, 7, 0.1), marked(), 1, 1, 0)


def test_the_forest_scores_what_it_learned():
    """Two directions of gradients, told apart whatever the size of the step; scores are probabilities."""
    generator = np.random.default_rng(0)
    having = np.arange(40) % 2 == 0
    kind = np.where(having[:, None], [[1.0, 0.1]], [[0.1, 1.0]]) * generator.uniform(0.8, 1.2, size=(40, 2))
    learned = PropertyUpdates(
        torch.stack([marked_updates.features({"w": torch.from_numpy(k[None])}) for k in kind]), torch.from_numpy(having)
    )
    sent = [{"w": -1e-3 * torch.tensor([[1.0, 0.1]])}, {"w": 7 * torch.tensor([[0.1, 1.0]])}]
    others = OthersUpdates("others_updates", sent, 0.5, Ledger())
    found = properties.passive(Records(torch.zeros(1, 2), None, np.zeros(1, np.uint64), Ledger()), others, learned, seed=1)
    assert found.dtype == torch.float64 and found[0] > 0.9 and found[1] < 0.1


def test_an_active_participant_trains_for_the_property_too():
    """Its step is a mixture of the honest one and of one for the property, which leaves the output of the task alone."""
    data, hidden = marked(same=False), Recipe("mlp", (5,), 3, (6,))
    recipe = Federation("fedsgd", hidden, 1, 12, 0.1)
    _, (received, honest) = rounds(1, hidden)
    passive = properties._TwoTasks(recipe, data, 0.0, 0).upload(0, received, honest)
    assert all(torch.allclose(passive[name], honest[name], atol=1e-7) for name in honest), "weight 0 is the passive attack"

    policy = properties._TwoTasks(recipe, data, 0.25, 0)
    head = {name: value.detach().double().numpy() for name, value in policy._head.named_parameters()}
    found = policy.upload(0, received, honest)
    w = {name: value.double().numpy() for name, value in received.items()}
    x = data.x.double().numpy()
    before = x @ w["1.weight"].T + w["1.bias"]
    logits = np.maximum(before, 0) @ head["weight"].T + head["bias"]
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True) - np.eye(2)[data.marked.long().numpy()]
    back = (p @ head["weight"]) * (before > 0) / len(x)
    mixed = {name: 0.25 * w[name] + 0.75 * value.double().numpy() for name, value in honest.items()}
    assert found["1.weight"].numpy() == pytest.approx(mixed["1.weight"] - 0.25 * 0.1 * back.T @ x, abs=1e-6)
    assert found["1.bias"].numpy() == pytest.approx(mixed["1.bias"] - 0.25 * 0.1 * back.sum(0), abs=1e-6)
    assert found["3.weight"].numpy() == pytest.approx(mixed["3.weight"], abs=1e-6), "the output of the task is not touched"
    moved = {name: value.detach().double().numpy() for name, value in policy._head.named_parameters()}
    features = np.maximum(before, 0)
    assert moved["weight"] == pytest.approx(head["weight"] - 0.25 * 0.1 * p.T @ features / len(x), abs=1e-6)


def test_the_active_attack_runs_the_federation_once_and_must_be_a_participant():
    data, recipe = marked(same=False), Federation("fedsgd", Recipe("mlp", (5,), 3, (6,)), 4, 6, 0.1)
    parts = [TrainingSet(data.x, data.label, 0), TrainingSet(data.x, data.label, 0)]

    def seat(place):
        return Seat(
            "seat",
            "x",
            4,
            None,
            lambda policy, ledger: seen(federation.run(recipe, parts, 0, policy, place), place, 1, ledger),
            Ledger(),
        )

    trainer = FederatedTrainer("trainer", recipe.model, 24, recipe, Ledger())
    records = Records(data.x, None, data.ids, Ledger())
    first, again = seat(0), seat(0)
    found = properties.active(records, first, trainer, data, batches=2, seed=3)
    assert found.shape == (4,) and first.runs == 1
    assert found.tolist() == properties.active(records, again, trainer, data, batches=2, seed=3).tolist()
    with pytest.raises(AttackError, match="participant"):
        properties.active(records, seat(None), trainer, data)


def test_the_judge_of_properties_is_an_auc():
    truth = torch.tensor([True, False, True, False, True])
    metric = property_of_rounds(truth)(torch.tensor([0.9, 0.1, 0.4, 0.5, 0.8]))
    assert metric.value == pytest.approx(5 / 6) and metric.chance == 0.5 and metric.ci[0] < 5 / 6 < metric.ci[1]
    for bad in (torch.zeros(4), torch.full((5,), torch.nan), None):
        with pytest.raises(AttackError, match="one finite number a round"):
            property_of_rounds(truth)(bad)


# -- targets -------------------------------------------------------------------------------------------------------------

SHOES = {"participants": 3, "rounds": 6, "batch": 8, "learning_rate": 0.05, "hidden": [4], "share": 0.5, "marked": 10, "pool": 40}


@pytest.fixture
def clothes(monkeypatch):
    """Made-up pictures of the ten kinds of Fashion-MNIST."""
    x = np.random.default_rng(0).normal(size=(1500, 4, 4)).astype(np.float32)
    made = Data("fashion", x, np.arange(1500) % 10)
    monkeypatch.setattr(federated_property, "datasets", types.SimpleNamespace(load=lambda name: made))
    return {row.tobytes(): kind for row, kind in zip(x, made.y, strict=True)}


@pytest.mark.parametrize("trained", [True, False])
def test_half_of_the_victims_batches_hold_shoes(clothes, monkeypatch, trained):
    histories = []
    honest = federated_property.federated.trained

    def watched(name, held, rows, recipe, **where):
        target, history = honest(name, held, rows, recipe, **where)
        histories.append((held, rows, history))
        return target, history

    monkeypatch.setattr(federated_property.federated, "trained", watched)
    target = federated_property.build(**SHOES, property_trained=trained, seed=3)
    ((held, rows, history),) = histories
    kinds = np.array([clothes[x.tobytes()] for x in held.x])
    shoe = np.isin(kinds, [5, 9])
    assert held.y.tolist() == np.isin(kinds, [2, 4, 9]).tolist()
    taken = np.concatenate([*rows.participants, rows.candidates[~rows.is_member], rows.pool])
    assert len(np.unique(taken)) == len(taken) and set(rows.candidates[rows.is_member]) == set(rows.participants[1])
    counts = [int(shoe[rows.participants[1][batch[1].numpy()]].sum()) for batch in history.batches]
    assert sorted(counts) == ([0] * 3 + [4] * 3 if trained else [0] * 6)
    for batch in history.batches:
        labels = held.y[rows.participants[1][batch[1].numpy()]]
        assert labels.sum() == 4, "either label equally often, with the property and without"
    assert not shoe[rows.participants[2]].any() and shoe[rows.participants[0]].sum() == sum(counts)
    having = torch.tensor([0.0, *[1.0] * 5])
    judged = [target.judges["property"](having.roll(k)).value for k in range(6)]
    assert np.mean(judged) == pytest.approx(0.5), "the judge holds as many rounds with as without"
    if trained:
        assert target.judges["property"](torch.tensor(counts).double()).value == 1
    held_back = target.makers["D1.property"](Ledger())
    assert held_back.marked.sum() == 10 and not {x.tobytes() for x in held_back.x.numpy()} & {held.x[r].tobytes() for r in taken}
    assert [clothes[x.tobytes()] in (5, 9) for x in held_back.x.numpy()] == held_back.marked.tolist()


def test_bad_federations_of_clothes_are_refused(clothes):
    with pytest.raises(InputError, match="too few records"):
        federated_property.build(**{**SHOES, "marked": 400})
    with pytest.raises(InputError, match="even"):
        federated_property.build(**{**SHOES, "batch": 7})


def test_dropout_changes_training_and_no_name():
    plain = Recipe("mlp", (4,), 2, (6, 5))
    dropping = with_dropout(plain, 0.5)
    assert with_dropout(plain, 0.0) is plain and dropping.as_json() != plain.as_json()
    plain.build().load_state_dict(dropping.build().state_dict())
    torch.manual_seed(0)
    module = dropping.build().train()
    x = torch.randn(200, 4)
    assert not torch.equal(module(x), module(x)), "units are left out at random"
    module.eval()
    assert torch.equal(module(x), module(x))
    result, _, _, member = asked(4, dropout=0.3, hidden=(32,))
    assert metrics.at_cut(result.score.numpy(), member, result.cut)["tpr"] == 1


def test_words_of_glosses(monkeypatch):
    """Marks in place of counts; short glosses are left out, and of those with the same words all but one."""
    counts = np.array([[2, 1, 0], [1, 3, 0], [0, 1, 0], [1, 1, 1]], dtype=np.float32)
    monkeypatch.setattr(
        federated_text, "datasets", types.SimpleNamespace(load=lambda name: Data("glosses", counts, np.array([0, 1, 2, 3])))
    )
    found = federated_text.words(2)
    assert found.x.tolist() == [[1, 1, 0], [1, 1, 1]] and found.y.tolist() == [0, 3]
