"""What an adversary may touch: one small type a handle. Every handle gives copies, and notes that it was used."""

from attacks.handles.facts import Aggregates, ErrorSpread, Marginals, ModelType, Number, Overheard, Parameters
from attacks.handles.findings import Guessed, Scored
from attacks.handles.handle import AttackError, Handle, Ledger, NotGrantedError, QueryLimitError
from attacks.handles.measurements import AttackData, PopulationStatistics, ShadowAggregates, ShadowUpdates
from attacks.handles.models import Change, ReferenceModels, ShadowModels, Surrogate
from attacks.handles.oracles import LabelOracle, MaskOracle, ScoreOracle, TopScoreOracle, UpdatedScores, ValueOracle
from attacks.handles.records import (
    CANDIDATES,
    HeldRecords,
    KnownMembers,
    OwnTrainingSet,
    Population,
    Records,
    ShadowData,
    Superset,
)
from attacks.handles.split_model import Activations, HiddenValues, InverseNetwork, LaterLayers, SplitTrainer, StandInLayers
from attacks.handles.trainers import HostedModel, Platform, Trainer

__all__ = [
    "CANDIDATES",
    "Activations",
    "Aggregates",
    "AttackData",
    "AttackError",
    "Change",
    "ErrorSpread",
    "Guessed",
    "Handle",
    "HeldRecords",
    "HiddenValues",
    "HostedModel",
    "InverseNetwork",
    "KnownMembers",
    "LabelOracle",
    "LaterLayers",
    "Ledger",
    "Marginals",
    "MaskOracle",
    "ModelType",
    "NotGrantedError",
    "Number",
    "Overheard",
    "OwnTrainingSet",
    "Parameters",
    "Platform",
    "Population",
    "PopulationStatistics",
    "QueryLimitError",
    "Records",
    "ReferenceModels",
    "ScoreOracle",
    "Scored",
    "ShadowAggregates",
    "ShadowData",
    "ShadowModels",
    "ShadowUpdates",
    "SplitTrainer",
    "StandInLayers",
    "Superset",
    "Surrogate",
    "TopScoreOracle",
    "Trainer",
    "UpdatedScores",
    "ValueOracle",
]
