"""What an adversary may touch: one small type a handle. Every handle gives copies, and notes that it was used."""

from attacks.handles.facts import Aggregates, ErrorSpread, Marginals, ModelType, Number, Overheard, Parameters
from attacks.handles.federation import (
    PARTICIPANT,
    SERVER,
    FederatedTrainer,
    KnownFeatures,
    OthersUpdates,
    OwnUpdates,
    Rounds,
    Seat,
    Seen,
    Updates,
)
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
from attacks.handles.trainers import HostedModel, Platform, Trainer

__all__ = [
    "CANDIDATES",
    "PARTICIPANT",
    "SERVER",
    "Aggregates",
    "AttackData",
    "AttackError",
    "Change",
    "ErrorSpread",
    "FederatedTrainer",
    "Guessed",
    "Handle",
    "HeldRecords",
    "HostedModel",
    "KnownFeatures",
    "KnownMembers",
    "LabelOracle",
    "Ledger",
    "Marginals",
    "MaskOracle",
    "ModelType",
    "NotGrantedError",
    "Number",
    "OthersUpdates",
    "Overheard",
    "OwnTrainingSet",
    "OwnUpdates",
    "Parameters",
    "Platform",
    "Population",
    "PopulationStatistics",
    "QueryLimitError",
    "Records",
    "ReferenceModels",
    "Rounds",
    "ScoreOracle",
    "Scored",
    "Seat",
    "Seen",
    "ShadowAggregates",
    "ShadowData",
    "ShadowModels",
    "ShadowUpdates",
    "Superset",
    "Surrogate",
    "TopScoreOracle",
    "Trainer",
    "UpdatedScores",
    "Updates",
    "ValueOracle",
]
