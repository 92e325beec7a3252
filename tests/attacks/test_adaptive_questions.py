"""Whether an attack asks by earlier answers is what its entry says: with other answers it asks other questions, or the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fixture
import pytest
import torch
from test_golden import PICTURES

from attacks.engine.code import Code
from taxonomy.check import handles
from taxonomy.loading import load
from taxonomy.terms import ASSUMED

CATALOG = load()
ADAPTIVE = next(iter(ASSUMED))
# These train for long on what they were told, and ask nothing after it: their code asks once.
LONG = {"du-2026-imia", "li-2024-seqmia", "liu-2022-trajectory", "nasr-2018", "hilprecht-2019-monte-carlo-features"}
SLOW = {"choquettechoo-2021-augmentation", "choquettechoo-2021-combined", "truex-2019"}
# These search for long, and the searches are tests of their own; fewer questions show as well that they go on by answers.
SHORTER = {
    "choquettechoo-2021-boundary": {"queries": 60},
    "choquettechoo-2021-combined": {"queries": 60},
    "li-2021-boundary": {"queries": 60},
    "gan-leaks-2": {"queries": 30},
    "gan-leaks-2-calibrated": {"queries": 30},
    "shadow-data-by-queries": {"wanted": 6, "queries": 60},
}
# What one attack of the fixture's goal is asked of: its own oracle, which is told by what it answers with.
ASKED = [
    entry
    for entry in (*CATALOG.attacks.values(), CATALOG.steps["shadow-data-by-queries"])
    if entry.run and entry.id not in LONG and any(CATALOG.terms[need].aspect == "query" for need in entry.needs)
    if getattr(entry, "goal", "membership") == "membership"
]


def oracles(given: dict[str, Any]) -> list[tuple[Any, str]]:
    """Return what answers among handles, or is asked in their place, and under which name each keeps its answer."""
    found = dict.fromkeys(getattr(handle, "_scores", handle) for handle in given.values())
    return [(one, name) for one in found for name in ("_answer", "_predict") if callable(getattr(one, name, None))]


def questions(entry: Any, shift: int) -> list[bytes]:
    """Return what is asked of the target where each record is answered as the one `shift` places before it."""
    needs = handles(CATALOG, entry.needs)
    given = fixture.handles(needs, label_granted="record.label" in entry.needs, of_pictures=entry.id in PICTURES)
    asked: list[bytes] = []

    def logged(answer: Callable[..., Any]) -> Callable[..., Any]:
        def found(*arguments: Any) -> Any:
            asked.append(b"".join(a.numpy().tobytes() if isinstance(a, torch.Tensor) else repr(a).encode() for a in arguments))
            told = answer(*arguments)
            return told.roll(shift, 0) if isinstance(told, torch.Tensor) and len(told) > 1 else told

        return found

    for oracle, name in oracles(given):
        setattr(oracle, name, logged(getattr(oracle, name)))
    Code().function(entry.run)(**given, **{**entry.params, **SHORTER.get(entry.id, {})})
    return asked


@pytest.mark.parametrize("entry", [pytest.param(e, id=e.id, marks=[pytest.mark.slow] if e.id in SLOW else []) for e in ASKED])
def test_what_an_entry_says_of_its_questions_is_what_its_code_does(entry):
    first = questions(entry, 0)
    if not first:
        pytest.skip("the fixture's handle for it does not tell what it is asked")
    assert (questions(entry, 1) != first) == (ADAPTIVE in entry.needs)
