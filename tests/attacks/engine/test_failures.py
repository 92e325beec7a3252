"""A failure names the contributor's line, not the innermost frame of a library."""

from __future__ import annotations

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import torch

from attacks.engine import blame
from attacks.engine import plan as plans
from attacks.engine.code import Code
from attacks.engine.runner import Engine
from attacks.engine.store import Store
from attacks.handles import AttackError
from attacks.models import poorer_answers
from taxonomy.findings import InputError
from taxonomy.loading import load

TINY = Path(__file__).parents[2] / "data" / "tiny"
ENTRY = """\
schema: 1
id: {id}
title: Strange
summary: Strange.
cites: [yeom2018]
needs: [discriminative, Q.scores]
published:
  - {{name: paper, observation: black-box, knows: [Q.scores], model: discriminative, frame: stand-alone, source: memory}}
run: clumsy.attack:{function}
cost: {{queries_per_record: 1}}
targets: {{power: [tiny], null: digits-null}}
"""
CODE = """\
import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from attacks.handles import AttackError
from clumsy import helper


def in_torch(records, scores):
    return torch.nn.functional.cross_entropy(scores(records.x), torch.zeros(3))


def in_sklearn(records, scores):
    return LogisticRegression().fit(np.full((2, 2), np.nan), [0, 1])


def in_numpy(records, scores):
    return np.linalg.inv(scores(records.x).numpy())


def in_a_handle(records, scores):
    return scores.predict(records.x)


def in_arguments(records, scores):
    return scores(records.x, 3)


def not_granted(records, scores):
    return records.label.double()


def own_bug(records, scores):
    return helper.bug({})


def own_reason(records, scores):
    raise AttackError("there is nothing to be found")
"""
HELPER = "def bug(found):\n    return found[  # a comment\n        'no such key'\n    ]\n"
TARGET = """\
import torch


def build(*, seed=0, **params):
    return torch.zeros(2, 3) @ torch.zeros(2, 3)
"""


@pytest.fixture
def code(tmp_path):
    """A folder that the user trusts, with a package in it."""
    folder = tmp_path / "code"
    (folder / "clumsy").mkdir(parents=True)
    for name, text in {"__init__": "", "attack": CODE, "helper": HELPER, "target": TARGET}.items():
        (folder / "clumsy" / f"{name}.py").write_text(text)
    yield folder
    sys.path[:] = [p for p in sys.path if p != str(folder)]
    for name in [name for name in sys.modules if name.split(".")[0] == "clumsy"]:
        del sys.modules[name]


@pytest.fixture
def fail(tmp_path, code, kept_store):
    """Run one function of the folder and return how it failed."""

    def go(function):
        name = function.replace("_", "-")
        (tmp_path / "catalog" / "attacks").mkdir(parents=True, exist_ok=True)
        (tmp_path / "catalog" / "attacks" / f"{name}.yaml").write_text(ENTRY.format(id=name, function=function))
        catalog = load([TINY, tmp_path / "catalog"])
        plan = plans.make(catalog, catalog.target("tiny"), None, [name])
        outcome = Engine(catalog, Store(kept_store), code=Code([code])).run(plan)
        assert not outcome.results
        return outcome.failures[0]["error"]

    return go


@pytest.mark.parametrize(
    ("function", "line"),
    [
        ("in_torch", "torch.nn.functional.cross_entropy("),
        ("in_sklearn", "return LogisticRegression()"),
        ("in_numpy", "return np.linalg.inv("),
        ("in_a_handle", "return scores.predict("),
        ("in_arguments", "return scores(records.x, 3)"),
        ("not_granted", "return records.label.double()"),
    ],
)
def test_what_fails_in_a_library_or_a_handle_is_told_at_the_contributors_line(fail, function, line):
    number = next(k for k, text in enumerate(CODE.splitlines(), 1) if line in text)
    error = fail(function)
    assert f"(clumsy/attack.py:{number}), in `{CODE.splitlines()[number - 1].strip()}`" in error
    assert error.count(".py:") == 1


def test_wrong_calls_say_what_there_is(fail):
    assert "scores (a ScoreOracle) has no 'predict'; it offers: scores(x); " in fail("in_a_handle")
    assert "it is called as (x: Tensor) -> Tensor (clumsy/attack.py" in fail("in_arguments")


def test_a_bug_in_a_helper_is_told_where_it_is(fail):
    assert fail("own_bug").startswith("KeyError: 'no such key' (clumsy/helper.py:2), in `return found[")


def test_a_reason_that_an_attack_gives_stands_by_itself(fail):
    assert fail("own_reason") == "there is nothing to be found"


def test_a_target_of_ones_own_too(tmp_path, code):
    tiny = (TINY / "targets" / "tiny.yaml").read_text()
    text = tiny.replace("id: tiny", "id: clumsy").replace("attacks.targets.classifier:build", "clumsy.target:build")
    (tmp_path / "catalog" / "targets").mkdir(parents=True)
    (tmp_path / "catalog" / "targets" / "clumsy.yaml").write_text(text)
    engine = Engine(load([TINY, tmp_path / "catalog"]), Store(tmp_path / "store"), code=Code([code]))
    with pytest.raises(InputError, match=r"clumsy/target\.py:5\), in `return torch\.zeros\(2, 3\) @ torch\.zeros\(2, 3\)`"):
        engine.target("clumsy", 0)


def failed(function, *arguments):
    try:
        function(*arguments)
    except Exception as error:
        return error
    raise AssertionError("it did not fail")


def test_our_own_code_is_to_blame_before_a_library():
    error = failed(poorer_answers.completed, torch.zeros(2, 3), torch.zeros(5))
    assert "(attacks/models/poorer_answers.py:" in blame.told(error, Code())


def test_of_libraries_alone_the_innermost_is_told():
    told = blame.told(failed(torch.nn.functional.cross_entropy, torch.zeros(2, 3), torch.zeros(5)), Code())
    assert "(torch/nn/functional.py:" in told
    assert blame.told(ValueError("never raised"), Code()) == "ValueError: never raised (unknown place)"


def test_long_lines_are_not_shown_and_paths_below_the_working_folder_are_short(code, monkeypatch):
    (code / "clumsy" / "long.py").write_text(f"def f():\n    return [].pop({' ' * 100})\n")
    monkeypatch.chdir(code.parent)
    monkeypatch.syspath_prepend(str(code))
    from clumsy import long  # type: ignore[import-not-found]

    assert blame.told(failed(long.f), Code([code])) == "IndexError: pop from empty list (code/clumsy/long.py:2)"
    assert blame.told(failed(long.f), Code()).endswith("(code/clumsy/long.py:2)")


def test_what_explains_itself_has_a_line_only_in_code_of_others():
    def refuse():
        raise AttackError("the target answers not-a-number")

    assert blame.told(failed(refuse), Code()) == "the target answers not-a-number"


def test_what_is_said_in_several_lines_stands_in_one():
    for error in (ValueError("one\n  two\n\nthree"), AttackError("one\n  two\n\nthree")):
        assert "one two three" in blame.told(error, Code())


def test_what_failed_in_another_process_names_its_line_there(tmp_path, monkeypatch):
    code = tmp_path / "code"
    code.mkdir()
    (code / "far_away.py").write_text("def f():\n    raise ValueError('boom')\n")
    monkeypatch.syspath_prepend(str(code))
    monkeypatch.chdir(tmp_path)
    from far_away import f  # type: ignore[import-not-found]

    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        error = pool.submit(f).exception()
    assert blame.told(error, Code([code])) == "ValueError: boom (code/far_away.py:2), in `raise ValueError('boom')`"
