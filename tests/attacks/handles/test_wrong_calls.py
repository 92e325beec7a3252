"""A wrong call on a handle names what there is, and reveals nothing that is private."""

from __future__ import annotations

import ast
import copy
import dataclasses
import pickle

import fixture
import numpy as np
import pytest
import torch

from attacks import handles
from attacks.handles import Ledger, Platform, ScoreOracle, ShadowData, wrong_calls
from attacks.models import training
from taxonomy.check import package
from taxonomy.offers import Types

TYPES = [found for name in handles.__all__ if isinstance(found := getattr(handles, name), type)]
HANDLES = [kind for kind in TYPES if not issubclass(kind, Exception)]


@pytest.fixture
def given():
    return fixture.handles(["records", "scores", "shadow_models", "trainer"])


@pytest.mark.parametrize(
    ("handle", "name", "message"),
    [
        ("scores", "predict", "scores (a ScoreOracle) has no 'predict'; it offers: scores(x); `mia terms --handles`"),
        ("records", "labels", "records (a Records) has no 'labels'; it offers: len(records), .x, .ids, .label;"),
        ("shadow_models", "predict", "a ShadowModels has no 'predict'; it offers: its length, .models, .records, .trained_on, "),
    ],
)
def test_a_name_that_there_is_not_is_answered_with_those_that_there_are(given, handle, name, message):
    with pytest.raises(AttributeError) as caught:
        getattr(given[handle], name)
    assert str(caught.value).startswith(message)


def test_private_names_are_plain_and_nothing_hidden_is_told():
    recipe = training.Recipe.__new__(training.Recipe)
    platform = Platform("platform", recipe, Ledger())
    with pytest.raises(AttributeError) as caught:
        _ = platform.recipe
    assert str(caught.value).startswith("platform (a Platform) has no 'recipe'; it offers: .fit_many(sets);")
    with pytest.raises(AttributeError, match=r"^'Platform' object has no attribute '_recipe'$"):
        _ = platform._recipe


def test_what_is_offered_is_never_private():
    source = Types({"attacks": package("attacks")})
    for kind in HANDLES:
        found = source.find(kind.__module__, kind.__name__)
        assert found is not None, kind
        for offer in found.offers:
            assert offer.name in ("__call__", "__len__") or not offer.name.startswith("_"), (kind, offer)


def test_copies_pickles_and_questions_work_as_before(given):
    scores, data = given["scores"], ShadowData(torch.ones(2, 1), torch.ones(2).long(), np.arange(2, dtype=np.uint64))
    assert copy.copy(scores)(torch.zeros(1, 3)).shape == scores(torch.zeros(1, 3)).shape
    for made in (copy.deepcopy(data), pickle.loads(pickle.dumps(data)), dataclasses.replace(data)):  # noqa: S301
        assert torch.equal(made.x, data.x)
    assert not hasattr(scores, "predict") and getattr(scores, "predict", 3) == 3 and hasattr(scores, "ledger")
    for kind in HANDLES:  # as unpickling and copying do it: nothing of the object is there yet
        empty = kind.__new__(kind)
        assert not hasattr(empty, "no_such_name") and not hasattr(empty, "__setstate__") and not hasattr(empty, "_name")


def test_an_error_inside_a_property_is_told_and_not_the_property_missing():
    class Broken(handles.Handle):
        @property
        def broken(self):
            return self.ledger.no_such_note

    with pytest.raises(AttributeError, match="no_such_note"):
        _ = Broken("broken", Ledger()).broken


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda given: given["scores"](1, 2), "; it is called as (x: Tensor) -> Tensor"),
        (lambda given: given["shadow_models"].log_probs(), "; it is called as .log_probs(model: int, changed: "),
        (lambda given: given["scores"][0], "; a ScoreOracle is no tensor: it offers: a call with (x); "),
        (lambda given: 2.0 * given["records"], "; a Records is no tensor: it offers: its length, .x, .ids, .label; "),
        (lambda given: len(given["scores"]), "; a ScoreOracle is no tensor"),
        (lambda given: torch.exp(given["scores"]), "; a ScoreOracle is no tensor"),
        (lambda given: int("a", "b"), ""),
        (lambda given: given["records"].x.reshape("a"), ""),
    ],
)
def test_a_call_with_wrong_arguments_is_answered_with_the_right_ones(given, call, message):
    with pytest.raises(TypeError) as caught:
        call(given)
    assert wrong_calls.hint(caught.value).startswith(message)
    assert bool(wrong_calls.hint(caught.value)) == bool(message)


def test_evidence_does_not_hang_on_these_words():
    """They are given to the types from outside: no definition that attacks reach names them."""
    house = package("attacks").folder
    naming = [
        path
        for path in sorted(house.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Name) and node.id == "wrong_calls"
    ]
    assert {path.relative_to(house).as_posix() for path in naming} == {"handles/__init__.py", "engine/blame.py"}


def test_an_outsiders_handle_has_it_too():
    class Own(ScoreOracle):
        """One of somebody's own."""

    with pytest.raises(AttributeError, match=r"scores \(an Own\) has no 'predict'; it offers: scores\(x\)"):
        _ = Own("scores", lambda x: x, Ledger()).predict
