"""A layer for the ATLAS Navigator, format 4.3: which techniques the catalog covers, and how much the attacks behind them found.

The format: https://github.com/mitre-attack/attack-navigator, layers/LAYERFORMATv4_3.md. The domain and the names of tactics are
those of ATLAS's own layers: https://github.com/mitre-atlas/atlas-navigator-data.
"""

from __future__ import annotations

from typing import Any

from taxonomy import clauses, evidence
from taxonomy.catalog import Catalog
from taxonomy.edition import Edition
from taxonomy.entries import Attack
from taxonomy.exports import OLD, Old

VERSIONS = {"layer": "4.3", "navigator": "4.6.4"}
DOMAIN = "atlas-atlas"
COLOURS = ["#ffffff", "#3f51b5"]


def layer(catalog: Catalog, edition: Edition, old: Old) -> dict[str, Any]:
    """Return the layer as plain data: a technique's score is the number of attacks that are mapped to it."""
    by_code = {clause.code: clause for clause in clauses.by_code(catalog).values() if clause.framework == "atlas"}
    mapped: dict[str, list[Attack]] = {}
    for attack in sorted(catalog.attacks.values(), key=lambda entry: entry.id):
        for code in attack.maps.atlas:
            mapped.setdefault(code, []).append(attack)
    techniques = [
        {
            "techniqueID": code,
            **({"tactic": tactic} if (tactic := by_code[code].tactic) else {}),
            "score": len(attacks),
            "comment": _comment(catalog, attacks, old),
            "metadata": [{"name": "attacks", "value": ", ".join(attack.id for attack in attacks)}],
            "links": [{"label": "MITRE ATLAS", "url": by_code[code].url}],
            "showSubtechniques": True,
        }
        for code, attacks in sorted(mapped.items())
    ]
    # A technique is shown unfolded if it is in the layer itself.
    techniques += [
        {"techniqueID": parent, "showSubtechniques": True}
        for parent in sorted({code.rpartition(".")[0] for code in mapped if code.count(".") == 2} - mapped.keys())
    ]
    return {
        "name": "MIA Atlas",
        "versions": VERSIONS,
        "domain": DOMAIN,
        "description": f"{edition}: techniques that its attacks use. The score is the number of attacks.",
        "techniques": techniques,
        "gradient": {"colors": COLOURS, "minValue": 0, "maxValue": max([1, *map(len, mapped.values())])},
        "sorting": 3,
        "metadata": [
            {"name": "mia_atlas_version", "value": edition.version},
            {"name": "mia_atlas_date", "value": edition.date},
            {"name": "atlas_data_version", "value": "; ".join(sorted({clause.version for clause in by_code.values()}))},
        ],
    }


def _comment(catalog: Catalog, attacks: list[Attack], old: Old) -> str:
    """Return how many attacks run, and which found most on a target that is no control."""
    found = [
        (one.auc.mean, attack.title, catalog.target(one.target).title, one.auc.ci, one.target in old.get(attack.id, ()))
        for attack in attacks
        if (measured := evidence.find(catalog, attack.id))
        for one in measured.targets
        if one.auc and one.role != "null"
    ]
    counted = f"Attacks of the catalog: {len(attacks)}, of which {sum(attack.run is not None for attack in attacks)} run."
    if not found:
        return counted
    mean, title, target, ci, is_old = max(found)
    since = f" {OLD}" if is_old else ""
    return f"{counted} The highest AUC measured is {mean:.3f} [{ci[0]:.3f}, {ci[1]:.3f}], by {title} on {target}.{since}"
