"""The engine: the proof is the plan, identical bits, nothing done twice, nothing stale, one failure costs one result."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from shorter import SEARCHES

from attacks.engine import plan as plans
from attacks.engine.executors import executor
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import Ledger, NotGrantedError
from attacks.models.training import TrainingSet
from taxonomy.findings import InputError
from taxonomy.loading import load
from taxonomy.threat import from_user

pytestmark = pytest.mark.slow

TINY = Path(__file__).parents[2] / "data" / "tiny"
SMALL = {"shadow-models": {"count": "4"}, "reference-models": {"count": "3"}, **SEARCHES}


def run(folder, *, names=(), seed=0, workers=1, overrides=SMALL, extra=(TINY,), threat=None, target="tiny", code=None):
    catalog = load(list(extra))
    plan = plans.make(catalog, catalog.target(target), threat and threat(catalog), names, overrides)
    with executor(workers) as pool:
        return Engine(catalog, Store(folder), executor=pool, code=code).run(plan, seed)


def scores(outcome):
    return {name: score.tobytes() for name, score in outcome.scores.items()}


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    return folder, run(folder)


def test_everything_feasible_runs_and_shadow_models_are_shared(first):
    folder, outcome = first
    ran = {r["attack"] for r in outcome.results}
    assert {"yeom-2018-loss", "shokri-2017", "carlini-2022-lira", "zarifzadeh-2024-rmia-offline"} <= ran
    assert not outcome.failures
    trained = [(node.name, node.meta["models"]) for node in Store(folder).nodes() if node.kind in ("model", "block")]
    assert trained.count(("target", 1)) == 1
    # Blocks of four: four shadow models once for all, three reference models with one to fill up, CMIA's sixteen in rounds, and
    # MATT's by itself.
    assert sorted(models for name, models in trained if name == "shadow models") == [1, 4, 4, 4, 4, 4, 4]
    assert outcome.trained == sum(models for _, models in trained) and outcome.spare == 1


def test_a_second_run_trains_nothing_and_finds_the_same(first):
    folder, outcome = first
    again = run(folder)
    assert again.trained == 0
    assert scores(again) == scores(outcome)


@pytest.mark.slow
def test_several_workers_give_the_same_bits(first, tmp_path):
    _, outcome = first
    names = ["carlini-2022-lira", "zarifzadeh-2024-rmia-offline", "shokri-2017", "yeom-2018-loss"]
    found = scores(run(tmp_path, names=names, workers=2))
    assert found == {name: scores(outcome)[name] for name in names}


def test_threads_do_not_matter(first, tmp_path):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert scores(run(tmp_path, names=["carlini-2022-lira"]))["carlini-2022-lira"] == scores(first[1])["carlini-2022-lira"]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_pool_is_extended(first):
    folder, _ = first
    outcome = run(folder, names=["carlini-2022-lira"], overrides={"shadow-models": {"count": "6"}})
    assert (outcome.trained, outcome.spare, outcome.reused) == (4, 2, 1 + 4), "the first block was there; the second is whole"


def test_another_seed_is_other_work(first):
    folder, outcome = first
    other = run(folder, names=["yeom-2018-loss"], seed=1)
    assert other.trained == 1
    assert scores(other)["yeom-2018-loss"] != scores(outcome)["yeom-2018-loss"]


def test_another_parameter_is_another_node(first):
    folder, outcome = first
    changed = run(folder, names=["zarifzadeh-2024-rmia"], overrides={**SMALL, "zarifzadeh-2024-rmia": {"temperature": "3.0"}})
    assert changed.trained == 0
    assert scores(changed)["zarifzadeh-2024-rmia"] != scores(outcome)["zarifzadeh-2024-rmia"]


def test_other_code_behind_the_targets_handles_is_another_node(first):
    """The model stays the same, but what an attack is shown of it may not: its stored result must not be reused."""
    from attacks.engine.code import Code

    class Changed(Code):
        def digest(self, run: str) -> str:
            return super().digest(run) + ("changed" if run == "attacks.targets.classifier:build" else "")

    def finished() -> int:
        return sum(node.kind == "attack" for node in Store(first[0]).nodes())

    run(first[0], names=["yeom-2018-gap"])
    before = finished()
    run(first[0], names=["yeom-2018-gap"])
    assert finished() == before
    assert run(first[0], names=["yeom-2018-gap"], code=Changed()).trained == 0
    assert finished() == before + 1


def test_an_attack_sees_the_first_models_it_wants(first):
    """Shokri wants 10 models and LiRA 16: the engine makes 16 and shows Shokri the first 10."""
    catalog = load([TINY])
    plan = plans.make(catalog, catalog.target("tiny"), None, ["shokri-2017", "carlini-2022-lira"])
    wants = {p.attack.id: p.wants["shadow-models-known-recipe"]["count"] for p in plan.attacks}
    assert wants == {"shokri-2017": 10, "carlini-2022-lira": 16}
    assert plan.models == 16
    assert plans.make(catalog, catalog.target("tiny"), None, ["shokri-2017"]).models == 10


def test_a_target_that_cannot_be_made_is_one_sentence(tmp_path):
    from attacks.engine.code import Code
    from attacks.handles import AttackError

    class Broken(Code):
        def function(self, run: str):
            def build(**params):
                raise AttackError("there is no layer 'conv9' to split after")

            return build if run == "attacks.targets.classifier:build" else super().function(run)

    with pytest.raises(InputError, match="the target tiny cannot be made: there is no layer 'conv9'"):
        run(tmp_path, names=["yeom-2018-gap"], code=Broken())


def test_candidates_and_truth(first):
    target = Engine(load([TINY]), Store(first[0])).target("tiny", 0)
    pool = target.grant(["D1.samples"]).handle("D1.samples", Ledger())
    with pytest.raises(NotGrantedError, match=r"Q\.scores was not granted"):
        target.grant(["D1.samples"]).handle("Q.scores", Ledger())
    everyone = np.concatenate([target.ids, pool.ids])
    assert len(np.unique(everyone)) == len(everyone), "members, non-members and the pool are disjoint"
    assert target.member.sum() == (~target.member).sum() == 120
    assert not torch.equal(target.member, target.member.sort(descending=True).values), "the order must tell nothing"


# -- what attacks of others may and may not do ----------------------------------------------------------------------------

ATTACK = """\
schema: 1
id: {id}
title: A test attack
summary: It tests the engine.
needs: [{needs}]
run: strange:{function}
cost: {{queries_per_record: {cost}}}
"""
CODE = """\
import torch

def changes_what_it_is_handed(records, scores, shadow_models):
    records.x.zero_(); records.label.zero_(); records._x.zero_(); records._label.zero_()
    shadow_models.trained_on.zero_(); shadow_models.log_probs(0).zero_()
    return scores(records.x)[:, 0]

def reads_labels(records, scores):
    return scores(records.x)[:, 0] + records.label

def breaks(records, scores):
    raise RuntimeError("it broke")

def returns_nonsense(records, scores):
    return torch.full((len(records),), torch.nan, dtype=torch.float64)

def returns_float32(records, scores):
    return scores(records.x)[:, 0].float()

def asks_twice(records, scores):
    return scores(records.x)[:, 0] + scores(records.x)[:, 1]

def ignores(records, scores):
    return torch.zeros(len(records), dtype=torch.float64)
"""


@pytest.fixture
def strange(tmp_path):
    from attacks.engine.code import Code

    (tmp_path / "catalog" / "attacks").mkdir(parents=True)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "strange.py").write_text(CODE)
    sys.modules.pop("strange", None)

    def go(function, needs="discriminative, Q.scores", cost=1, also=(), threat=None, more=""):
        name = function.replace("_", "-")
        (tmp_path / "catalog" / "attacks" / f"{name}.yaml").write_text(
            ATTACK.format(id=name, needs=needs, function=function, cost=cost) + more
        )
        return run(
            tmp_path / "store",
            names=[*also, name],
            extra=(TINY, tmp_path / "catalog"),
            code=Code([tmp_path / "code"]),
            threat=threat,
        )

    yield go
    sys.path[:] = [p for p in sys.path if p != str(tmp_path / "code")]


def test_an_attack_cannot_change_the_target_or_others(strange, first):
    needs = "discriminative, Q.scores, record.label, shadow-models.matched"
    outcome = strange("changes_what_it_is_handed", needs, also=["carlini-2022-lira", "yeom-2018-loss"])
    assert not outcome.failures
    later = strange("asks_twice", also=["zarifzadeh-2024-rmia"])
    assert scores(later)["zarifzadeh-2024-rmia"] == scores(first[1])["zarifzadeh-2024-rmia"]


def test_labels_without_the_grant_fail_that_attack_only(strange):
    outcome = strange("reads_labels", also=["yeom-2018-loss"])
    assert "record.label" in outcome.failures[0]["error"]
    assert [r["attack"] for r in outcome.results] == ["yeom-2018-loss"]


@pytest.mark.parametrize(
    ("function", "message"),
    [("breaks", "it broke (strange.py:12)"), ("returns_nonsense", "NaN for 240 of 240"), ("returns_float32", "torch.float32")],
)
def test_a_failure_costs_one_result(strange, function, message):
    outcome = strange(function, also=["yeom-2018-gap"])
    assert message in outcome.failures[0]["error"]
    assert [r["attack"] for r in outcome.results] == ["yeom-2018-gap"]


def test_an_attack_that_the_target_cannot_judge_is_not_run(strange):
    """It says so before anything is trained for it: this attack would break."""
    answers = "goal: property\nanswers: {unit: round, result: A score for each round, metric: AUC over rounds}\n"
    outcome = strange("breaks", more=answers)
    assert not outcome.failures and "it has no judge for property" in dict(outcome.unsuited)["breaks"]


def test_use_is_compared_with_what_was_declared(strange):
    (result,) = strange("asks_twice").results
    assert result["queries"] == 480 and result["declared_queries"] == 240
    assert any("declares 240" in w for w in result["warnings"])
    (result,) = strange("ignores").results
    assert any("scores, which it never touched" in w for w in result["warnings"])


def test_queries_stop_at_the_limit(strange):
    def limited(catalog):
        return from_user(catalog, observation="black-box", model="discriminative", knows=["Q.scores"], queries=300)

    outcome = strange("asks_twice", threat=limited)
    assert "the query limit is 300: 240 were spent and 240 more were asked for" in outcome.failures[0]["error"]


def test_code_of_others_is_not_imported_without_trust(tmp_path):
    (tmp_path / "catalog" / "attacks").mkdir(parents=True)
    text = ATTACK.format(id="breaks", needs="discriminative, Q.scores", function="breaks", cost=1)
    (tmp_path / "catalog" / "attacks" / "breaks.yaml").write_text(text)
    with pytest.raises(InputError, match="--trust-code"):
        run(tmp_path / "store", names=["breaks"], extra=(TINY, tmp_path / "catalog"))


# -- plans ----------------------------------------------------------------------------------------------------------------


def make(knows, names=(), target="tiny", **limits):
    catalog = load([TINY])
    threat = from_user(catalog, observation="black-box", model="discriminative", knows=knows, **limits)
    return plans.make(catalog, catalog.target(target), threat, names, None)


def test_graded_artifacts():
    """Without D1 or D2 LiRA is infeasible and Shokri is not."""
    plan = make(["Q.scores", "record.label"])
    ids = {p.attack.id for p in plan.attacks}
    assert "shokri-2017" in ids and "carlini-2022-lira" not in ids
    assert "shadow-data-by-queries" in {node.step.id for node in plan.nodes.values()}


def test_a_named_attack_that_cannot_run_is_an_error():
    with pytest.raises(InputError, match=r"carlini-2022-lira: it is infeasible .* would need D1.samples or"):
        make(["Q.scores", "record.label"], ["carlini-2022-lira"])
    with pytest.raises(InputError, match="does not offer"):
        catalog = load([TINY])
        target = catalog.target("tiny").model_copy(update={"offers": ["Q.labels", "record.label"]})
        threat = from_user(
            catalog, observation="black-box", model="discriminative", knows=["Q.scores", "record.label", "Q.labels"]
        )
        plans.make(catalog, target, threat, ["ml-leaks-3"])


def test_limits_shrink_a_run_no_further_than_its_entry_says():
    knows = ["Q.scores", "record.label", "D1.samples", "M2"]
    with pytest.raises(InputError, match="models and the limit is 8"):
        make(knows, ["truex-2019"], models=8)
    plan = make(knows, models=8)
    assert "truex-2019" in {one.id for one in plan.skipped}
    planned = {p.attack.id: p for p in plan.attacks}
    assert "yeom-2018-gap" in planned and planned["carlini-2022-lira"].reduced[0].used == 8
    with pytest.raises(InputError, match="240 candidates and the limit is 100"):
        plans.within_queries(make(["Q.scores"], ["ml-leaks-3"], queries=100), 240)


def test_an_attack_that_asks_too_much_leaves_the_others_their_run():
    several = make(["Q.scores", "D1.samples", "record.label"], ["yeom-2018-loss", "bertran-2023-quantile"], queries=300)
    kept = plans.within_queries(several, 240)
    assert [one.attack.id for one in kept.attacks] == ["yeom-2018-loss"]
    assert {one.id: one.because for one in kept.skipped}["bertran-2023-quantile"].endswith("the limit is 300 (--queries)")
    assert plans.within_queries(several, 1) is several


def test_the_whole_guessing_road_runs(tmp_path):
    """Shadow data by queries, shadow models by a guessed architecture: no data and no recipe are needed."""

    def threat(catalog):
        return from_user(catalog, observation="black-box", model="discriminative", knows=["Q.scores", "record.label"])

    overrides = {"shadow-models": {"count": "4"}, "shadow-data-by-queries": {"queries": "8000", "wanted": "80"}}
    outcome = run(tmp_path, names=["shokri-2017"], threat=threat, overrides=overrides)
    assert not outcome.failures, outcome.failures
    assert outcome.results[0]["queries"] == 8000 + 240
    again = run(tmp_path, names=["shokri-2017"], threat=threat, overrides=overrides)
    assert again.results[0]["queries"] == 8240 and again.trained == 0


def test_an_attack_that_must_guess_says_that_it_is_weaker(tmp_path):
    def threat(catalog):
        knows = ["Q.scores", "record.label", "D1.samples", "D1.size"]
        return from_user(catalog, observation="black-box", model="discriminative", knows=knows)

    outcome = run(tmp_path, names=["carlini-2022-lira", "yeom-2018-gap"], threat=threat)
    warnings = {result["attack"]: result["warnings"] for result in outcome.results}
    assert any(w.startswith("weaker here: A model of another architecture") for w in warnings["carlini-2022-lira"])
    assert not any("weaker here" in w for w in warnings["yeom-2018-gap"])


def test_the_platform_trains_but_shows_no_weights(tmp_path):
    def threat(catalog):
        knows = ["Q.scores", "record.label", "D1.samples", "D1.size", "M3"]
        return from_user(catalog, observation="black-box", model="discriminative", knows=knows)

    outcome = run(tmp_path, names=["carlini-2022-lira"], threat=threat)
    assert not outcome.failures and outcome.results[0]["models"] == 4
    assert "shadow-models-same-platform" in [r.id for r in outcome.plan.attacks[0].rules]
    target = Engine(load([TINY]), Store(tmp_path)).target("tiny", 0)
    platform = target.grant(["M3"]).handle("M3", Ledger())
    (model,) = platform.fit_many([TrainingSet(target.x[:20], target.label[:20], 0)])
    assert not hasattr(model, "parameters") and not hasattr(platform, "recipe")
    assert model.log_probs(target.x).shape == (240, 10)


def test_an_attack_that_looks_inside_models_takes_none_of_a_platform(tmp_path):
    """It guesses an architecture instead, though a platform's models are as cheap and nearer to the target."""

    def threat(catalog):
        knows = ["Q.labels", "record.label", "D1.samples", "D1.size", "M3"]
        return from_user(catalog, observation="black-box", model="discriminative", knows=knows)

    outcome = run(tmp_path, names=["wu-2024-yoqo", "peng-2024-oslo"], threat=threat)
    assert not outcome.failures, outcome.failures
    rules = {rule.id for planned in outcome.plan.attacks for rule in planned.rules}
    assert {"shadow-models-comparable-guessed-architecture", "reference-models-comparable-guessed-architecture"} <= rules
    assert not any(rule.endswith("same-platform") for rule in rules)


def test_an_offline_attack_alone_trains_on_no_candidate(tmp_path):
    outcome = run(tmp_path, names=["carlini-2022-lira-offline"], overrides={"reference-models": {"count": "4"}})
    assert not outcome.failures and outcome.trained == 5
    assert "reference-models-known-recipe" in [r.id for r in outcome.plan.attacks[0].rules]
