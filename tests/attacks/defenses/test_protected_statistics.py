"""What a publisher shows of a group in the place of its statistics, and what is feasible then."""

from __future__ import annotations

import pytest
import torch

from attacks.defenses import protected_statistics
from attacks.engine import plan as plans
from attacks.engine.code import Code
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import Ledger
from taxonomy import defended
from taxonomy.findings import InputError
from taxonomy.loading import load

SIZE, TARGET = 50, "genomes-pool-50"
LEFT = {
    "noisy-statistics": "Q.noisy-aggregates",
    "suppressed-small-counts": "Q.suppressed-aggregates",
    "yes-no-statistics": "Q.beacon",
}


def test_noise_is_as_large_as_so_many_people_and_drawn_once():
    means = torch.full((100, 200), 0.5, dtype=torch.float64)
    shown = protected_statistics.add_noise(means, SIZE, people=2.0, seed=1)
    assert float((shown - means).abs().mean()) == pytest.approx(2 / SIZE, rel=0.05), "the mean of |Laplace| is its scale"
    assert torch.equal(shown, protected_statistics.add_noise(means, SIZE, people=2.0, seed=1))
    far = protected_statistics.add_noise(means, SIZE, people=1000.0, seed=1)
    assert float(far.min()) == 0 and float(far.max()) == 1


def test_counts_below_the_least_are_left_out_and_others_exact():
    counts = torch.arange(6).double()
    shown = protected_statistics.suppress(counts / SIZE, SIZE, least=3)
    assert shown.isnan().tolist() == [True] * 3 + [False] * 3 and torch.equal(shown[3:] * SIZE, counts[3:])


def test_yes_is_anybody():
    assert protected_statistics.yes_or_no(torch.tensor([0.0, 0.02, 1.0]).double(), SIZE).tolist() == [False, True, True]


@pytest.mark.parametrize("name", LEFT)
def test_the_defended_target_shows_the_poorer_answer_and_no_other(name, tmp_path):
    catalog = load()
    applied = defended.apply(catalog, name, {})
    plan = plans.make(catalog, catalog.target(TARGET), None, [], {}, applied)
    assert LEFT[name] in plan.granted and "Q.aggregates" not in plan.granted
    engine = Engine(catalog, Store(tmp_path))
    target = engine.target_of(plan, 10)
    assert {term for term in target.makers if term.startswith("Q.")} == {LEFT[name]}
    handle = target.makers[LEFT[name]](Ledger())
    means = engine.target(TARGET, 10).makers["Q.aggregates"](Ledger()).values
    if name == "yes-no-statistics":
        assert torch.equal(handle(torch.arange(len(handle))), (means > 0).flatten())
    elif name == "suppressed-small-counts":
        kept = ~handle.values.isnan()
        assert torch.equal(kept, means >= handle.below) and torch.equal(handle.values[kept], means[kept])
    else:
        assert 0 < float((handle.values - means).abs().mean()) < 2 / SIZE
    names = {one.attack.id for one in plan.attacks}
    assert ("homer-2008" in names) is (name != "yes-no-statistics")


OWN = """schema: 1
id: of-ones-own
title: Mine
summary: A mask of statistics of my own.
category: output-masking
standing: later
mechanism: What it does.
changes: answers
fits: [aggregate]
replaces: {Q.aggregates: Q.noisy-aggregates}
run: {module}:show
utility_cost: Not measured.
"""
WRONG = {
    "None": "returned NoneType, where statistics are expected, torch.float64 (",
    "statistics[:2]": "must show torch.float64 (",
    "statistics > 0": "not torch.bool (",
    "statistics / 0": "shows infinite numbers",
    "statistics * float('nan')": "shows no statistic at all",
    "statistics + torch.rand(())": "shows something else when it is asked the same again",
}


@pytest.mark.parametrize(("number", "returned"), list(enumerate(WRONG)))
def test_what_a_mask_of_statistics_does_wrong_is_said_of_it(number, returned, tmp_path):
    module = f"my_statistics_{number}"  # a module of one name is imported once
    for folder, name, text in (
        ("mine/defenses", "of-ones-own.yaml", OWN.replace("{module}", module)),
        ("code", f"{module}.py", f"import torch\n\n\ndef show(statistics, size):\n    return {returned}\n"),
    ):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / name).write_text(text)
    catalog = load([tmp_path / "mine"])
    plan = plans.make(catalog, catalog.target(TARGET), None, [], {}, defended.apply(catalog, "of-ones-own", {}))
    with pytest.raises(InputError) as found:
        Engine(catalog, Store(tmp_path / "store"), code=Code([tmp_path / "code"])).target_of(plan, 10)
    assert str(found.value).startswith("of-ones-own: show ") and WRONG[returned] in str(found.value)


def test_noise_weakens_the_attack_that_works_without(tmp_path):
    catalog = load()

    def auc(applied: defended.Applied | None) -> float:
        plan = plans.make(catalog, catalog.target(TARGET), None, ["homer-2008"], {}, applied)
        return Engine(catalog, Store(tmp_path)).run(plan, 10).results[0]["auc"]

    plain, noisy = auc(None), auc(defended.apply(catalog, "noisy-statistics", {"people": "10"}))
    assert plain > 0.75 and noisy < 0.65


@pytest.mark.parametrize(
    ("name", "setting"), [("noisy-statistics", {"people": "0"}), ("suppressed-small-counts", {"least": "0"})]
)
def test_bad_settings_are_one_sentence(name, setting):
    with pytest.raises(InputError, match=r"must be (above|at least)"):
        defended.apply(load(), name, setting)


def test_a_model_publishes_no_statistics():
    catalog = load()
    with pytest.raises(InputError, match="targets that are aggregate; genomes-mlp is not"):
        plans.make(catalog, catalog.target("genomes-mlp"), None, [], {}, defended.apply(catalog, "noisy-statistics", {}))
