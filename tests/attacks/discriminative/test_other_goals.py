"""Attacks on attributes and on classes: the hidden feature stays hidden, and formulas are written again."""

from __future__ import annotations

import fixture
import numpy as np
import pytest
import torch
from scipy import stats

from attacks import metrics
from attacks.discriminative import attribute, inversion, threshold
from attacks.engine import plan
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import AttackError, ErrorSpread, Ledger, Marginals, NotGrantedError, Number, Records, ScoreOracle
from attacks.models.training import Recipe
from attacks.seeds import record_ids
from attacks.targets import data, judges
from taxonomy.loading import load

VALUES = torch.tensor([-1.0, 0.0, 2.0])
SHARES = torch.tensor([0.5, 0.3, 0.2])


def case(count=40, seed=0):
    """Partial records of three features, of which the second is hidden, and the probabilities of a linear model."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 3, generator=generator)
    weight = torch.randn(3, 4, generator=generator).double()
    label = torch.arange(count) % 4
    ledger = Ledger()
    x[:, 1] = float("nan")
    column = VALUES.repeat_interleave((SHARES * 10).round().long())
    columns = torch.stack([torch.arange(10.0), column, torch.arange(10.0)], dim=1)
    scores = ScoreOracle("scores", lambda q: torch.log_softmax(q.double() @ weight, -1), ledger)
    records = Records(x, label, record_ids(x.numpy()), ledger)
    return records, scores, Marginals("marginals", columns, ledger), weight


def likelihoods(records, weight):
    """p(label | record with the value) for each value, (n, 3), by numpy."""
    found = []
    for value in VALUES.numpy():
        x = np.nan_to_num(records.x.numpy(), nan=value).astype(np.float64)
        z = np.exp(x @ weight.numpy())
        found.append((z / z.sum(1, keepdims=True))[np.arange(len(x)), records.label.numpy()])
    return np.stack(found, axis=1)


def test_the_value_of_the_largest_posterior_is_found():
    records, scores, marginals, weight = case()
    posterior = likelihoods(records, weight) * SHARES.numpy()
    found = attribute.by_likelihood(records, scores, marginals)
    assert found.tolist() == VALUES[posterior.argmax(1)].tolist()
    assert scores.ledger.queries == 3 * 40
    loss = -np.log(likelihoods(records, weight))
    density = stats.expon.pdf(loss, scale=0.4) * SHARES.numpy()
    by_error = attribute.by_error(records, scores, marginals, Number("mean_loss", 0.4, Ledger()))
    assert by_error.tolist() == VALUES[density.argmax(1)].tolist() and by_error.tolist() != found.tolist()
    assert set(attribute.by_likelihood(records, scores, marginals, values=1).tolist()) == {-1.0}, "the commonest"
    with pytest.raises(AttackError, match="at least 1"):
        attribute.by_likelihood(records, scores, marginals, values=0)


def test_the_hidden_feature_is_hidden(kept_store):
    catalog = load()
    engine = Engine(catalog, Store(kept_store))
    target = engine.target("genomes-panel-tree", 0)
    partial = target.records(Ledger(), with_label=True, partial=True)
    assert partial.x[:, 8].isnan().all() and partial.x.isnan().sum() == len(partial)
    assert partial.ids.tolist() != target.ids.tolist(), "an id is a hash of the whole record, and would give the value away"
    assert partial.ids.tolist() == record_ids(partial.x.numpy()).tolist()
    plain = engine.target("digits-mlp", 0)
    with pytest.raises(NotGrantedError, match="no sensitive feature"):
        plain.records(Ledger(), with_label=True, partial=True)
    (result,) = engine.run(plan.make(catalog, catalog.target("genomes-panel-tree"), None, ["fredrikson-2015-tree"])).results
    metric = result["metric"]
    assert metric["name"] == "attribute advantage" and [w for w in result["warnings"] if "are ties" not in w] == []
    assert metric["value"] == pytest.approx(metric["details"]["members"] - metric["details"]["others"])
    counts, population, _ = data.genotypes()
    differing = [np.var([counts[population == p, k].mean() for p in range(26)]) / counts[:, k].var() for k in range(24)]
    assert int(np.argmax(differing)) == 8, "the SNP that differs most between populations is the sensitive one"


def test_the_judge_of_attributes_counts_hits():
    truth, member = torch.arange(10.0), torch.arange(10) < 6
    found = truth.clone()
    found[4:8] = -1.0
    metric = judges.attribute(truth, member)(found)
    assert metric.value == pytest.approx(4 / 6 - 2 / 4) and metric.chance == 0
    assert metric.ci[0] < metric.value < metric.ci[1]
    with pytest.raises(AttackError, match="one value a record"):
        judges.attribute(truth, member)(found[:3])
    certain = metrics.advantage("x", np.ones(20, dtype=bool), np.arange(20) < 10)
    assert certain.ci[0] < 0 < certain.ci[1], "ten of ten is no certainty"


def test_inversion_climbs_to_the_class():
    weight = torch.randn(5, 3, generator=torch.Generator().manual_seed(1)).double()
    ledger = Ledger()
    scores = ScoreOracle("scores", lambda q: torch.log_softmax(q.double() @ weight, -1), ledger)
    records = Records(torch.zeros(2, 5), None, np.zeros(2, dtype=np.uint64), ledger)
    found = inversion.invert(records, scores, queries=2000)
    assert found.shape == (3, 5) and found.dtype == torch.float32
    answers = torch.log_softmax(found.double() @ weight, -1).exp()
    assert (answers.diagonal() >= 0.99).all() and ledger.queries <= 2000
    first = inversion.invert(records, scores, queries=3 * 6 * 2)
    slope = weight.T - weight.mean(1)  # of the log-score at the empty input, where all scores are equal
    assert torch.allclose(first.double(), 0.25 * slope / slope.norm(dim=1, keepdim=True), atol=0.01)
    with pytest.raises(AttackError, match="takes 18 queries; 10 are allowed"):
        inversion.invert(records, scores, queries=10)


def test_error_density_is_a_ratio_of_normals():
    given = fixture.handles(["records", "value", "error_spread"])
    error = (fixture.predicted_value(given["records"].x) - fixture.label()).numpy()
    expected = stats.norm.logpdf(error, 0, 0.3) - stats.norm.logpdf(error, 0, 1.5)
    result = threshold.error_density(**given)
    assert result.score.tolist() == pytest.approx(expected.tolist()) and result.cut == 0
    alone = threshold.error_density(given["records"], given["value"], ErrorSpread("error_spread", 0.3, None, Ledger()))
    assert alone.score.tolist() == (-torch.from_numpy(error).abs()).tolist() and alone.cut == -0.3
    with pytest.raises(AttackError, match="spread of errors is positive"):
        threshold.error_density(given["records"], given["value"], ErrorSpread("error_spread", 0.3, 0.0, Ledger()))


def test_the_judge_of_inversions_asks_another_model():
    torch.manual_seed(0)
    label = torch.arange(60) % 3
    x = torch.nn.functional.one_hot(label, 3).float() * 3 + 0.1 * torch.randn(60, 3)
    recipe = Recipe("mlp", (3,), 3, epochs=60, batch=16, learning_rate=0.05)
    judge = judges.of_classifier(recipe, x, label, torch.arange(60) < 30, None, 0)["inversion"]
    assert judge(3 * torch.eye(3)).value == 1 and judge(3 * torch.eye(3)).chance == pytest.approx(1 / 3)
    assert judge(3 * torch.eye(3)[[1, 2, 0]]).value == 0
    with pytest.raises(AttackError, match="one input a class"):
        judge(torch.zeros(2, 3))
