"""The store holds any dataclass of arrays and plain values, and gives back what it took; what it cannot hold is said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.engine import artifacts
from attacks.engine.encoding import EncodingError
from attacks.engine.store import Store
from attacks.handles import SamplePool, ShadowData


@dataclass(frozen=True)
class Part:
    """A part of an artifact."""

    x: Tensor
    name: str = "part"


@dataclass
class Whole:
    """Everything that an artifact may hold, but models."""

    tensor: Tensor
    array: NDArray[np.int8]
    number: float
    flag: bool
    nothing: str | None
    many: tuple[Part, ...]
    lists: list[int]
    named: Mapping[str, Tensor]
    one: Part
    worked_out: int = field(init=False)

    def __post_init__(self) -> None:
        self.worked_out = len(self.many)


def make_whole() -> Whole:
    parts = tuple(Part(torch.full((2,), float(k)), f"part {k}") for k in range(3))
    array = np.array([1, -2], dtype=np.int8)
    named = {"a.b": torch.arange(3), "": torch.zeros(0, 4)}
    return Whole(torch.eye(2, dtype=torch.float64), array, float("inf"), True, None, parts, [1, 2], named, parts[1])


def through_the_store(artifact, kinds):
    meta, arrays = artifacts.pack(artifact)
    return artifacts.unpack(json.loads(json.dumps(meta)), arrays, None, kinds)


def test_a_dataclass_comes_back_as_it_was():
    made = make_whole()
    again = through_the_store(made, artifacts.kinds_of(make_whole))
    assert isinstance(again, Whole) and again.worked_out == 3 and again.lists == [1, 2] and again.nothing is None
    assert torch.equal(again.tensor, made.tensor) and again.array.dtype == np.int8 and again.number == float("inf")
    assert [part.name for part in again.many] == ["part 0", "part 1", "part 2"] and isinstance(again.many, tuple)
    assert all(torch.equal(a.x, b.x) for a, b in zip(again.many, made.many, strict=True)) and again.one.name == "part 1"
    assert {name: value.tolist() for name, value in again.named.items()} == {"a.b": [0, 1, 2], "": []}


def test_what_was_packed_is_not_what_is_held():
    """A copy: nobody changes finished work by changing what a step handed over."""
    made = make_whole()
    again = through_the_store(made, artifacts.kinds_of(make_whole))
    again.tensor.zero_()
    assert made.tensor.sum() == 2


@dataclass
class Holds:
    """An artifact that holds anything."""

    what: object


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({1, 2}, "what is a set"),
        (len, "what is a builtin_function_or_method"),
        (np.array([{}]), "array of Python objects"),
        (torch.eye(2).to_sparse(), "a tensor of torch.float32 .torch.sparse_coo."),
        (torch.ones(1, dtype=torch.bfloat16), "bfloat16"),
        (np.ma.array([1.0], mask=[True]), "what is a MaskedArray"),
        ({1: "a"}, "the key 1"),
        ([0, [object()]], r"what\.1\.0 is a object"),
        (Part(lambda: 0), r"what\.x is a function"),
    ],
)
def test_what_cannot_be_held_is_said_with_its_place(what, said):
    with pytest.raises(EncodingError, match=said):
        artifacts.pack(Holds(what))


def test_what_is_no_dataclass_is_no_artifact():
    with pytest.raises(EncodingError, match="a dict is no artifact"):
        artifacts.pack({"x": torch.zeros(1)})


def without_annotation():
    return make_whole()


def of_another() -> Part:
    return Part(torch.zeros(1))


def of_no_annotation() -> "list[":  # type: ignore  # noqa: F722
    return make_whole()


@pytest.mark.parametrize("step", [without_annotation, of_another, of_no_annotation])
def test_a_step_that_does_not_say_what_it_returns_is_told_to(step):
    with pytest.raises(EncodingError, match="write `-> Whole`"):
        artifacts.check(make_whole(), "my-step", step, counted=False, workshop=None)


def test_artifacts_of_which_attacks_want_fewer_have_the_first_ones():
    with pytest.raises(EncodingError, match=r"takes a method first\(count\)"):
        artifacts.check(make_whole(), "my-step", make_whole, counted=True, workshop=None)
    pool = SamplePool(torch.arange(6.0).reshape(3, 2))
    artifacts.check(pool, "my-step", lambda: pool, counted=True, workshop=None)  # ours are known without an annotation


@dataclass
class Halves:
    """A class that changes what it is given."""

    mean: float

    def __post_init__(self) -> None:
        self.mean /= 2


@dataclass
class Later:
    """A class with a field that somebody sets later."""

    x: float
    seen: float = field(init=False, default=0.0)


@dataclass
class Once:
    """A class that takes something that it does not keep."""

    x: float
    once: InitVar[int]

    def __post_init__(self, once: int) -> None:
        self.x += once


@dataclass
class Other:
    """A class with the fields of another."""

    x: Tensor
    name: str = "other"


@dataclass
class Either:
    """A class with a field of one of two classes."""

    one: Part | Other
    named: Mapping[str, Tensor]


def halves() -> Halves:
    return Halves(4.0)


def later() -> Later:
    made = Later(1.0)
    made.seen = 7.0
    return made


def once() -> Once:
    return Once(1.0, 2)


def outside() -> Part:
    made = Part(torch.zeros(1))
    object.__setattr__(made, "more", 1)
    return made


def either() -> Either:
    return Either(
        Other(torch.ones(1)), {"a.b": torch.ones(1), "a": torch.zeros(1), "file": torch.ones(2), "allow_pickle": torch.ones(3)}
    )


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (halves, "mean of a Halves differ"),
        (later, "seen of a Later differ"),
        (once, "cannot be made again"),
        (outside, "has more"),
    ],
)
def test_what_would_come_back_otherwise_is_refused(step, said):
    with pytest.raises(EncodingError, match=said):
        artifacts.check(step(), "my-step", step, counted=False, workshop=None)


def test_names_never_meet_and_classes_are_told_apart(tmp_path):
    made = either()
    artifacts.check(made, "my-step", either, counted=False, workshop=None)
    meta, arrays = artifacts.pack(made)
    store = Store(tmp_path)
    store.write("a" * 64, "step", "my-step", meta=meta, arrays=arrays)
    again = artifacts.unpack(*store.read("a" * 64)[:2], None, artifacts.kinds_of(either))
    assert isinstance(again.one, Other) and list(again.named) == list(made.named)
    assert all(torch.equal(again.named[name], value) for name, value in made.named.items())


def test_ours_go_through_the_store_without_an_annotation():
    data = ShadowData(torch.arange(4.0).reshape(2, 2), torch.tensor([0, 1]), np.array([3, 2**63], dtype=np.uint64))
    again = through_the_store(data, {})
    assert torch.equal(again.x, data.x) and again.ids.dtype == np.uint64 and again.ids[1] == 2**63
