"""What masks show, to the target's adversary and of models of its own, and what they leave as it was."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from attacks.defenses import masks
from attacks.defenses.answers import Mask, Stepped, answering, label_shown, preferred, scores_shown
from attacks.defenses.owner import Owner
from attacks.errors import AttackError
from attacks.handles import HostedModel, Ledger, QueryLimitError, ReferenceModels, ScoreOracle, ShadowData, ShadowModels, Trainer
from attacks.models.training import Model, NumberedSets, Recipe
from attacks.seeds import record_ids

SEED, CLASSES = 3, 5
X = 8 * torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
# Every mask with its parameters; one that keeps the order of scores keeps every label.
KEEP = {
    "top 1": (masks.top_k, {"k": 1}),
    "top 3": (masks.top_k, {"k": 3}),
    "all": (masks.top_k, {"k": CLASSES}),
    "no digit": (masks.round_scores, {"digits": 0}),
    "one digit": (masks.round_scores, {"digits": 1}),
    "three digits": (masks.round_scores, {"digits": 3}),
    "hot": (masks.temper, {"temperature": 20.0}),
    "cold": (masks.temper, {"temperature": 0.1}),
    "label": (masks.hide_scores, {}),
}
NOISE = {
    "noise": (masks.add_noise, {"spread": 2.0, "repeats": True}),
    "fresh noise": (masks.add_noise, {"spread": 2.0, "repeats": False}),
}
ALL = {**KEEP, **NOISE}


def model() -> Model:
    torch.manual_seed(1)
    recipe = Recipe("mlp", (6,), CLASSES, (8,))
    return Model(recipe, recipe.build(), "mine")


def mask(name: str) -> Mask:
    function, params = ALL[name]
    return Mask(function, params, SEED)


def scores(ledger: Ledger) -> ScoreOracle:
    return ScoreOracle("scores", model().log_probs, ledger)


def shown(name: str, ledger: Ledger | None = None) -> ScoreOracle:
    of = mask(name)
    step = of.resolution(CLASSES, (6,))
    return scores_shown(of, scores, "masked", resolution=step, top=name in ("top 1", "top 3", "all"))(ledger or Ledger())


EXACT = model().log_probs(X)


@pytest.mark.parametrize("name", KEEP)
def test_a_mask_that_keeps_the_order_keeps_every_label(name):
    ledger = Ledger()
    assert torch.equal(label_shown(mask(name), scores)(ledger)(X), EXACT.argmax(-1))
    assert ledger.queries == len(X)


def test_noise_changes_labels_and_they_are_those_of_the_noisy_scores():
    noisy = shown("noise")(X)
    labels = label_shown(mask("noise"), scores)(Ledger())(X)
    assert torch.equal(labels, noisy.argmax(-1)) and not torch.equal(labels, EXACT.argmax(-1))


def test_of_classes_that_are_shown_alike_the_label_is_the_models_own():
    of_two = torch.tensor([[0.4, 0.4, math.nan], [math.nan] * 3]).double().log()
    assert preferred(of_two, torch.tensor([[0.1, 0.5, 0.4], [0.1, 0.2, 0.7]]).double().log()).tolist() == [1, 2]


@pytest.mark.parametrize("name", ["top 1", "top 3", "all"])
def test_the_highest_scores_are_shown_with_their_classes(name):
    k = ALL[name][1]["k"]
    oracle = shown(name)
    values, classes = oracle(X)
    assert torch.equal(values, EXACT.topk(k).values) and torch.equal(EXACT.gather(1, classes), values)
    every = oracle.completed(X)
    assert torch.allclose(every.logsumexp(-1), torch.zeros(len(X)).double(), atol=1e-9)
    assert torch.allclose(every.topk(k).values, values, atol=1e-9)
    assert oracle(X[:0])[0].shape == (0, 1)


def test_rounded_scores_are_bounded_where_their_resolution_ends_and_ties_are_noted():
    ledger = Ledger()
    found = shown("no digit", ledger)(X)
    probabilities = EXACT.exp().round()
    certain = probabilities.sum(-1) == 1
    assert certain.any() and bool(found.isfinite().all())
    assert torch.equal(found.argmax(-1)[certain], EXACT.argmax(-1)[certain])
    assert any("ties" in note for note in ledger.notes)


@pytest.mark.parametrize("name", ["one digit", "hot", "noise", "top 3"])
def test_a_question_counts_once_and_the_limit_holds(name):
    ledger = Ledger(limit=len(X) + 1)
    oracle = shown(name, ledger)
    oracle(X)
    oracle(X[:0])
    assert ledger.queries == len(X)
    with pytest.raises(QueryLimitError):
        oracle(X[:2])


def test_averaging_undoes_noise_that_is_drawn_anew_and_no_other():
    def error(name: str) -> float:
        oracle = shown(name)
        mean = torch.stack([oracle(X[:8]) for _ in range(100)]).mean(0)
        centred = [values - values.mean(-1, keepdim=True) for values in (mean, EXACT[:8])]
        return float((centred[0] - centred[1]).abs().mean())

    assert error("fresh noise") < 0.4 < 0.8 < error("noise")


@pytest.mark.parametrize("name", NOISE)
def test_noise_of_a_record_does_not_hang_on_its_company(name):
    every = shown(name)(X)
    order = torch.randperm(len(X), generator=torch.Generator().manual_seed(2))
    # The model's own answers differ in their last bits with what stands beside a record.
    assert torch.allclose(shown(name)(X[order]), every[order], rtol=0, atol=1e-4)
    oracle = shown(name)
    parts = torch.cat([oracle(part) for part in X.split(7)])
    assert torch.allclose(parts, every, rtol=0, atol=1e-4)


def own_models(hosted: bool = False) -> ShadowModels:
    models = [HostedModel(model()) if hosted else model() for _ in range(3)]
    inside = torch.arange(3 * len(X)).reshape(3, -1) % 2 == 0
    data = ShadowData(X, torch.zeros(len(X), dtype=torch.int64), record_ids(X.numpy()))
    return ShadowModels(models, data, inside)


@pytest.mark.parametrize("hosted", [False, True])
@pytest.mark.parametrize("name", ["top 1", "one digit", "hot", "noise"])
def test_an_adversary_who_knows_masks_its_own_models(name, hosted):
    own = own_models(hosted)
    found = answering(own, mask(name))
    answers = [found.log_probs(k) for k in range(3)]
    for answer in answers:
        assert torch.allclose(answer.logsumexp(-1), torch.zeros(len(X)).double(), atol=1e-9)
        assert not torch.equal(answer, EXACT)
    if name == "noise":
        assert not torch.equal(answers[0], answers[1]), "it does not know the owner's noise, and has its own for each model"
    else:
        top = name == "top 1"
        assert torch.equal(answers[0], shown(name).completed(X) if top else shown(name)(X)), "as the target's are"
    assert torch.equal(own.log_probs(0), EXACT), "the models themselves are as they were"
    references = answering(ReferenceModels(own), mask(name))
    assert torch.equal(references.answers(X)[0], answers[0])


def test_what_a_trainer_hands_over_is_masked_alike():
    """As an attack has it that trains models of its own, each on rows of one pool (CMIA)."""
    x, y = X, torch.arange(len(X)) % CLASSES
    recipe = Recipe("mlp", (6,), CLASSES, (8,), epochs=1, batch=10)
    sets = NumberedSets(x, y, count=2, rows=lambda k: torch.arange(k, 30), seed=lambda k: k)
    owners = []

    def told(log_probs: Tensor, owner: Owner) -> Tensor:
        owners.append(owner)
        return masks.round_scores(log_probs, digits=1).log_probs

    ledger = Ledger()
    trainer = answering(Trainer("trainer", recipe, 30, ledger), Mask(told, {}, SEED))
    plain = Trainer("trainer", recipe, 30, Ledger()).fit_many(sets)
    for number, (model, own) in enumerate(zip(trainer.fit_many(sets), plain, strict=True)):
        probs = model.log_probs(X).exp()
        assert not torch.equal(probs, own.log_probs(X).exp())
        assert torch.allclose(10 * probs, (10 * probs).round(), atol=1e-6)
        assert len(owners[-1].data.x) == 30 - number and len(owners[-1].reference.x) == len(X) - 30 + number
        assert model.parameters().keys() == own.parameters().keys(), "weights are as they were"
    assert ledger.touched == {"trainer"} and trainer.recipe == recipe and trainer.training_size == 30


def test_what_stands_for_nothing_is_not_masked():
    assert answering("a surrogate", mask("hot")) == "a surrogate"


def no_mask(log_probs: Tensor) -> Tensor:
    return log_probs[:, :1]


def of_owner(log_probs: Tensor, owner: object) -> Tensor:
    return log_probs


def test_what_a_mask_cannot_be_is_one_sentence():
    with pytest.raises(AttackError, match="6 scores cannot be shown: the target tells 5 classes apart"):
        Mask(masks.top_k, {"k": 6}, SEED).resolution(CLASSES, (6,))
    with pytest.raises(AttackError, match="no_mask must show float64"):
        Mask(no_mask, {}, SEED)(EXACT, X, torch.zeros(len(X)))
    with pytest.raises(AttackError, match="of_owner asks for the owner's training set"):
        Mask(of_owner, {}, SEED)(EXACT, X, torch.zeros(len(X)))


def test_a_step_is_told():
    assert mask("three digits").resolution(CLASSES, (6,)) == pytest.approx(0.001)
    assert isinstance(masks.round_scores(EXACT, digits=1), Stepped) and mask("hot").resolution(CLASSES, (6,)) == 0
