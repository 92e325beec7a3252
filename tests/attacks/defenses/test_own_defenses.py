"""Defenses of one's own, from a folder of the user's: an entry and a function each, and what is refused."""

from __future__ import annotations

import pytest
from test_defended_targets import LABELS, SMALL, TINY, applied, run

from attacks.engine import plan as plans
from attacks.engine.code import Code
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import Ledger
from taxonomy.findings import InputError
from taxonomy.loading import load

ENTRY = """schema: 1
id: {name}
title: Mine
summary: A defense of my own.
category: generalization
standing: later
mechanism: What it does.
changes: {changes}
fits: [discriminative, stand-alone]
run: my_defense:{function}
{more}utility_cost: Not measured.
"""
CODE = '''
import numpy as np
import torch
from torch import nn
from attacks.defenses.answers import Stepped
from attacks.handles import AttackError
from attacks.models import training
from attacks.models.training import TrainingSet, fit
from attacks.seeds import record_ids
from attacks.targets import classifier


class Sharper(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x) * 2


def quantised(recipe, network, *, step):
    """Round the weights of a trained network to multiples of a step."""
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_((weight / step).round() * step)
    return network


def sharper(recipe, data):
    """Train as always, and double the logits: a network that is not built as its recipe says."""
    network = Sharper(fit(recipe, data))
    network.facts = {"doubled": 1.0}
    return network


def sharper_network(recipe):
    return Sharper(recipe.build())


def of_others(recipe, data, reference):
    """Train on records that are not the members', of which it has some."""
    assert not np.isin(record_ids(reference.x.numpy()), record_ids(data.x.numpy())).any()
    few = TrainingSet(reference.x[:120], reference.y[:120], reference.seed)
    return fit(recipe, few)


def smoothed(log_probs, owner, *, share):
    """Mix answers with those of the owner's mean answer to its own records, which needs the owner."""
    assert len(owner.data.x) and len(owner.reference.x)
    mean = owner.model.log_probs(owner.data.x).exp().mean(0)
    return ((1 - share) * log_probs.exp() + share * mean).log()


def smoothed_suits(recipe, *, share):
    if share * recipe.classes > 9:
        raise AttackError("so much of the mean is left of ten classes that nothing is left of an answer")


def in_tenths(log_probs, owner):
    """Round probabilities of the owner's own model."""
    return Stepped((10 * owner.model.log_probs(owner.data.x[:1]).exp().expand_as(log_probs)).round().div(10).log(), 0.1)


def own_way(*, seed, **params):
    """Make a target whose training no engine is told of."""
    token = training.workshop.set(training.HomeWorkshop())
    try:
        return classifier.build(**params, seed=seed)
    finally:
        training.workshop.reset(token)


def probabilities(log_probs):
    return log_probs.exp()


def hidden(log_probs):
    return torch.full_like(log_probs, float("nan"))


def hidden_where_many(log_probs):
    return hidden(log_probs) if len(log_probs) > 20 else log_probs


def random(log_probs):
    return (log_probs + torch.randn_like(log_probs)).log_softmax(dim=-1)


def no_class(log_probs):
    return torch.full_like(log_probs, float("-inf"))


def forgotten(log_probs):
    log_probs.round()


def again_probabilities(x, owner):
    return owner.model.log_probs(x).exp()


def unstepped(log_probs):
    return log_probs.exp().mul(10).ceil().div(10).log()


def stepped(log_probs):
    return Stepped(log_probs.exp().mul(10).round().div(10).log(), 0.1)


def stepped_to_nothing(log_probs):
    return Stepped(log_probs.exp().mul(1).sub(0.5).round().clamp(min=0).log(), 1.0)


def broken(log_probs):
    return {}["nothing"]


def again(x, owner):
    """Compute the answers in another way, which gives the same."""
    return owner.model.log_probs(x)


def nothing(recipe, data):
    fit(recipe, data)


def nothing_changed(recipe, network):
    network.eval()


def confused(recipe, data):
    return (None).eval()


def refusing(recipe, data):
    raise ValueError("too few")


def lost(recipe, data):
    return nn.Linear(2, 2)
'''
OWN = {
    "quantised": ("model", "params: {step: 0.25}\nranges: {step: {above: 0}}\n"),
    "sharper": ("training", ""),
    "of-others": ("training", ""),
    "smoothed": ("answers", "params: {share: 0.5}\n"),
    "again": ("channel", ""),
    "in-tenths": ("answers", ""),
    "broken": ("answers", ""),
    "probabilities": ("answers", ""),
    "hidden": ("answers", ""),
    "hidden-where-many": ("answers", ""),
    "random": ("answers", ""),
    "no-class": ("answers", ""),
    "forgotten": ("answers", ""),
    "again-probabilities": ("channel", ""),
    "unstepped": ("answers", ""),
    "stepped": ("answers", "replaces: {Q.scores: Q.rounded-scores}\n"),
    "stepped-to-nothing": ("answers", "replaces: {Q.scores: Q.rounded-scores}\n"),
    "nothing": ("training", ""),
    "nothing-changed": ("model", ""),
    "confused": ("training", ""),
    "refusing": ("training", ""),
    "lost": ("training", ""),
}


@pytest.fixture
def mine(tmp_path):
    code, entries = tmp_path / "code", tmp_path / "mine" / "defenses"
    code.mkdir()
    entries.mkdir(parents=True)
    (code / "my_defense.py").write_text(CODE)
    for name, (changes, more) in OWN.items():
        text = ENTRY.format(name=f"my-{name}", changes=changes, function=name.replace("-", "_"), more=more)
        (entries / f"my-{name}.yaml").write_text(text)
    return load([TINY, tmp_path / "mine"]), Code([code]), code / "my_defense.py"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["quantised", "sharper", "of-others", "smoothed", "again"])
def test_a_defense_of_ones_own_costs_an_entry_and_a_function(mine, tmp_path, name):
    catalog, code, _ = mine
    attacks = ["yeom-2018-loss", "carlini-2022-lira-offline"]
    plain = run(tmp_path / "store", attacks, catalog=catalog, code=code)
    defense = applied(f"my-{name}", catalog=catalog)
    outcome = run(tmp_path / "store", attacks, defense, catalog=catalog, code=code)
    same = outcome.scores["yeom-2018-loss"].tobytes() == plain.scores["yeom-2018-loss"].tobytes()
    assert same is (name == "again"), "a channel changes no answer"
    assert outcome.defense.facts == ({"doubled": 1.0} if name == "sharper" else {})
    second = run(tmp_path / "store", attacks, defense, catalog=catalog, code=code)
    assert second.trained == 0 and second.scores["yeom-2018-loss"].tobytes() == outcome.scores["yeom-2018-loss"].tobytes()


def test_another_text_of_the_code_is_another_target(mine):
    catalog, code, file = mine
    before = code.of_defense(applied("my-sharper", catalog=catalog))
    file.write_text(CODE.replace("* 2", "* 3"))
    assert Code(code.trusted).of_defense(applied("my-sharper", catalog=catalog)) != before


def test_a_network_that_cannot_be_had_again_is_one_sentence(mine, tmp_path):
    catalog, code, _ = mine
    with pytest.raises(InputError, match=r"not built as its recipe says.*lost_network\(recipe"):
        run(tmp_path / "store", ["yeom-2018-loss"], applied("my-lost", catalog=catalog), catalog=catalog, code=code)


@pytest.mark.slow
def test_a_mask_that_asks_its_owner_is_refused_by_what_stands_beside_it_before_anything_is_trained(mine, tmp_path):
    catalog, code, _ = mine
    with pytest.raises(InputError, match="my-smoothed: so much of the mean"):
        run(tmp_path / "store", LABELS, applied("my-smoothed", catalog=catalog, share=0.95), catalog=catalog, code=code)
    assert not list(Store(tmp_path / "store").nodes())


@pytest.mark.parametrize(
    ("defense", "refused"),
    [("l2-regularisation", "own-way cannot be trained again with it"), ("my-smoothed", "the code of this target does not tell")],
)
def test_what_needs_a_training_that_nobody_is_told_of_is_refused(mine, tmp_path, defense, refused):
    _, code, file = mine
    entry = (TINY / "targets" / "tiny.yaml").read_text().replace("id: tiny", "id: own-way")
    (tmp_path / "mine" / "targets").mkdir()
    (tmp_path / "mine" / "targets" / "own-way.yaml").write_text(
        entry.replace("attacks.targets.classifier:build", f"{file.stem}:own_way")
    )
    catalog = load([TINY, tmp_path / "mine"])
    with pytest.raises(InputError, match=refused):
        run(tmp_path / "store", LABELS, applied(defense, catalog=catalog), target="own-way", catalog=catalog, code=code)
    assert not list(Store(tmp_path / "store").nodes())


def test_the_step_of_a_mask_that_asks_its_owner_is_known(mine, tmp_path):
    catalog, code, _ = mine
    plan = plans.make(catalog, catalog.target("tiny"), None, LABELS, SMALL, applied("my-in-tenths", catalog=catalog))
    target = Engine(catalog, Store(tmp_path / "store"), code=code).target_of(plan, 0)
    scores = target.makers["Q.scores"](Ledger())(target.x).exp()
    assert float(scores.min()) > 0, "below half a step a probability is not nothing"


def test_what_code_of_a_defense_raises_is_one_sentence_with_a_line(mine, tmp_path):
    catalog, code, _ = mine
    with pytest.raises(
        InputError, match=r"my-broken cannot be put on tiny by my_defense:broken; KeyError: 'nothing' \(\S+.py:\d+\)"
    ):
        run(tmp_path / "store", LABELS, applied("my-broken", catalog=catalog), catalog=catalog, code=code)
    assert not list(Store(tmp_path / "store").nodes())


# What a function of one's own does wrong, and what is said of it.
WRONG = {
    "probabilities": r"^my-probabilities: probabilities shows numbers up to 1; it must show log-probabilities, of which none is",
    "hidden": r"^my-hidden: hidden hides some classes .* by its entry Q.scores are left, .* that Q.top-k or Q.labels is",
    "random": r"^my-random: random shows something else when it is asked the same again",
    "no-class": r"^my-no-class: no_class shows log-probabilities whose probabilities sum to 0",
    "forgotten": r"^my-forgotten: forgotten returned NoneType, where log-probabilities are expected",
    "again-probabilities": r"^my-again-probabilities: again_probabilities shows numbers up to",
    "unstepped": r"^my-unstepped: .* sum to 1\.\d+, and that must be 1 at most; one that rounds them returns Stepped",
    "nothing": r"^my-nothing: my_defense:nothing returned NoneType, where a network is expected",
    "nothing-changed": r"^my-nothing-changed: my_defense:nothing_changed returned NoneType, where a network is expected",
    "confused": r"^my-confused cannot be put on tiny by my_defense:confused; AttributeError: 'NoneType' .*\.py:\d+\)",
    "refusing": r"^my-refusing cannot be put on tiny by my_defense:refusing; ValueError: too few \(\S+.py:\d+\)",
}


@pytest.mark.parametrize("name", WRONG)
def test_what_a_function_does_wrong_is_said_of_the_defense_and_not_of_the_target(mine, tmp_path, name):
    catalog, code, _ = mine
    with pytest.raises(InputError, match=WRONG[name]):
        run(tmp_path / "store", LABELS, applied(f"my-{name}", catalog=catalog), catalog=catalog, code=code)
    if catalog.defenses[f"my-{name}"].changes == "answers":
        assert not list(Store(tmp_path / "store").nodes()), "it was tried before anything was trained"


@pytest.mark.parametrize("name", ["my-stepped", "my-stepped-to-nothing"])
def test_what_is_rounded_may_sum_to_more_than_1_by_its_step_and_to_0(mine, tmp_path, name):
    catalog, code, _ = mine
    defense = applied(name, catalog=catalog)
    assert run(tmp_path / "store", ["yeom-2018-loss"], defense, catalog=catalog, code=code).results


def test_answers_that_are_not_a_number_may_be_those_of_the_mask(mine, tmp_path):
    catalog, code, _ = mine
    defense = applied("my-hidden-where-many", catalog=catalog)
    plan = plans.make(catalog, catalog.target("tiny"), None, ["yeom-2018-loss"], SMALL, defense)
    (failure,) = Engine(catalog, Store(tmp_path / "store"), code=code).run(plan, 0).failures
    told = "its training may have diverged, or the defense my-hidden-where-many shows that of an answer"
    assert failure["error"].endswith(told)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sharper", "quantised", "of-others"])
def test_workers_train_defended_models_to_the_same_bits(mine, tmp_path, name):
    catalog, code, _ = mine
    found = []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        defense = applied(f"my-{name}", catalog=catalog)
        outcome = run(folder, ["carlini-2022-lira-offline"], defense, catalog=catalog, code=code, workers=workers)
        found.append(outcome.scores["carlini-2022-lira-offline"].tobytes())
    assert found[0] == found[1]
