"""An audit made by hand, with everything that one may have, and text that must be escaped wherever text stands."""

from __future__ import annotations

from typing import Any

import numpy as np

from attacks import metrics

EVIL = '<script>alert("1")</script>'
MEMBERS, OTHERS = 400, 400
MEMBER = np.arange(MEMBERS + OTHERS) < MEMBERS
IDS = [f"patient-{number} {EVIL}" for number in range(MEMBERS + OTHERS)]
API, LABELS = "prediction-api-scores", "own <model>"
GROUP = {"column": f"sex {EVIL}", "value": f"f {EVIL}", "members": 200, "non_members": 190, "auc": 0.6, "auc_ci": [0.5, 0.7]}
GROUP |= {"tpr_at_fpr": {"0.01": 0.05, "0.001": None}, "tpr_at_fpr_ci": {"0.01": [0.01, 0.1], "0.001": None}, "p_adjusted": 0.04}
REST = {"column": "age", "value": None, "members": 3, "non_members": 2, "auc": None, "auc_ci": None, "p_adjusted": None}
REST |= {"tpr_at_fpr": {"0.01": None, "0.001": None}, "tpr_at_fpr_ci": {"0.01": None, "0.001": None}}
CHECKS = [
    {"code": "duplicates", "severity": "warning", "message": f"3 records of {EVIL} occur twice"},
    {"code": "generalisation", "severity": "info", "message": "the model is right on 100 % of the members"},
]


def scores(strength: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return scores that tell members by a shift."""
    return np.random.default_rng(1).normal(size=len(MEMBER)) + strength * MEMBER


def result(attack: str, score: Any, **more: Any) -> dict[str, Any]:
    figures = metrics.summarize(score, MEMBER, 0.5)
    figures |= {"attack": attack, "title": f"Attack {attack}", "goal": "membership", "set_membership": None}
    return figures | {"queries": 800, "models": 0, "trained": 0, "seconds": 0.1} | more


def audit(**more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return an audit of two threat models, and its scores; `more` replaces parts of it."""
    strong, weak = scores(1.0), scores(0.0)
    ppv = {"0.01": {"0.01": {"value": 0.1, "ci": [0.05, 0.2]}, "0.001": None}}
    odd = result("own-attack", weak, warnings=[f"ties {EVIL}"], groups=[])
    odd["title"] = f"Own {EVIL}"
    threats: list[dict[str, Any]] = [
        {
            "id": API,
            "title": f"Prediction API {EVIL}",
            "grants": ["black-box", "discriminative", "stand-alone", "Q.scores", "Q.labels", "record.label", f"odd {EVIL}"],
            "results": [result("yeom-2018-loss", strong, groups=[GROUP, REST], ppv=ppv), odd],
            "control": [{"attack": "yeom-2018-loss", "auc": 0.51, "auc_ci": [0.45, 0.57]}],
            "skipped": [{"id": "shokri-2017", "because": f"infeasible {EVIL}"}],
            "failures": [{"attack": "ml-leaks-3", "error": f"it raised {EVIL}"}],
            "unlock": [
                {"attack": "carlini-2022-lira", "missing": ["D1.samples", "M2"]},
                {"attack": "zarifzadeh-2024-rmia", "missing": [["D1.samples", "M2"], ["M1.parameters"]]},
                {"attack": f"odd {EVIL}", "missing": ["M3"]},
            ],
        },
        {"id": LABELS, "title": "Labels", "grants": ["Q.labels"], "results": [result("yeom-2018-gap", weak)]}
        | {"control": [], "skipped": [], "unlock": []},
    ]
    data = {
        "name": f"forest {EVIL}",
        "checks": CHECKS,
        "valid": True,
        "blind_baseline": {"auc": 0.51, "auc_ci": [0.46, 0.56]},
        "threat_models": threats,
        "ensemble": {
            "tpr_at_fpr": {"0.01": 0.15, "0.001": None},
            "tpr_at_fpr_ci": {"0.01": [0.101, 0.2], "0.001": None},
            "attacks": ["yeom-2018-loss", "own-attack"],
            "exposed": [IDS[7], IDS[3]],
        },
        "price": {"models": 32, "queries": 1600, "seconds": 1.5},
        "out": "out",
        "command": f"mia audit {EVIL}",
        "date": "2026-11-29T13:00:00+00:00",
        "versions": {"mia-atlas": "0.1.0"},
        "commit": "a" * 40,
        "data_hashes": {f"train.csv {EVIL}": "b" * 64},
        "seed": 0,
    }
    named = {f"{API}/yeom-2018-loss": strong, f"{API}/own-attack": weak, f"{LABELS}/yeom-2018-gap": weak}
    return {**data, **more}, named
