"""Views of what lies inside a classifier: records that it holds, and the vectors that it makes of records."""

from __future__ import annotations

from torch import nn

from attacks.handles import EmbeddingOracle, HeldRecords, KnownMembers, Population, RunnableModel, ShadowData, UnsuitableError
from attacks.models import internals
from attacks.models.training import Model


def local_embeddings(runnable: RunnableModel) -> EmbeddingOracle:
    """Return the last hidden layer of a model that runs at home: its queries cost nothing.

    Raises UnsuitableError for a network whose layers do not run in a row.
    """
    module = internals.rebuilt(runnable.recipe, runnable.weights)
    if not isinstance(module, nn.Sequential) or not isinstance(module[-1], nn.Linear | nn.Sequential):
        raise UnsuitableError("which of the network's layers is the last one is only known where its layers run in a row")
    model = Model(runnable.recipe, module, "rebuilt")
    return EmbeddingOracle("embeddings", model.embedded, runnable.ledger, counted=False)


def known_members_of_stored(stored_records: HeldRecords, population: Population) -> KnownMembers:
    """Return the records that a model holds as known members; others of the same distribution are known to be none."""
    others = ShadowData(population.x, population.label, population.ids)
    held = stored_records.x, stored_records.label, stored_records.ids
    return KnownMembers("known_members", *held, stored_records.ledger, others)
