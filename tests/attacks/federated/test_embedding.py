"""Words of updates (Melis et al. 2019): whose words moved, by the truth of the batches and the formulas written again."""

from __future__ import annotations

import types

import fixture
import numpy as np
import pytest
import torch
import words_fixture

from attacks import metrics
from attacks.federated import embedding
from attacks.handles import AttackError, FederatedTrainer, Ledger, OthersUpdates, Records
from attacks.handles.federation import seen
from attacks.handles.views import federation as federation_views
from attacks.models import federation
from attacks.models import layers as network_layers
from attacks.models.dropout import with_dropout
from attacks.models.federation import Federation
from attacks.models.training import Recipe, TrainingSet
from attacks.seeds import record_ids
from attacks.targets import federated_text
from attacks.targets.data import Data

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
