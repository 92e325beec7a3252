"""Every entry is held to the contract; the messages tell a contributor what to do."""

from __future__ import annotations

import inspect

import pytest

from attacks.engine.code import Code
from taxonomy.check import handles
from taxonomy.loading import load

CATALOG = load()
RUNNING = sorted(a.id for a in CATALOG.attacks.values() if a.run)
WITH_CODE = RUNNING + sorted(s.id for s in CATALOG.steps.values() if s.run)


@pytest.mark.parametrize("entry_id", WITH_CODE)
def test_needs_are_arguments(entry_id):
    entry = CATALOG.attacks.get(entry_id) or CATALOG.steps[entry_id]
    function = Code().function(entry.run)
    parameters = inspect.signature(function).parameters.values()
    positional = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
    assert positional == handles(CATALOG, entry.needs), (
        f"{entry.run}: the arguments must be the handles of `needs` in {entry_id}.yaml"
    )
    defaults = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "seed"}
    assert defaults == entry.params, f"the defaults of {entry.run} and `params` in {entry_id}.yaml must agree"


@pytest.mark.parametrize("entry_id", WITH_CODE)
def test_code_says_where_it_comes_from(entry_id):
    entry = CATALOG.attacks.get(entry_id) or CATALOG.steps[entry_id]
    doc = inspect.getdoc(Code().function(entry.run)) or ""
    assert doc, f"{entry.run} needs a docstring: what it returns with dtype and shape, and the paper's section"
    assert "et al." in doc or any(c.isdigit() for c in doc), f"the docstring of {entry.run} must cite its source"


@pytest.mark.parametrize("attack_id", RUNNING)
def test_every_running_attack_is_tested(attack_id):
    targets, goal = CATALOG.attacks[attack_id].targets, CATALOG.attacks[attack_id].goal
    assert targets.power or targets.others, (
        f"name a target in `targets.power` of {attack_id}.yaml on which the attack works; if none can be found, which is "
        "a result too, name one in `targets.others`"
    )
    if goal not in ("membership", "reconstruction", "property"):
        return  # nothing is told apart from others, so there is no chance to fall back to
    assert targets.null and CATALOG.targets[targets.null].control, f"name a control in `targets.null` of {attack_id}.yaml"
