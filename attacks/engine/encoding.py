"""Values that the store holds, as arrays and plain data, and back."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.engine.store import Arrays
from attacks.engine.workshop import StoreWorkshop, node_of
from attacks.handles import AttackError, HostedModel
from attacks.models.generators import Generator, GeneratorRecipe
from attacks.models.training import Model

PLAIN = (bool, int, float, str, type(None))
HOLDS = "tensors and arrays, numbers, text, trained models, and tuples, lists, mappings and dataclasses of these"


class EncodingError(AttackError):
    """A value that the store cannot hold."""


def encode(value: Any, place: str, arrays: Arrays, models: list[str]) -> Any:
    """Return a value as plain data; its arrays are put into `arrays`, and the nodes of the models that it names into `models`.

    `place` is where it stands, for messages. Types count exactly: of a subclass, something would be lost. Raises EncodingError,
    naming the place, for a value of another type.
    """
    if type(value) in PLAIN:
        return {"plain": value}
    if isinstance(value, np.generic) and not value.dtype.hasobject:
        return {"array": _named(np.asarray(value), arrays), "of": "scalar"}
    if type(value) is np.ndarray:
        if value.dtype.hasobject:
            raise EncodingError(f"{place} is an array of Python objects, and the store holds numbers")
        return {"array": _named(value, arrays), "of": "array"}
    if type(value) is Tensor:
        return {"array": _named(_plain_numbers(value, place), arrays), "of": "tensor"}
    if isinstance(value, Model | HostedModel | Generator):
        models.append(node_of(value.fingerprint))
        kind = "generator" if isinstance(value, Generator) else "model"
        return {kind: value.fingerprint, "hosted": isinstance(value, HostedModel)}
    if type(value) in (tuple, list):
        parts = [encode(part, f"{place}.{k}", arrays, models) for k, part in enumerate(value)]
        return {"parts": parts, "tuple": type(value) is tuple}
    if type(value) is dict:
        if other := [key for key in value if type(key) is not str]:
            raise EncodingError(f"{place} has the key {other[0]!r}, and the keys of a mapping are text")
        return {"mapping": [[key, encode(part, f"{place}.{key}", arrays, models)] for key, part in value.items()]}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {"class": type(value).__name__, "fields": fields(value, place, arrays, models)}
    raise EncodingError(f"{place} is a {type(value).__name__}, and the store holds {HOLDS}")


def _named(array: NDArray[Any], arrays: Arrays) -> str:
    """Put an array under a name of its own; whatever fields are called, two names never meet."""
    name = f"array_{len(arrays)}"
    arrays[name] = array
    return name


def _plain_numbers(value: Tensor, place: str) -> NDArray[Any]:
    value = value.detach().cpu().resolve_conj().resolve_neg()
    if value.layout is not torch.strided or value.is_quantized or value.dtype is torch.bfloat16:
        raise EncodingError(f"{place} is a tensor of {value.dtype} ({value.layout}); the store holds dense ones that numpy knows")
    found: NDArray[Any] = value.numpy()
    return found


def fields(value: Any, place: str, arrays: Arrays, models: list[str]) -> dict[str, Any]:
    """Return the fields of a dataclass, by name, as `encode` does; those that it works out by itself are left out."""
    known = {field.name for field in dataclasses.fields(value)}
    if more := sorted(set(getattr(value, "__dict__", {})) - known):
        raise EncodingError(f"{place or type(value).__name__} has {', '.join(more)}, which is no field and would be lost")
    stated = [field.name for field in dataclasses.fields(value) if field.init]
    return {name: encode(getattr(value, name), f"{place}.{name}" if place else name, arrays, models) for name in stated}


def decode(plain: Any, hint: Any, arrays: Arrays, workshop: StoreWorkshop | None) -> Any:
    """Return a fresh copy of what `encode` took; `hint` is its annotation, which says of which dataclasses it may be."""
    if "plain" in plain:
        return plain["plain"]
    if "array" in plain:
        array = np.array(arrays[plain["array"]])
        return torch.from_numpy(array) if plain["of"] == "tensor" else array[()] if plain["of"] == "scalar" else array
    if "model" in plain:
        trained = model(plain["model"], workshop)
        return HostedModel(trained) if plain["hosted"] else trained
    if "generator" in plain:
        return generator(plain["generator"], workshop)
    if "parts" in plain:
        found = [decode(part, _inner(hint, k), arrays, workshop) for k, part in enumerate(plain["parts"])]
        return tuple(found) if plain["tuple"] else found
    if "mapping" in plain:
        return {key: decode(part, _inner(hint, -1), arrays, workshop) for key, part in plain["mapping"]}
    kind = _dataclass(hint, plain["class"])
    return kind(**decoded(kind, plain["fields"], arrays, workshop))


def decoded(
    make: Callable[..., Any], arguments: Mapping[str, Any], arrays: Arrays, workshop: StoreWorkshop | None
) -> dict[str, Any]:
    """Return the arguments of a class or a function from their encoded form, each by its annotation."""
    try:
        hints = typing.get_type_hints(vars(make).get("__init__", make) if isinstance(make, type) else make)
    except (NameError, TypeError, AttributeError, SyntaxError) as error:
        raise EncodingError(f"the annotations of {make.__name__} cannot be found when the program runs: {error}") from error
    return {name: decode(part, hints.get(name), arrays, workshop) for name, part in arguments.items()}


def model(fingerprint: str, workshop: StoreWorkshop | None) -> Model:
    """Return a trained model from the store."""
    assert workshop is not None, "models lie in a store"
    return workshop.model(fingerprint)


def generator(fingerprint: str, workshop: StoreWorkshop | None) -> Generator:
    """Return a trained generative model from the store."""
    assert workshop is not None, "models lie in a store"
    return workshop.generator(GeneratorRecipe.from_json(workshop.store.read(fingerprint)[0]["recipe"]), fingerprint)


def _inner(hint: Any, place: int) -> Any:
    """Return the annotation of a part of a sequence or of a mapping (place -1)."""
    for one in _alternatives(hint):
        stated = [part for part in typing.get_args(one) if part is not Ellipsis]
        if stated:
            return stated[min(place, len(stated) - 1)]
    return None


def _alternatives(hint: Any) -> tuple[Any, ...]:
    """Return the parts of a union, or the annotation itself."""
    union = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
    return typing.get_args(hint) if union else (hint,)


def classes(hint: Any) -> list[type]:
    """Return the classes that an annotation names: itself, or those of a union."""
    return [one for one in _alternatives(hint) if isinstance(one, type)]


def _dataclass(hint: Any, name: str) -> type:
    """Return the dataclass of this name among those of an annotation."""
    for one in classes(hint):
        if dataclasses.is_dataclass(one) and one.__name__ == name:
            return one
    raise EncodingError(f"a {name} stands where the annotation says {hint}, so it cannot be had again; write {name} there")
