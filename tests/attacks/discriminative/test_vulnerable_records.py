"""The pieces of GMIA against scipy and by hand, and what its abstention and its indirect form promise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fixture import IDS, RECORDS, handles, label, member
from scipy import interpolate, stats

from attacks import metrics
from attacks.discriminative import vulnerable_records
from attacks.handles import AttackError, Ledger, Population, Records, ScoreOracle, ShadowData, ShadowModels
from attacks.steps.training_sets import halves


@pytest.mark.parametrize("count", [1, 2, 3, 16])
def test_smooth_share_is_scipys_pchip_through_zero(count):
    generator = np.random.default_rng(count)
    values, at = generator.exponential(size=(count, 40)) ** 3, generator.exponential(size=40)
    found = vulnerable_records.smooth_share_below(torch.from_numpy(values), torch.from_numpy(at))
    for i in range(40):
        knots = np.concatenate([[0], np.sort(values[:, i])])
        curve = interpolate.PchipInterpolator(knots, np.arange(count + 1) / count)
        assert float(found[i]) == pytest.approx(float(curve(min(at[i], knots[-1]))), abs=1e-6)


def test_equal_losses_make_no_hole():
    values = torch.tensor([[0.5], [0.5], [0.5], [2.0]], dtype=torch.float64)
    shares = [float(vulnerable_records.smooth_share_below(values, torch.tensor([at]).double())) for at in (0.0, 0.4, 0.6, 2.0)]
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == 1 and shares[2] >= 0.75


def test_losses_of_which_many_are_equal_have_a_distribution_too():
    """As a forest gives them: a run of equal losses is a step of the curve, which rises to its share there."""
    values = torch.tensor([0.1, *[0.5] * 5, *[0.9] * 3, 2.0]).double()[:, None].expand(10, 5)
    at = torch.tensor([0.3, 0.5, 0.7, 0.9, 1.5]).double()
    shares = vulnerable_records.smooth_share_below(values, at)
    assert shares.diff().gt(0).all() and shares[0] > 0.1 and shares[-1] < 1
    assert shares[[1, 3]].tolist() == pytest.approx([0.6, 0.9])


def test_kost_of_independent_and_of_identical_tests():
    """Independent tests are Fisher's; of tests that are one and the same, little more is left than that one."""
    p = torch.tensor([0.02, 0.3, 0.08], dtype=torch.float64)
    independent = torch.tensor([[1.0, -1, 0, 0], [0, 0, 1, -1], [1, 1, -1, -1]], dtype=torch.float64)
    assert np.exp(vulnerable_records._kost(p.log(), independent)) == pytest.approx(stats.combine_pvalues(p.numpy()).pvalue)
    same = independent[:1].expand(3, -1)
    assert np.exp(vulnerable_records._kost(torch.full((3,), 0.02).double().log(), same)) == pytest.approx(0.02, rel=0.05)


def test_abstention_is_one_score_below_all_others():
    given = handles(["records", "scores", "population", "reference_models"])
    none = vulnerable_records.direct(**given, neighbour_distance=2.1)
    assert (none.score == vulnerable_records.ABSTAINED).all(), "everything is a neighbour, so nothing is vulnerable"
    every = vulnerable_records.direct(**given, neighbour_distance=0.0)
    assert (every.score >= 0).all(), "without neighbours all are vulnerable"
    some = vulnerable_records.direct(**given)
    chosen = some.score > vulnerable_records.ABSTAINED
    assert chosen.any() and not chosen.all() and some.score[chosen].tolist() == every.score[chosen].tolist()
    assert some.cut == pytest.approx(-np.log(0.01))


class _Neighbourhood:
    """A model whose answer on every record near a member is surer than elsewhere."""

    def __init__(self, inside, seed, fingerprint="near"):
        self.inside, self.seed, self.fingerprint = torch.from_numpy(inside), seed, fingerprint

    def log_probs(self, x):
        place = x[:, 0].round().long().clamp(0, RECORDS - 1)
        noise = torch.randn(len(x), 3, generator=torch.Generator().manual_seed(self.seed)) * 0.3
        sure = 1.0 + 2.0 * self.inside[place].double()
        return torch.log_softmax(noise.double().scatter_add(1, label()[place][:, None], sure[:, None]), -1)

    kept_log_probs = log_probs


def test_neighbours_tell_of_a_record_that_is_never_asked_about():
    ledger = Ledger()
    x = torch.arange(RECORDS, dtype=torch.float32)[:, None]
    inside = halves(IDS, 16, 3)
    shadow = ShadowModels(
        [_Neighbourhood(row, k) for k, row in enumerate(inside)], ShadowData(x, label(), IDS), torch.from_numpy(inside)
    )
    near = torch.cat([x + 0.2, x - 0.2])
    ids = np.arange(100, 100 + len(near), dtype=np.uint64)
    asked = []

    def answer(q):
        asked.append(q)
        return _Neighbourhood(member(), 99).log_probs(q)

    found = vulnerable_records.indirect(
        Records(x, None, IDS, ledger),
        ScoreOracle("scores", answer, ledger),
        Population("population", near, label().repeat(2), ids, ledger),
        shadow,
    )
    assert metrics.auc(found.score.numpy(), member()) > 0.95, "members' neighbours are answered more surely"
    assert not torch.isin(torch.cat(asked), x).any() and ledger.queries <= len(near)


def test_bad_parameters_are_refused():
    given = handles(["records", "scores", "population", "reference_models"])
    with pytest.raises(AttackError, match="p_value lies between 0 and 1"):
        vulnerable_records.direct(**given, p_value=0)
