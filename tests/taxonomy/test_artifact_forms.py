"""What `mia check` tells from the annotation of a step of one's own: whether the store can hold what it returns."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from taxonomy.artifact_forms import check
from taxonomy.catalog import Catalog
from taxonomy.loading import load
from taxonomy.source import packages_in

CODE = """
from __future__ import annotations
from dataclasses import dataclass

@dataclass
class Tree:
    left: Tree | None
    leaf: Leaf

@dataclass
class Leaf:
    tree: Tree
    odd: Odd
    open: set

class Odd: ...

def step(records) -> Tree: ...
"""
ENTRY = """\
schema: 1
id: mine
title: Mine
summary: Mine.
needs: [discriminative, surrogate]
yields: shadow-data
because: It is mine.
run: mine:step
"""
FIELDS = """
@dataclass
class Pool:
    field: {field}

Vector = NDArray[np.float64]
Loop = Loop | None
def step(records) -> {returns}: ...
"""


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """The catalog with a step of one's own."""
    folder = tmp_path_factory.mktemp("catalog")
    (folder / "steps").mkdir()
    (folder / "steps" / "mine.yaml").write_text(ENTRY)
    return load([folder])


@pytest.fixture
def told(steps: Catalog, tmp_path: Path) -> Callable[[str], list[str]]:
    """What is told of the step with this code."""

    def told(code: str) -> list[str]:
        (tmp_path / "mine.py").write_text(code)
        return [f.message for f in check(steps, packages_in(tmp_path))]

    return told


def test_types_that_hold_each_other_are_told_of_once_and_by_name(told):
    assert told(CODE) == [
        "mine:step returns Tree: Leaf: Odd: it is no dataclass",
        "mine:step returns Tree: Leaf: its field open is a set",
    ]


@pytest.mark.parametrize(
    "field",
    [
        'Literal["mean", "over the hill", 3]',
        '"Tensor | None"',
        "npt.NDArray[np.float64]",
        "np.float16",
        "Vector",
        "dict[str, tuple[Vector, ...]]",
        "Optional[List[int]]",
        'Annotated[torch.Tensor, "one for each record"]',
        "ClassVar[set[int]] = set()",
    ],
)
def test_what_the_store_holds_is_not_refused(told, field):
    assert told(FIELDS.format(field=field, returns="Pool")) == []


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("dict[str, set[int]]", "a set"),
        ("Annotated[Iterator[int], 3]", "an Iterator"),
        ("nn.Module", "a Module"),
        ("Loop", "a Loop"),
        ('"list["', "a 'list['"),
        ("()[int]", "a ()[int]"),
        ("Union[int, Path]", "a Path"),
    ],
)
def test_a_field_that_the_store_cannot_hold_is_named(told, field, said):
    assert told(FIELDS.format(field=field, returns="Pool")) == [f"mine:step returns Pool: its field field is {said}"]


@pytest.mark.parametrize("returns", ["Tensor", "dict[str, Pool]", "set[int]", "float | None", '"np.ndarray"'])
def test_what_a_step_returns_is_a_dataclass(told, returns):
    (said,) = told(FIELDS.format(field="int", returns=returns))
    assert re.fullmatch(r"mine:step returns .+: it is no dataclass", said)


@pytest.mark.parametrize("returns", ["Pool", '"Pool"', "Pool | None", "Optional[Pool]", "Imported"])
def test_what_a_step_returns_may_be_a_dataclass(told, returns):
    assert told(FIELDS.format(field="int", returns=returns)) == []
