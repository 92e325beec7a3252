"""The survey's own answer: what its rows alone say of a threat model, beside what the resolver says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from taxonomy.answers import Atlas, Feasible
from taxonomy.survey import surveyed_rows
from taxonomy.threat import ThreatModel, with_what_roles_see


@dataclass(frozen=True)
class SurveyedAnswer:
    """What the survey's row says of an attack, beside what the resolver says."""

    attack: str
    row: str
    feasible: bool
    missing: tuple[str, ...]
    resolved: bool

    def as_json(self) -> dict[str, Any]:
        """Return the answer as plain data."""
        return {
            "id": self.attack,
            "row": self.row,
            "feasible": self.feasible,
            "missing": list(self.missing),
            "resolved": self.resolved,
        }


def symbols(atlas: Atlas, threat: ThreatModel) -> tuple[str, ...]:
    """Return the survey's symbols of what is stated, and of what roles see: the survey names that, and knows no roles."""
    return replace(threat, knows=with_what_roles_see(atlas.catalog, threat.knows)).symbols


def as_surveyed(atlas: Atlas, threat: ThreatModel) -> list[SurveyedAnswer]:
    """Return the answer by the survey's rows alone: observation, model type, frame and symbols, nothing finer."""
    result, known = [], symbols(atlas, threat)
    for row in surveyed_rows(atlas.catalog):
        attack = atlas.catalog.attacks[row.attack]
        surveyed = attack.surveyed
        assert surveyed is not None
        missing = [symbol for symbol in surveyed.knows if symbol not in known]
        missing += [v for v, have in ((surveyed.model, threat.model), (surveyed.frame, threat.frame)) if v != have]
        if surveyed.observation == "white-box" and threat.observation != "white-box":
            missing.append("white-box")
        resolved = isinstance(atlas.answer(attack, threat), Feasible)
        result.append(SurveyedAnswer(attack.id, row.name, not missing, tuple(missing), resolved))
    return result
