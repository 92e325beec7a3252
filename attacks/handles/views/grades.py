"""Views of grades: the better serves wherever a lesser is asked for."""

from __future__ import annotations

from attacks.handles import AttackData, HeldRecords, ReferenceModels, ShadowData, ShadowModels, Superset


def same_shadow_data(shadow_data: ShadowData) -> ShadowData:
    """Return graded shadow data as shadow data of any grade."""
    return shadow_data


def same_shadow_models(shadow_models: ShadowModels) -> ShadowModels:
    """Return matched shadow models as shadow models of any grade."""
    return shadow_models


def same_reference_models(reference_models: ReferenceModels) -> ReferenceModels:
    """Return reference models by the target's recipe as comparable ones."""
    return reference_models


def same_attack_data(attack_data: AttackData) -> AttackData:
    """Return attack data from the target as attack data of any model."""
    return attack_data


def training_set_as_superset(training_set: HeldRecords) -> Superset:
    """Return the training set as a pool that contains it."""
    return Superset("superset", training_set.x, training_set.label, training_set.ids, training_set.ledger)
