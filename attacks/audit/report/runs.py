"""A run is an audit of a target of ours: what `mia run` found, in the shape of an audit."""

from __future__ import annotations

from typing import Any

from attacks.audit.report import words
from taxonomy.catalog import Catalog

Data = dict[str, Any]


def as_audit(run: Data, catalog: Catalog) -> Data:
    """Return what a run found as an audit of one threat model; what is an audit already is returned as it is."""
    if "threat_models" in run:
        return run
    blind = run["blind_baseline"]
    valid = blind is None or blind["exchangeable"]
    results = run["results"]
    checks = [{"code": "target", "severity": "warning", "message": warning} for warning in run["warnings"]]
    return {
        "name": run["target"] + (f" with {run['defense']['id']}" if run["defense"] else ""),
        "put_on": {**run["defense"], "title": _defense_title(run, catalog)} if run["defense"] else None,
        "checks": checks,
        "valid": valid,
        "blind_baseline": blind,
        "threat_models": [
            {
                "id": "adversary",
                "title": _title(run, catalog),
                "grants": sorted({*run["granted"], *_framed(run, catalog)}),
                "results": results,
                "control": [],
                "skipped": run["skipped"],
                "failures": run["failures"],
                "unlock": [],
            }
        ],
        "ensemble": None,
        "price": {
            "queries": sum(result["queries"] for result in results),
            "seconds": sum(result["seconds"] for result in results),
        },
        "facts": run["target_facts"],
        "work": {"trained": run["trained"], "spare": run["spare"], "reused": run["reused"]},
        "data": catalog.targets[run["target"]].data if run["target"] in catalog.targets else None,
        "data_hashes": {},
        **{name: run[name] for name in ("out", "command", "date", "commit", "seed")},
        "versions": run["versions"],
    }


def _title(run: Data, catalog: Catalog) -> str:
    """Return the name of the ready threat model that the run had, or what it had instead of one."""
    stated = run["threat_model"]
    for ready in catalog.threat_models.values():
        same = (ready.observation, ready.model, ready.frame) == (stated["observation"], stated["model"], stated["frame"])
        if same and sorted(ready.knows) == stated["knows"]:
            return ready.title
    if run["defense"]:
        return f"Somebody who faces the target with {_defense_title(run, catalog)}"
    target = catalog.targets.get(run["target"])
    if target is not None and set(target.offers) <= set(stated["knows"]):
        return "Somebody who has all that this target can show"
    return "Somebody who has what was stated on the command line"


def _defense_title(run: Data, catalog: Catalog) -> str:
    return catalog.defenses[run["defense"]["id"]].title


def _framed(run: Data, catalog: Catalog) -> list[str]:
    """Return what frames the threat model: what is attacked, and from where."""
    grants: list[str] = run["threat_model"]["grants"]
    return [code for code in grants if words.frames(catalog, code)]
