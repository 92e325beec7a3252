"""Reports for the AI Vulnerability Database (AVID), one a measured target: what attacks found out about it.

The form is that of avidtools 0.1.2, and of its sources of March 2026 (https://github.com/avidml/avidtools, avidtools/datamodels);
the words of AVID's taxonomy are those of its enumerations. AVID numbers what it takes up; our reports bear a UUID until then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from taxonomy import evidence
from taxonomy.catalog import Catalog
from taxonomy.edition import Edition
from taxonomy.entries import Attack, Target
from taxonomy.exports import OLD, Old, identity
from taxonomy.figures import OnTarget
from taxonomy.findings import unknown
from taxonomy.references import citation, reached

DEVELOPER = "MIA Atlas"
TAXONOMY = "0.2"
Measured = list[tuple[Attack, OnTarget]]


def measured(catalog: Catalog) -> dict[str, Measured]:
    """Return what was measured on each target but controls, where chance is expected: attacks by id, sorted by target."""
    found: dict[str, Measured] = {}
    for attack in sorted(catalog.attacks.values(), key=lambda entry: entry.id):
        for one in of_attack.targets if (of_attack := evidence.find(catalog, attack.id)) else ():
            if one.target in catalog.targets and not catalog.targets[one.target].control and (one.auc or one.metric):
                found.setdefault(one.target, []).append((attack, one))
    return dict(sorted(found.items()))


def reports(
    catalog: Catalog, works: Mapping[str, Any], edition: Edition, old: Old, targets: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """Return the reports of these targets as plain data, or of all that were measured; raise InputError if one was not."""
    found, wanted = measured(catalog), list(targets)
    for name in wanted:
        if name not in found:
            raise unknown("measured target", name, found)
    return [_report(catalog.targets[name], found[name], works, edition, old) for name in wanted or found]


def _report(target: Target, found: Measured, works: Mapping[str, Any], edition: Edition, old: Old) -> dict[str, Any]:
    goals = sorted({attack.goal for attack, _ in found})
    ranked = sorted((one.auc.mean, attack.title, one.auc.ci) for attack, one in found if one.auc)
    strongest = ""
    if ranked:
        mean, title, ci = ranked[-1]
        strongest = f" The highest area under the ROC curve is {mean:.3f} [{ci[0]:.3f}, {ci[1]:.3f}], by {title}."
    techniques = sorted({code for attack, _ in found for code in attack.maps.atlas if code.startswith("AML.T0024")})
    cited = dict.fromkeys(key for entry in (target, *(attack for attack, _ in found)) for key in entry.cites if key in works)
    return {
        "data_type": "AVID",
        "metadata": {"report_id": f"urn:uuid:{identity('avid', target.id)}"},
        "affects": {
            "developer": [DEVELOPER],
            "deployer": [],
            "artifacts": [{"type": "Model", "name": f"{target.title} ({target.id})"}],
        },
        "problemtype": {
            "classof": "Undefined",
            "type": "Measurement",
            "description": _english(f"What attacks find out about the training data of {target.title}: {', '.join(goals)}"),
        },
        "metrics": [_metric(attack, one, old) for attack, one in found],
        "references": [
            {"type": "source", "label": citation(works[key]), "url": reached(works[key])} for key in cited if reached(works[key])
        ],
        "description": _english(
            f"{target.summary} {target.data}{strongest} The model was trained for this measurement and serves nobody. {edition}."
        ),
        "impact": {
            "avid": {
                "vuln_id": None,
                "risk_domain": ["Security", "Performance"],
                "sep_view": ["S0301: Information Leak", "P0300: Privacy"],
                "lifecycle_view": ["L05: Evaluation"],
                "taxonomy_version": TAXONOMY,
            },
            **({"atlas": [{"tactic": "AML.TA0010", "technique": code} for code in techniques]} if techniques else {}),
        },
        "credit": [_english("The MIA Atlas authors")],
        "reported_date": edition.date,
    }


def _metric(attack: Attack, one: OnTarget, old: Old) -> dict[str, Any]:
    results: dict[str, Any] = {}
    if one.auc:
        results["auc"] = {"mean": one.auc.mean, "ci95": list(one.auc.ci)}
    for fpr, rate in one.tpr_at_fpr.items():
        if rate:
            results[f"tpr_at_fpr_{fpr}"] = {"mean": rate.mean, "ci95": list(rate.ci)}
    if one.metric and one.seeds[0].metric:
        judged = one.seeds[0].metric
        results[judged.name] = {"mean": one.metric.mean, "ci95": list(one.metric.ci), "chance": judged.chance}
    results["seeds"] = [seed.seed for seed in one.seeds]
    results["command"] = one.seeds[0].command
    if one.target in old.get(attack.id, ()):
        results["note"] = OLD
    method = {"type": "Significance Test", "name": f"{attack.title}: 95 % interval of the mean over seeds"}
    return {"name": f"{attack.goal} ({attack.id})", "detection_method": method, "results": results}


def _english(text: str) -> dict[str, str]:
    return {"lang": "eng", "value": text}
