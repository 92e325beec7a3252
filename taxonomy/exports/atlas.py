"""A contribution to MITRE ATLAS, drafted from what was measured: the evidence that AML.T0024.000 lacks.

The form is ATLAS's own, `dist/schemas/atlas_contribution_schema.json` of https://github.com/mitre-atlas/atlas-data (May 2026).
Nothing is sent anywhere: a person has to check it first, and `CHECKS` says what.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taxonomy import clauses, defense_evidence, defense_matrix, evidence
from taxonomy.catalog import Catalog
from taxonomy.defense_matrix import Row
from taxonomy.edition import Edition
from taxonomy.exports import OLD, Old, identity, told
from taxonomy.figures import Average, OnTarget
from taxonomy.references import citation, reached

TECHNIQUE = "AML.T0024.000"
TARGET = "fashion-mlp"
# The simplest attack on models, and two with which others are compared today; chosen by name, and not by their figures.
ATTACKS = ("yeom-2018-loss", "carlini-2022-lira", "zarifzadeh-2024-rmia")
CHECKS = (
    "Who sends it: name and address are left empty.",
    "Whether ATLAS still is what it was: this was written against 5.6.1, and its content has moved to a newer format with other "
    "numbers since. Are the identifiers the same, and does the technique still have no case study?",
    "Whether ATLAS takes an exercise on a model that was trained for it as a case study, and whether it wants figures in it.",
    "Every figure, against the page of the attack that it is of. Where it says that code has changed, confirm it first: "
    "mia bench --confirm.",
    "That the references lead where they should.",
    "The wording: is it fair to the works, and to those who read it as advice?",
    "ATLAS takes proposals at atlas@mitre.org, and has who contributes certify the origin of what it is given (CONTRIBUTING.md).",
)


def contribution(catalog: Catalog, works: Mapping[str, Any], edition: Edition, old: Old) -> dict[str, Any]:
    """Return the draft as plain data, in the form of ATLAS's schema for contributions."""
    return {
        "contact": {"name": None, "emails": None},
        "additional-info": (
            f"Draft of the MIA Atlas, not sent. {edition}. {TECHNIQUE} is rated as feasible, and no case study of ATLAS 5.6.1 "
            "uses it; these are measurements by published attacks, over seeds, with controls."
        ),
        "submissions": [_case_study(catalog, works, edition, old), *_mitigations(catalog), _remark(catalog)],
    }


def _case_study(catalog: Catalog, works: Mapping[str, Any], edition: Edition, old: Old) -> dict[str, Any]:
    target = catalog.target(TARGET)
    measured = [sentence for name in ATTACKS if (sentence := _measured(catalog, name, TARGET, old))]
    nulls = [(name, null) for name in ATTACKS if (null := catalog.attack(name).targets.null)]
    controls = [sentence for name, null in nulls if (sentence := _measured(catalog, name, null, old))]
    told_controls = f"On controls, which were trained on none of the candidates: {' '.join(controls)}" if controls else ""
    cites = dict.fromkeys(key for name in ATTACKS for key in catalog.attack(name).cites)
    steps = [
        (
            "AML.TA0002",
            "AML.T0000.000",
            f"The attacks were taken from publications: {', '.join(catalog.attack(name).title for name in ATTACKS)}.",
        ),
        (
            "AML.TA0000",
            "AML.T0040",
            "The model was asked about each record once by its interface, which answers with a score for each class.",
        ),
        (
            "AML.TA0001",
            "AML.T0005",
            f"For the attacks that compare, {_models(catalog)} models were trained by the same recipe on other sets of records, "
            "with and without each candidate.",
        ),
        ("AML.TA0010", TECHNIQUE, " ".join(measured)),
    ]
    return {
        "study": {
            "object-type": "case-study",
            "name": "Membership Inference on an Image Classifier",
            "summary": (
                "It was measured how often published attacks recognise the records on which an image classifier was trained. "
                f"{target.summary} {told_controls} All of it can be run again: {edition}."
            ),
            "incident-date": edition.date,
            "incident-date-granularity": "DATE",
            "procedure": [{"tactic": tactic, "technique": code, "description": text} for tactic, code, text in steps],
            "reporter": "The MIA Atlas authors",
            "target": f"{target.title}, a model trained for the measurement. {target.data}",
            "actor": "The MIA Atlas authors",
            "case-study-type": "exercise",
            "references": [{"title": citation(works[key]), "url": reached(works[key])} for key in cites if key in works],
        },
        "meta": {"draft": identity("atlas", TECHNIQUE), "mia-atlas-version": edition.version, "mia-atlas-date": edition.date},
    }


def _models(catalog: Catalog) -> int:
    """Return how many models the attack trained that trained most of them."""
    found = [one for name in ATTACKS if (one := _on(catalog, name, TARGET))]
    return max((seed.models for one in found for seed in one.seeds), default=0)


def _on(catalog: Catalog, attack: str, target: str) -> OnTarget | None:
    found = evidence.find(catalog, attack)
    return next((one for one in found.targets if one.target == target), None) if found else None


def _measured(catalog: Catalog, attack: str, target: str, old: Old) -> str:
    """Return what an attack found of a target, in sentences; nothing where it was not measured."""
    one = _on(catalog, attack, target)
    if one is None or one.auc is None:
        return ""
    rates = [
        f"{_share(rate)} of members at a false positive rate of {float(fpr):.1%}" for fpr, rate in one.tpr_at_fpr.items() if rate
    ]
    seed = one.seeds[0]
    return " ".join(
        [
            f"{catalog.attack(attack).title}, on {catalog.target(target).title}: area under the ROC curve {told(one.auc)}"
            f"{'; found ' + ', '.join(rates) if rates else ''}",
            f"({seed.members} members, {seed.non_members} others, {len(one.seeds)} seeds, 95 % intervals).",
            *([OLD] if target in old.get(attack, ()) else []),
        ]
    )


def _share(rate: Average) -> str:
    return f"{rate.mean:.1%} [{rate.ci[0]:.1%}, {rate.ci[1]:.1%}]"


def _mitigations(catalog: Catalog) -> list[dict[str, Any]]:
    """Return mitigations with what was measured of the defenses that are mapped to them; none where nothing was measured."""
    known = clauses.by_code(catalog)
    told: dict[str, list[str]] = {}
    for matrix in defense_matrix.matrices(defense_evidence.find_all(catalog)):
        for row in matrix.rows:
            for code in catalog.defenses[row.defense].maps.atlas:
                if sentence := _bought(catalog, matrix.target, row):
                    told.setdefault(code, []).append(sentence)
    return [
        {
            "object-type": "mitigation",
            "id": code,
            "name": known["atlas", code].title,
            "description": " ".join(sentences),
            "techniques": [TECHNIQUE],
        }
        for code, sentences in sorted(told.items())
    ]


def _bought(catalog: Catalog, target: str, row: Row) -> str:
    """Return what a defense did to the strongest attack on a target, in a sentence; nothing where none is left to compare."""
    if row.undefended is None or row.adaptive is None:
        return ""
    return (
        f"{catalog.defenses[row.defense].title}, on {catalog.target(target).title}: the strongest attack from outside reaches an "
        f"area under the ROC curve of {told(row.undefended.auc)} without it, and of {told(row.adaptive.auc)} with it, by an "
        "adversary who knows of it."
    )


def _remark(catalog: Catalog) -> dict[str, Any]:
    membership = [attack for attack in catalog.attacks.values() if attack.goal == "membership"]
    federated = sum("federated" in attack.needs for attack in membership)
    aggregate = sum("aggregate" in attack.needs for attack in membership)
    white = sum("AML.T0044" in attack.maps.atlas for attack in membership)
    return {
        "object-type": "other",
        "description": (
            f"{TECHNIQUE} stands under exfiltration by an inference interface. Of the {len(membership)} attacks on membership of "
            f"this catalog {white} go by the model itself, {federated} by taking part in a federation, and {aggregate} by "
            "published statistics; ATLAS 5.6.1 has no technique for these. None of the mitigations that it names for it is "
            "training with differential privacy."
        ),
    }
