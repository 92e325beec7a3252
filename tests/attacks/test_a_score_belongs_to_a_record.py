"""A score depends on its record alone: not on the order of the candidates, nor on which others there are.

Where the method of a paper works on the set, the entry says `depends_on: candidates`; such an attack is held to permutation only.
"""

from __future__ import annotations

import functools
from typing import Any

import fixture
import pytest
import torch
from shorter import LEARNERS, SAMPLERS
from test_golden import PICTURES, RUNNING
from torch import Tensor

from attacks.engine.code import Code
from attacks.handles import Guessed, Records, Scored, ShadowAggregates, ShadowData, ShadowModels
from taxonomy.check import handles
from taxonomy.loading import load

CATALOG = load()
# Float32 sums in blocks of another size may differ in the last digits.
TOLERANCE = {"rel": 1e-6, "abs": 1e-6}


def of_rows(handle: Any, rows: Tensor, matched: bool) -> Any:
    """The handle as it would be if the candidates were these rows only, in this order.

    The records of `matched` shadow models are the candidates; other shadow models have records of their own.
    """
    if isinstance(handle, Records):
        label = None if handle._label is None else handle._label[rows]
        return Records(handle._x[rows], label, handle._ids[rows.numpy()], handle.ledger)
    if isinstance(handle, ShadowModels):
        known = handle._records
        if not matched:
            return handle
        return ShadowModels(
            handle._models, ShadowData(known.x[rows], known.label[rows], known.ids[rows.numpy()]), handle._trained_on[:, rows]
        )
    if isinstance(handle, ShadowAggregates):
        return ShadowAggregates(handle._others, handle._waiting, handle._x[rows], handle.size)
    return handle


def scores(attack_id: str, rows: Tensor | None = None) -> Tensor:
    attack = CATALOG.attacks[attack_id]
    given = fixture.handles(
        handles(CATALOG, attack.needs), label_granted="record.label" in attack.needs, of_pictures=attack_id in PICTURES
    )
    if rows is not None:
        of_candidates = not {"shadow-models.matched", "shadow-models.comparable", "shadow-models.poisoned"}.isdisjoint(
            attack.needs
        )
        given = {name: of_rows(handle, rows, of_candidates) for name, handle in given.items()}
    fewer = {key: int(value) for key, value in {**SAMPLERS, **LEARNERS}.get(attack_id, {}).items()}
    result = Code().function(attack.run)(**given, **attack.params | fewer)
    return result.score if isinstance(result, Scored | Guessed) else result


@functools.cache
def of_all(attack_id: str) -> Tensor:
    return scores(attack_id)


@pytest.mark.slow
@pytest.mark.parametrize("attack_id", RUNNING)
def test_the_order_of_the_candidates_changes_no_score(attack_id):
    every = of_all(attack_id)
    order = torch.randperm(len(every), generator=torch.Generator().manual_seed(1))
    assert scores(attack_id, order).tolist() == pytest.approx(every[order].tolist(), **TOLERANCE)


@pytest.mark.parametrize("attack_id", [name for name in RUNNING if CATALOG.attacks[name].depends_on == "record"])
@pytest.mark.parametrize(
    "some", [pytest.param(slice(0, 1), id="alone"), pytest.param(slice(3, 14), id="in small company", marks=pytest.mark.slow)]
)
def test_the_other_candidates_change_no_score(attack_id, some):
    every = of_all(attack_id)
    rows = torch.arange(len(every))[some]
    assert scores(attack_id, rows).tolist() == pytest.approx(every[rows].tolist(), **TOLERANCE)
