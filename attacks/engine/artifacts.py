"""How the results of steps lie in the store: arrays and plain data, never pickles.

An artifact is a dataclass of what the store holds (attacks/engine/encoding.py), and needs no line here. Those that hide what they
are made of from who holds them say here what that is.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from attacks import handles
from attacks.engine import encoding
from attacks.engine.encoding import EncodingError
from attacks.engine.store import Arrays
from attacks.engine.workshop import StoreWorkshop, node_of
from attacks.handles import (
    InverseNetwork,
    OwnDiscriminator,
    OwnGan,
    PopulationStatistics,
    ReferenceGenerator,
    ReferenceLanguageModel,
    ReferenceModels,
    SamplePool,
    ShadowAggregates,
    ShadowModels,
    StandInLayers,
    Surrogate,
)
from attacks.models.layers import inverse_layers, parts
from attacks.models.training import Model, Recipe


@dataclasses.dataclass(frozen=True)
class Form:
    """How an artifact that hides its parts is stored: what it is made of, by name, and what makes it again from these."""

    parts: Callable[[Any], dict[str, Any]]
    make: Callable[..., Any] | None = None  # the class itself, unless it takes more than values


def _weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in network.state_dict().items()}


def _inverse_network(weights: dict[str, Tensor], hidden: tuple[int, ...], shape: tuple[int, ...]) -> InverseNetwork:
    network = inverse_layers(hidden, shape)
    network.load_state_dict(weights)
    return InverseNetwork(network, hidden, shape)


def _stand_in_layers(weights: dict[str, Tensor], recipe: Recipe, split_after: str) -> StandInLayers:
    first, _ = parts(recipe.build(), split_after)
    first.load_state_dict(weights)
    return StandInLayers(first, recipe, split_after)


HIDDEN: dict[type, Form] = {
    InverseNetwork: Form(
        lambda one: {"weights": _weights(one.network), "hidden": one.hidden, "shape": one.shape}, _inverse_network
    ),
    OwnDiscriminator: Form(lambda one: {"model": one._model}),
    OwnGan: Form(lambda one: {"generator": one._generator}),
    PopulationStatistics: Form(lambda one: {"records": one._records, "log_probs": one._log_probs}),
    ReferenceGenerator: Form(lambda one: {"generator": one._ReferenceGenerator__generator, "differentiable": one.differentiable}),
    ReferenceLanguageModel: Form(lambda one: {"generator": one._generator}),
    ReferenceModels: Form(lambda one: {"own": one._own}),
    SamplePool: Form(lambda one: {"x": one._x}),
    ShadowAggregates: Form(lambda one: {"others": one._others, "waiting": one._waiting, "x": one._x, "size": one.size}),
    ShadowModels: Form(lambda one: {"models": one._models, "records": one._records, "trained_on": one._trained_on}),
    StandInLayers: Form(
        lambda one: {"weights": _weights(one.layers), "recipe": one.recipe, "split_after": one.split_after}, _stand_in_layers
    ),
    Surrogate: Form(lambda one: {"model": one._model}),
}


def pack(artifact: Any) -> tuple[dict[str, Any], Arrays]:
    """Return an artifact as plain data and arrays; raise EncodingError for one that the store cannot hold."""
    arrays: Arrays = {}
    models: list[str] = []
    arguments = _arguments(artifact, arrays, models)
    return {"type": type(artifact).__name__, "arguments": arguments, "models": list(dict.fromkeys(models))}, arrays


def _arguments(artifact: Any, arrays: Arrays, models: list[str]) -> dict[str, Any]:
    if type(artifact) in HIDDEN:
        made_of = HIDDEN[type(artifact)].parts(artifact)
        return {name: _encoded(part, name, arrays, models) for name, part in made_of.items()}
    if dataclasses.is_dataclass(artifact) and not isinstance(artifact, type):
        return encoding.fields(artifact, "", arrays, models)
    raise EncodingError(f"a {type(artifact).__name__} is no artifact; return a dataclass of {encoding.HOLDS}")


def _encoded(part: Any, name: str, arrays: Arrays, models: list[str]) -> Any:
    """Return one argument as plain data; the models of `ReferenceModels` are an artifact within another."""
    if type(part) in HIDDEN:
        return {"hidden": type(part).__name__, "arguments": _arguments(part, arrays, models)}
    return encoding.encode(part, name, arrays, models)


def unpack(meta: Mapping[str, Any], arrays: Arrays, workshop: StoreWorkshop | None, kinds: Mapping[str, type] = {}) -> Any:
    """Return a fresh copy of an artifact; `kinds` are classes by name beside ours, those that the step's annotation names."""
    kind = kinds.get(meta["type"]) or getattr(handles, meta["type"])
    make = HIDDEN[kind].make or kind if kind in HIDDEN else kind
    inner = {name: part for name, part in meta["arguments"].items() if "hidden" in part}
    plain = {name: part for name, part in meta["arguments"].items() if name not in inner}
    more = {name: unpack({"type": part["hidden"], **part}, arrays, workshop) for name, part in inner.items()}
    return make(**encoding.decoded(make, plain, arrays, workshop), **more)


def kinds_of(step: Callable[..., Any]) -> dict[str, type]:
    """Return the classes that the annotation of a step's result names, by name; empty if it names none that is to be found."""
    try:
        hint = typing.get_type_hints(step).get("return")
    except (NameError, TypeError, AttributeError, SyntaxError):
        return {}
    return {one.__name__: one for one in encoding.classes(hint)}


def check(artifact: Any, step: str, function: Callable[..., Any], counted: bool, workshop: StoreWorkshop | None) -> None:
    """Raise EncodingError for what could not be had again: it must be of a class that the step's annotation names, or of ours.

    `counted` says that attacks may want fewer of it than there are, and take `artifact.first(count)`.
    """
    kinds, name = kinds_of(function), type(artifact).__name__
    if kinds.get(name) is not type(artifact) and getattr(handles, name, None) is not type(artifact):
        stated = f"says {' | '.join(kinds)}" if kinds else "names no class that is to be found when the program runs"
        raise EncodingError(f"{step} returned a {name}, but the annotation of its function {stated}; write `-> {name}`")
    if counted and not callable(getattr(artifact, "first", None)):
        message = f"its cost says how many models it trains, of which attacks may want fewer: {name} takes a method first(count)"
        raise EncodingError(f"{step}: {message}")
    if getattr(handles, name, None) is not type(artifact):
        _check_return(artifact, step, kinds, workshop)


def _check_return(artifact: Any, step: str, kinds: Mapping[str, type], workshop: StoreWorkshop | None) -> None:
    """Raise EncodingError unless the artifact is made again as it is: its class may change what it is given."""
    try:
        before = _everything(artifact)
        meta, arrays = pack(artifact)
        after = _everything(unpack(meta, arrays, workshop, kinds))
    except EncodingError:
        raise
    except Exception as error:
        message = f"a {type(artifact).__name__} cannot be made again from its fields ({type(error).__name__}: {error})"
        raise EncodingError(f"{step}: {message}") from error
    if changed := sorted(name for name, value in before.items() if not _same(value, after.get(name))):
        message = f"{', '.join(changed)} of a {type(artifact).__name__} differ when it is made again from its fields"
        raise EncodingError(
            f"{step}: {message}; what its class works out must follow from its fields, and leave them as they are"
        )


def _everything(artifact: Any) -> dict[str, tuple[Any, Arrays]]:
    """Return every field of a dataclass, encoded, those too that it works out by itself."""
    found: dict[str, tuple[Any, Arrays]] = {}
    for field in dataclasses.fields(artifact):
        arrays: Arrays = {}
        found[field.name] = encoding.encode(getattr(artifact, field.name), field.name, arrays, []), arrays
    return found


def _same(one: tuple[Any, Arrays], other: tuple[Any, Arrays] | None) -> bool:
    if other is None or repr(one[0]) != repr(other[0]) or one[1].keys() != other[1].keys():
        return False
    return all(a.dtype == other[1][name].dtype and a.tobytes() == other[1][name].tobytes() for name, a in one[1].items())


def pack_found(result: Tensor | Model) -> tuple[dict[str, Any], Arrays]:
    """Return what an attack with another goal than membership found: a tensor, or a trained model, which lies in the store."""
    if isinstance(result, Tensor):
        return {"found": "tensor"}, {"found": result.detach().numpy()}
    if isinstance(result, Model):
        return {"found": result.fingerprint}, {}
    raise TypeError(f"it returned {type(result).__name__}, not a tensor or a model")


def models(meta: Mapping[str, Any]) -> list[str]:
    """Return the nodes of the models that a packed artifact, or what an attack found, names: without them it is nothing."""
    named: list[str] = meta.get("models", [])
    return named if meta.get("found", "tensor") == "tensor" else [*named, node_of(meta["found"])]


def found(meta: Mapping[str, Any], arrays: Arrays, workshop: StoreWorkshop) -> Tensor | Model:
    """Return again what `pack_found` took."""
    if meta["found"] == "tensor":
        return torch.from_numpy(arrays["found"])
    return encoding.model(meta["found"], workshop)
