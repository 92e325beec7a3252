"""Values that the store holds, as arrays and plain data, and back."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
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

    `place` is where it stands, and begins the names of its arrays.
    Raises EncodingError, naming the place, for a value of another type.
    """
    if isinstance(value, PLAIN):
        return {"plain": value}
    if isinstance(value, Tensor | np.ndarray):
        if isinstance(value, np.ndarray) and value.dtype.hasobject:
            raise EncodingError(f"{place} is an array of Python objects, and the store holds numbers")
        arrays[place] = value if isinstance(value, np.ndarray) else value.detach().cpu().numpy()
        return {"array": place, "tensor": isinstance(value, Tensor)}
    if isinstance(value, Model | HostedModel | Generator):
        models.append(node_of(value.fingerprint))
        kind = "generator" if isinstance(value, Generator) else "model"
        return {kind: value.fingerprint, "hosted": isinstance(value, HostedModel)}
    if isinstance(value, tuple | list):
        parts = [encode(part, f"{place}.{k}", arrays, models) for k, part in enumerate(value)]
        return {"parts": parts, "tuple": isinstance(value, tuple)}
    if isinstance(value, Mapping):
        if other := [key for key in value if not isinstance(key, str)]:
            raise EncodingError(f"{place} has the key {other[0]!r}, and the keys of a mapping are text")
        return {"mapping": {key: encode(part, f"{place}.{key}", arrays, models) for key, part in value.items()}}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {"fields": fields(value, place, arrays, models)}
    raise EncodingError(f"{place} is a {type(value).__name__}, and the store holds {HOLDS}")


def fields(value: Any, place: str, arrays: Arrays, models: list[str]) -> dict[str, Any]:
    """Return the fields of a dataclass, by name, as `encode` does; those that it works out by itself are left out."""
    stated = [field.name for field in dataclasses.fields(value) if field.init]
    return {name: encode(getattr(value, name), f"{place}.{name}" if place else name, arrays, models) for name in stated}


def decode(plain: Any, hint: Any, arrays: Arrays, workshop: StoreWorkshop | None) -> Any:
    """Return a fresh copy of what `encode` took; `hint` is its annotation, which says of which dataclass it is."""
    if "plain" in plain:
        return plain["plain"]
    if "array" in plain:
        array = np.array(arrays[plain["array"]])
        return torch.from_numpy(array) if plain["tensor"] else array
    if "model" in plain:
        trained = model(plain["model"], workshop)
        return HostedModel(trained) if plain["hosted"] else trained
    if "generator" in plain:
        return generator(plain["generator"], workshop)
    if "parts" in plain:
        found = [decode(part, _inner(hint, k), arrays, workshop) for k, part in enumerate(plain["parts"])]
        return tuple(found) if plain["tuple"] else found
    if "mapping" in plain:
        return {key: decode(part, _inner(hint, -1), arrays, workshop) for key, part in plain["mapping"].items()}
    kind = _dataclass(hint)
    return kind(**decoded(kind, plain["fields"], arrays, workshop))


def decoded(
    make: Callable[..., Any], arguments: Mapping[str, Any], arrays: Arrays, workshop: StoreWorkshop | None
) -> dict[str, Any]:
    """Return the arguments of a class or a function from their encoded form, each by its annotation."""
    hints = typing.get_type_hints(make.__dict__["__init__"] if isinstance(make, type) else make)
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
    stated = [one for one in typing.get_args(hint) if one is not Ellipsis]
    return stated[min(place, len(stated) - 1)] if stated else None


def _dataclass(hint: Any) -> type:
    """Return the dataclass that an annotation names."""
    for one in typing.get_args(hint) if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union else [hint]:
        if isinstance(one, type) and dataclasses.is_dataclass(one):
            return one
    raise EncodingError(f"the annotation {hint} names no dataclass, so what the store holds of it cannot be had again")
