"""How the results of steps lie in the store: arrays and plain data, never pickles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from attacks.engine.store import Arrays
from attacks.engine.workshop import StoreWorkshop
from attacks.handles import (
    AttackData,
    HostedModel,
    InverseNetwork,
    KnownFeatures,
    OwnDiscriminator,
    OwnGan,
    PopulationStatistics,
    PropertyUpdates,
    ReferenceGenerator,
    ReferenceLanguageModel,
    ReferenceModels,
    SamplePool,
    ShadowAggregates,
    ShadowData,
    ShadowModels,
    ShadowUpdates,
    StandInLayers,
    Surrogate,
)
from attacks.models.generators import Generator, GeneratorRecipe
from attacks.models.layers import inverse_layers, parts
from attacks.models.training import Model, Recipe

Artifact = (
    AttackData
    | InverseNetwork
    | KnownFeatures
    | OwnDiscriminator
    | OwnGan
    | PopulationStatistics
    | PropertyUpdates
    | ReferenceGenerator
    | ReferenceLanguageModel
    | ReferenceModels
    | SamplePool
    | ShadowAggregates
    | ShadowData
    | ShadowModels
    | ShadowUpdates
    | StandInLayers
    | Surrogate
)


def pack(artifact: Artifact) -> tuple[dict[str, Any], Arrays]:
    """Return an artifact as plain data and arrays; raise TypeError for a type that has no form in the store."""
    if isinstance(artifact, AttackData):
        parts = {"log_probs": artifact.log_probs, "label": artifact.label, "member": artifact.member}
        return {"type": "AttackData"}, {name: part.numpy() for name, part in parts.items()}
    if isinstance(artifact, KnownFeatures):
        meta = {"rounds": list(artifact.rounds), "features": artifact.features, "layers": artifact.layers}
        seen = {f"component_{k}": part.numpy() for k, part in enumerate(artifact.components)}
        return {"type": "KnownFeatures", **meta}, {**seen, "member": artifact.member.numpy()}
    if isinstance(artifact, ShadowData):
        return {"type": "ShadowData"}, _data_arrays(artifact)
    if isinstance(artifact, Surrogate | OwnDiscriminator | OwnGan | ReferenceLanguageModel):
        return {"type": type(artifact).__name__, "models": [artifact.fingerprint]}, {}
    if isinstance(artifact, ReferenceGenerator):
        return {"type": "ReferenceGenerator", "models": [artifact.fingerprint], "differentiable": artifact.differentiable}, {}
    if isinstance(artifact, SamplePool):
        return {"type": "SamplePool"}, {"x": artifact.x.numpy()}
    if isinstance(artifact, PopulationStatistics):
        return {"type": "PopulationStatistics"}, {**_data_arrays(artifact.records), "log_probs": artifact.log_probs.numpy()}
    if isinstance(artifact, ShadowAggregates):
        return {"type": "ShadowAggregates"}, {name: value.numpy() for name, value in artifact.packed().items()}
    if isinstance(artifact, ShadowUpdates):
        parts = {"change": artifact.change, "label": artifact.label, "probes": artifact.probes}
        return {"type": "ShadowUpdates"}, {name: part.numpy() for name, part in parts.items()}
    if isinstance(artifact, InverseNetwork):
        shapes = {"hidden": list(artifact.hidden), "shape": list(artifact.shape)}
        return {"type": "InverseNetwork", **shapes}, _weights(artifact.network)
    if isinstance(artifact, StandInLayers):
        structure = {"recipe": artifact.recipe.as_json(), "split_after": artifact.split_after}
        return {"type": "StandInLayers", **structure}, _weights(artifact.layers)
    if isinstance(artifact, PropertyUpdates):
        return {"type": "PropertyUpdates"}, {"x": artifact.x.numpy(), "marked": artifact.marked.numpy()}
    if isinstance(artifact, ReferenceModels):
        meta, arrays = pack(artifact.own)
        return {**meta, "type": "ReferenceModels"}, arrays
    if isinstance(artifact, ShadowModels):
        models = artifact.models
        meta = {
            "type": "ShadowModels",
            "hosted": any(isinstance(model, HostedModel) for model in models),
            "models": [model.fingerprint for model in models],
        }
        return meta, {**_data_arrays(artifact.records), "trained_on": artifact.trained_on.numpy()}
    raise TypeError(f"a step returned {type(artifact).__name__}, which the store cannot hold; see attacks/artifacts.py")


def unpack(meta: dict[str, Any], arrays: Arrays, workshop: StoreWorkshop) -> Artifact:
    """Return a fresh copy of an artifact."""
    if meta["type"] == "ShadowAggregates":
        others, waiting, x = (torch.from_numpy(arrays[name]) for name in ("others", "waiting", "x"))
        return ShadowAggregates(others, waiting, x, int(arrays["size"]))
    if meta["type"] == "KnownFeatures":
        seen = tuple(torch.from_numpy(arrays[f"component_{k}"]) for k in range(len(arrays) - 1))
        return KnownFeatures(seen, torch.from_numpy(arrays["member"]), tuple(meta["rounds"]), meta["features"], meta["layers"])
    if meta["type"] == "Surrogate":
        return Surrogate(_model(meta["models"][0], workshop))
    if meta["type"] == "OwnDiscriminator":
        return OwnDiscriminator(_model(meta["models"][0], workshop))
    if meta["type"] == "OwnGan":
        return OwnGan(_generator(meta["models"][0], workshop))
    if meta["type"] == "ReferenceLanguageModel":
        return ReferenceLanguageModel(_generator(meta["models"][0], workshop))
    if meta["type"] == "ReferenceGenerator":
        return ReferenceGenerator(_generator(meta["models"][0], workshop), differentiable=meta["differentiable"])
    if meta["type"] == "SamplePool":
        return SamplePool(torch.from_numpy(arrays["x"]))
    if meta["type"] == "PropertyUpdates":
        return PropertyUpdates(*(torch.from_numpy(arrays[name]) for name in ("x", "marked")))
    if meta["type"] == "ShadowUpdates":
        return ShadowUpdates(*(torch.from_numpy(arrays[name]) for name in ("change", "label", "probes")))
    if meta["type"] == "AttackData":
        return AttackData(*(torch.from_numpy(arrays[name]) for name in ("log_probs", "label", "member")))
    if meta["type"] == "InverseNetwork":
        hidden, shape = tuple(meta["hidden"]), tuple(meta["shape"])
        return InverseNetwork(_with_weights(inverse_layers(hidden, shape), arrays), hidden, shape)
    if meta["type"] == "StandInLayers":
        recipe = Recipe.from_json(meta["recipe"])
        first, _ = parts(recipe.build(), meta["split_after"])
        return StandInLayers(_with_weights(first, arrays), recipe, meta["split_after"])
    data = ShadowData(torch.from_numpy(arrays["x"]), torch.from_numpy(arrays["label"]), arrays["ids"])
    if meta["type"] == "ShadowData":
        return data
    if meta["type"] == "PopulationStatistics":
        return PopulationStatistics(data, torch.from_numpy(arrays["log_probs"]))
    models = []
    for fingerprint in meta["models"]:
        model = _model(fingerprint, workshop)
        models.append(HostedModel(model) if meta["hosted"] else model)
    shadow_models = ShadowModels(models, data, torch.from_numpy(arrays["trained_on"]))
    if meta["type"] == "ShadowModels":
        return shadow_models
    return ReferenceModels(shadow_models)


def pack_found(result: Tensor | Model) -> tuple[dict[str, Any], Arrays]:
    """Return what an attack with another goal than membership found: a tensor, or a trained model, which lies in the store."""
    if isinstance(result, Tensor):
        return {"found": "tensor"}, {"found": result.detach().numpy()}
    if isinstance(result, Model):
        return {"found": result.fingerprint}, {}
    raise TypeError(f"it returned {type(result).__name__}, not a tensor or a model")


def models(meta: Mapping[str, Any]) -> list[str]:
    """Return the models that a packed artifact, or what an attack found, names: without them it cannot be had again."""
    named: list[str] = meta.get("models", [])
    return named if meta.get("found", "tensor") == "tensor" else [*named, meta["found"]]


def found(meta: Mapping[str, Any], arrays: Arrays, workshop: StoreWorkshop) -> Tensor | Model:
    """Return again what `pack_found` took."""
    if meta["found"] == "tensor":
        return torch.from_numpy(arrays["found"])
    return _model(meta["found"], workshop)


def _model(fingerprint: str, workshop: StoreWorkshop) -> Model:
    return workshop.model(Recipe.from_json(workshop.store.read(fingerprint)[0]["recipe"]), fingerprint)


def _generator(fingerprint: str, workshop: StoreWorkshop) -> Generator:
    return workshop.generator(GeneratorRecipe.from_json(workshop.store.read(fingerprint)[0]["recipe"]), fingerprint)


def _weights(network: nn.Module) -> Arrays:
    return {name: value.detach().numpy() for name, value in network.state_dict().items()}


def _with_weights(network: nn.Module, arrays: Arrays) -> nn.Module:
    network.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
    return network


def _data_arrays(data: ShadowData) -> Arrays:
    return {"x": data.x.numpy(), "label": data.label.numpy(), "ids": data.ids}
