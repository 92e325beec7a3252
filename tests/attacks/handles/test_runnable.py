"""A model at home: a file that can be run answers by its kind, without a count; and models of which something is guessed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attacks.engine.plan import make
from attacks.handles import (
    Architecture,
    AttackError,
    GeneratorArchitecture,
    GeneratorTrainer,
    KnownMembers,
    Ledger,
    Number,
    Parameters,
    Platform,
    Population,
    Records,
    Rounds,
    ShadowData,
    Trainer,
    UpdatedScores,
)
from attacks.handles.views import answers, runnable, trainers
from attacks.handles.views import texts as text_views
from attacks.models.alphabet import ALPHABET
from attacks.models.generators import GeneratorRecipe
from attacks.models.training import Model, Recipe
from attacks.seeds import record_ids
from attacks.steps import comparable_models, reference_language_model, shadow_aggregates
from taxonomy.loading import load
from taxonomy.threat import from_user

CLASSES = Recipe("mlp", (4,), 3, (5,), epochs=3, batch=8, learning_rate=0.01)
NUMBER = Recipe("mlp", (4,), 1, (5,), regression=True)
PIXELS = Recipe("unet", (4, 4), 3, (2, 2))
TEXT = GeneratorRecipe("gru", (6,), (3, 5), classes=len(ALPHABET), unit=False)


def model(recipe, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return recipe.build().eval()


def file(recipe, ledger=None, seed=0):
    ledger = ledger or Ledger(limit=0)
    trainer = (GeneratorTrainer if isinstance(recipe, GeneratorRecipe) else Trainer)("trainer", recipe, 9, ledger)
    weights = Parameters("parameters", dict(model(recipe, seed).state_dict()), ledger)
    return runnable.rebuilt_model(weights, trainers.architecture_of_trainer(trainer))


def test_a_file_answers_by_its_kind_without_a_count():
    x, pictures, texts = torch.randn(7, 4), torch.rand(2, 4, 4), torch.randint(0, 5, (3, 6)).float()
    expected = Model(CLASSES, model(CLASSES), "").log_probs(x)
    assert torch.equal(runnable.local_scores(file(CLASSES))(x), expected)
    assert torch.equal(runnable.local_values(file(NUMBER))(x), Model(NUMBER, model(NUMBER), "").values(x))
    assert torch.equal(runnable.local_masks(file(PIXELS))(pictures), Model(PIXELS, model(PIXELS), "").log_probs(pictures))
    next_symbol = runnable.local_next_symbols(file(TEXT))
    assert torch.allclose(next_symbol(texts), model(TEXT).scores(texts))
    assert torch.allclose(text_views.likelihood_of_next_symbol(next_symbol)(texts), model(TEXT).likelihood(texts))
    assert runnable.local_texts(file(TEXT), seed=1)(2).shape == (2, 6)


def test_a_file_of_another_kind_says_so():
    with pytest.raises(AttackError, match="gru makes records"):
        runnable.local_scores(file(TEXT))
    with pytest.raises(AttackError, match="mlp makes no records"):
        runnable.rebuilt_generator(file(CLASSES))


def test_a_file_tells_nothing_of_training_and_its_parts_are_what_it_was_made_of():
    held = file(CLASSES, Ledger())
    architecture = runnable.architecture_of_file(held)
    assert isinstance(architecture, Architecture) and isinstance(runnable.architecture_of_file(file(TEXT)), GeneratorArchitecture)
    assert (architecture.recipe.epochs, architecture.recipe.batch, architecture.recipe.learning_rate) == (0, 0, 0.0)
    assert architecture.recipe.hidden == CLASSES.hidden
    assert trainers.type_of_architecture(architecture).value == "mlp"
    weights = runnable.parameters_of_file(held).weights
    assert all(torch.equal(value, weights[name]) for name, value in model(CLASSES).state_dict().items())


def test_architecture_and_recipe_are_the_trainer_again():
    trainer = Trainer("trainer", CLASSES, 9, Ledger())
    recipe = trainers.recipe_of_trainer(trainer)
    assert trainers.size_of_recipe(recipe).value == 9 and not hasattr(recipe, "epochs")
    assert trainers.trainer_of_parts(trainers.architecture_of_trainer(trainer), recipe) is trainer


def test_scores_of_updates_are_those_of_the_model_as_it_is():
    x = torch.randn(5, 4)
    answer = [Model(CLASSES, model(CLASSES, seed), "").log_probs for seed in range(3)]
    ledger = Ledger()
    one = UpdatedScores("updated_scores", answer[0], answer[1:2], ledger)
    several = UpdatedScores("updated_scores", answer[0], answer[1:], ledger)
    assert torch.equal(answers.scores_of_updates(one)(x), answer[1](x)), "after the update"
    assert torch.equal(answers.scores_of_updates(several)(x), answer[0](x)), "each update leaves the model as it was"
    assert ledger.queries == 10


def test_releases_give_answers_before_and_after():
    x, ledger = torch.randn(5, 4), Ledger(limit=0)
    rounds = Rounds("rounds", [dict(model(CLASSES, seed).state_dict()) for seed in range(3)], ledger)
    found = runnable.local_updates(rounds, Architecture("architecture", CLASSES, ledger))
    assert len(found) == 1
    assert torch.equal(found.before(x), Model(CLASSES, model(CLASSES, 1), "").log_probs(x))
    assert torch.equal(found.after(0, x), Model(CLASSES, model(CLASSES, 2), "").log_probs(x))
    with pytest.raises(AttackError, match="no update"):
        runnable.local_updates(Rounds("rounds", [{}], ledger), Architecture("architecture", CLASSES, ledger))


# -- models of which something is guessed -------------------------------------------------------------------------------------


def held(count, seed):
    x = torch.randn(count, 4, generator=torch.Generator().manual_seed(seed))
    return x, torch.arange(count) % 3, record_ids(x.numpy())


CANDIDATES = Records(*held(20, 1), Ledger())
# A pool holds the candidates too, since it holds the training set.
(X, LABEL, IDS), (MORE_X, MORE_LABEL, MORE_IDS) = held(20, 1), held(30, 2)
POOL = ShadowData(torch.cat([X, MORE_X]), torch.cat([LABEL, MORE_LABEL]), np.concatenate([IDS, MORE_IDS]))
FEW = {"count": 4, "seed": 3}
KNOWN = {
    "guessed_architecture": ((), {"hidden": 6, "epochs": 1}),
    "known_architecture": ((Architecture("architecture", CLASSES, Ledger()),), {"epochs": 1}),
    "known_recipe": ((Trainer("trainer", CLASSES, 25, Ledger()),), {}),
    "same_platform": ((Platform("platform", CLASSES, Ledger()),), {}),
}


@pytest.mark.parametrize("known", KNOWN)
def test_comparable_shadow_models_have_each_candidate_in_half_of_them(known):
    given, params = KNOWN[known]
    found = getattr(comparable_models, known)(CANDIDATES, POOL, *given, **params, **FEW)
    assert len(found) == 4 and (found.trained_on.sum(dim=0) == 2).all()
    assert found.records.ids.tolist() == CANDIDATES.ids.tolist()


@pytest.mark.parametrize("known", KNOWN)
def test_comparable_reference_models_have_seen_no_candidate(known):
    given, params = KNOWN[known]
    given = (Trainer("trainer", CLASSES, 15, Ledger()),) if known == "known_recipe" else given
    found = getattr(comparable_models, f"reference_{known}")(CANDIDATES, POOL, *given, **params, **FEW)
    assert len(found) == 4 and found.training_size == 15
    assert not np.isin(found.own.records.ids, CANDIDATES.ids).any()


def test_the_known_architecture_is_kept_and_trained_by_common_settings():
    architecture = Architecture("architecture", CLASSES, Ledger())
    found = comparable_models.known_architecture(CANDIDATES, POOL, architecture, epochs=1, **FEW)
    recipe = found.models[0].recipe
    assert recipe.hidden == CLASSES.hidden and (recipe.epochs, recipe.batch) == (1, 64)


def test_too_few_records_are_refused():
    with pytest.raises(AttackError, match="30"):
        comparable_models.known_recipe(CANDIDATES, POOL, Trainer("trainer", CLASSES, 90, Ledger()), **FEW)


def test_a_reference_language_model_can_be_guessed():
    x = torch.randint(0, 5, (12, 6)).float()
    population = Population("population", x, torch.zeros(12, dtype=torch.int64), record_ids(x.numpy()), Ledger())
    settings = {"embedding": 3, "hidden": 4, "epochs": 1, "batch": 4}
    made = reference_language_model.guessed_recipe(CANDIDATES, population, **settings, seed=1)
    assert made.likelihood(x).shape == (12, 6)
    nobody = Population("population", x[:0], torch.zeros(0, dtype=torch.int64), record_ids(x[:0].numpy()), Ledger())
    with pytest.raises(AttackError, match="there is none"):
        reference_language_model.guessed_recipe(CANDIDATES, nobody, **settings)


def test_known_members_of_earlier_groups_make_up_groups():
    x, label, ids = held(20, 4)
    other = ShadowData(*held(20, 5))
    known = KnownMembers("known_members", x, label, ids, Ledger(), other)
    found = shadow_aggregates.from_known_members(CANDIDATES, known, Number("training_size", 6, Ledger()), count=4, seed=1)
    assert found.size == 6 and found.inside.tolist() == [True, False, True, False]
    with pytest.raises(AttackError, match="cannot be drawn from a population of 40"):
        shadow_aggregates.from_known_members(CANDIDATES, known, Number("training_size", 60, Ledger()), count=4)


# -- what a target shows in another form --------------------------------------------------------------------------------------


def plan(target, *knows, names=(), model="discriminative", **facets):
    catalog = load()
    threat = from_user(catalog, observation="white-box", model=model, knows=knows, **facets)
    return make(catalog, catalog.target(target), threat, names)


def test_a_target_with_weights_and_structure_shows_a_file():
    found = plan("digits-mlp", "M1.runnable", "record.label", names=["yeom-2018-gap", "nasr-2019-unsupervised"])
    assert set(found.granted) == {"M1.runnable", "record.label"}
    assert set(found.derived) == {"M1.runnable", "M2.architecture"}
    assert {p.attack.id for p in found.attacks} == {"yeom-2018-gap", "nasr-2019-unsupervised"}


def test_what_the_target_is_rules_out_what_does_not_apply():
    found = plan("rand-mlp", "M1.runnable", "record.label", "D1.samples")
    assert (
        "it is for a record that is a picture"
        in {one.id: one.because for one in found.skipped}["choquettechoo-2021-augmentation"]
    )
    with pytest.raises(Exception, match="states answers-number, which digits-mlp is not"):
        plan("digits-mlp", "M1.runnable", answers=["answers-number"])
    regression = plan("diabetes-mlp", "M1.runnable", "record.label", "D1.error-spread", answers=["answers-number"])
    assert [p.attack.id for p in regression.attacks] == ["yeom-2018-regression"]
    text = plan("jargon-gru", "M1.runnable", model="generative", answers=["answers-sequence"])
    assert {"carlini-2021-perplexity", "zhang-2025-min-k-plus-plus"} <= {p.attack.id for p in text.attacks}
    masks = plan("fashion-scenes", "M1.runnable", "record.label", "D1.samples", answers=["answers-pixels"])
    found = [f"he-2020-segmentation{kind}" for kind in ("", "-concatenation", "-mean-loss")]
    assert [p.attack.id for p in masks.attacks] == found
