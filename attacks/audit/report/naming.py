"""What things are called: the scores of an attack, and the picture of a threat model. With one threat model neither names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attacks.audit.report import pictures


def score_of(audit: Mapping[str, Any], threat: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    """Return the name of an attack's scores."""
    attack: str = result["attack"]
    return attack if len(audit["threat_models"]) == 1 else f"{threat['id']}/{attack}"


def picture_of(audit: Mapping[str, Any], threat: Mapping[str, Any]) -> str:
    """Return the file name of the picture of a threat model's ROCs."""
    if len(audit["threat_models"]) == 1:
        return pictures.ROC
    place = [one["id"] for one in audit["threat_models"]].index(threat["id"]) + 1
    return f"roc-{place}-{pictures.slug(threat['id'])}.png"
