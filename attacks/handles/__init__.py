"""What an adversary may touch: one small type a handle. Every handle gives copies, and notes that it was used."""

from attacks.handles.diffusion import DenoiserAccess, NoisePredictor
from attacks.handles.facts import Aggregates, ErrorSpread, Marginals, ModelType, Number, Overheard, Parameters
from attacks.handles.findings import Guessed, Scored
from attacks.handles.generative import (
    DiscriminatorAccess,
    EncoderAccess,
    GeneratorAccess,
    GeneratorPlatform,
    GeneratorTrainer,
    LatentOracle,
    OwnDiscriminator,
    OwnGan,
    ReferenceGenerator,
    SampleOracle,
    SamplePool,
)
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
    "Aggregates",
    "AttackData",
    "AttackError",
    "Change",
    "DenoiserAccess",
    "DiscriminatorAccess",
    "EncoderAccess",
    "ErrorSpread",
    "GeneratorAccess",
    "GeneratorPlatform",
    "GeneratorTrainer",
    "Guessed",
    "Handle",
    "HeldRecords",
    "HostedModel",
    "KnownMembers",
    "LabelOracle",
    "LatentOracle",
    "Ledger",
    "Marginals",
    "MaskOracle",
    "ModelType",
    "NoisePredictor",
    "NotGrantedError",
    "Number",
    "Overheard",
    "OwnDiscriminator",
    "OwnGan",
    "OwnTrainingSet",
    "Parameters",
    "Platform",
    "Population",
    "PopulationStatistics",
    "QueryLimitError",
    "Records",
    "ReferenceGenerator",
    "ReferenceModels",
    "SampleOracle",
    "SamplePool",
    "ScoreOracle",
    "Scored",
    "ShadowAggregates",
    "ShadowData",
    "ShadowModels",
    "ShadowUpdates",
    "Superset",
    "Surrogate",
    "TopScoreOracle",
    "Trainer",
    "UpdatedScores",
    "ValueOracle",
]
