"""Files as trusted research environments take them: target.yaml, report.json and summary.txt, as SACRO-ML writes and reads them.

Names and meanings of keys are those of sacroml 2.0.1, read in its source (`attacks/target.py`, `attacks/attack.py`, `metrics.py`,
`attacks/attack_report_formatter.py`), and worked out here. What it prints below the resolution of the sample is left out, and so
are its recommendations by an AUC of 0.65: what speaks for a release or against it is said by the thresholds that the user names.
"""

from __future__ import annotations

import datetime
import json
import math
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import yaml
from scipy import special

from attacks.audit.report import naming, sentences
from attacks.audit.report.checklist import Judged
from attacks.metrics import Scores, Truth

ARRAYS = ("X_train", "y_train", "X_test", "y_test", "X_train_orig", "y_train_orig", "X_test_orig", "y_test_orig")
ANSWERS = ("proba_train", "proba_test")
# Names of its figures by the share of records that are looked at on either end.
ENDS = {"01": 0.1, "02": 0.2, "001": 0.01}
# Below this share of its normal approximation it writes this logarithm.
LEAST_LOG = -115.13
Data = Mapping[str, Any]


def files(audit: Data, scores: Mapping[str, Scores], member: Truth, judged: Sequence[Judged]) -> dict[str, bytes]:
    """Return the three files by name; `judged` is what came of the user's thresholds."""
    experiments = dict[str, Any]()
    for threat in audit["threat_models"]:
        for result in threat["results"]:
            if "auc" in result:
                one = _experiment(audit, threat, result, scores[naming.score_of(audit, threat, result)], member)
                experiments[f"{result['attack']}_{one['log_id']}"] = one
    return {
        "target.yaml": yaml.safe_dump(_target(audit, int(member.sum())), sort_keys=False, allow_unicode=True).encode(),
        "report.json": (json.dumps(experiments, indent=4) + "\n").encode(),
        "summary.txt": _summary(audit, experiments, int(member.sum()), judged).encode(),
    }


def _target(audit: Data, members: int) -> dict[str, Any]:
    """Return what target.yaml holds; neither model nor data are copied, so their paths are empty."""
    facts = audit.get("facts") or {}
    known = {"training_accuracy", "test_accuracy"} <= facts.keys()
    return {
        "dataset_name": audit.get("data") or audit["name"],
        "dataset_module_path": "",
        "features": {},
        "generalisation_gap": facts["training_accuracy"] - facts["test_accuracy"] if known else None,
        "safemodel": [],
        "model_type": "",
        "model_name": audit["name"],
        "model_params": {},
        "n_samples": members,
        **{f"{name}_path": "" for name in (*ARRAYS, *ANSWERS)},
    }


def _experiment(audit: Data, threat: Data, result: Data, score: Scores, member: Truth) -> dict[str, Any]:
    """Return one attack as one experiment with one repetition."""
    figures = {
        "AUC": result["auc"],
        "P_HIGHER_AUC": _p_of_area(result["auc"], result["members"], result["non_members"]),
        **_at_cut(result),
        **_ends(score, member),
        **{f"TPR@{100 * float(rate):g}%": found for rate, found in result["tpr_at_fpr"].items() if found is not None},
        "n_pos_test_examples": result["members"],
        "n_neg_test_examples": result["non_members"],
        "AUC_interval": result["auc_ci"],
        **{f"TPR@{100 * float(rate):g}%_interval": pair for rate, pair in result["tpr_at_fpr_ci"].items() if pair is not None},
    }
    # The same audit has the same names again.
    log_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{audit['name']}/{threat['id']}/{result['attack']}/{audit['date']}"))
    return {
        "log_id": log_id,
        "log_time": datetime.datetime.fromisoformat(audit["date"]).strftime("%d/%m/%Y %H:%M:%S"),
        "metadata": {
            "produced_by": "mia-atlas " + audit["versions"].get("mia-atlas", ""),
            "attack_name": result["title"],
            "attack_params": {"threat_model": threat["title"], "seed": audit["seed"], "models": result["models"]},
            "global_metrics": {},
            "target_model": audit["name"],
        },
        "attack_experiment_logger": {"attack_instance_logger": {"instance_0": figures}},
    }


def _p_of_area(area: float, members: int, others: int) -> float:
    """Return the chance of an AUC above this one if nothing can be told, by the normal approximation without ties."""
    error = math.sqrt((members + others + 1) / (12 * members * others))
    return float(special.ndtr((0.5 - area) / error))


def _at_cut(result: Data) -> dict[str, float]:
    """Return the figures at the attack's own decision point; none if it has none."""
    if result.get("tpr") is None:
        return {}
    tpr, fpr, members, others = result["tpr"], result["fpr"], result["members"], result["non_members"]
    hits, alarms = tpr * members, fpr * others
    called, passed = hits + alarms, members + others - hits - alarms
    precision = hits / called if called else 0.0
    return {
        "TPR": tpr,
        "FPR": fpr,
        "FAR": alarms / called if called else 0.0,
        "TNR": 1 - fpr,
        "PPV": precision,
        "NPV": (others - alarms) / passed if passed else 0.0,
        "FNR": 1 - tpr,
        "ACC": (hits + others - alarms) / (members + others),
        "F1score": 2 * precision * tpr / (precision + tpr) if precision + tpr else 0.0,
        "Advantage": abs(tpr - fpr),
    }


def _ends(score: Scores, member: Truth) -> dict[str, float]:
    """Return how frequent members are among the highest and lowest scores, the difference, and minus the logarithm of its p."""
    order, found = np.argsort(score, kind="stable"), dict[str, float]()
    share = float(member.mean())
    for name, part in ENDS.items():
        count = math.ceil(len(member) * part)
        highest, lowest = float(member[order[-count:]].mean()), float(member[order[:count]].mean())
        error = math.sqrt(2 * share * (1 - share) / count)
        found[f"FMAX{name}"], found[f"FMIN{name}"], found[f"FDIF{name}"] = highest, lowest, highest - lowest
        found[f"PDIF{name}"] = -max(LEAST_LOG, float(special.log_ndtr((lowest - highest) / error)))
    return found


def _summary(audit: Data, experiments: Mapping[str, Any], members: int, judged: Sequence[Judged]) -> str:
    """Return the text that an output checker reads first, under the headings that they know."""
    lines = ["TARGET MODEL SUMMARY", f"model_name: {audit['name']}", f"number of samples used to train: {members}", ""]
    if audit.get("defense"):
        lines += [sentences.defended(audit["defense"]), ""]
    lines += ["ATTACK JSON RESULTS"]
    for name, one in experiments.items():
        figures = one["attack_experiment_logger"]["attack_instance_logger"]["instance_0"]
        low, high = figures["AUC_interval"]
        lines.append(f"{one['metadata']['attack_name']} ({name})")
        lines.append(f"    threat model: {one['metadata']['attack_params']['threat_model']}")
        lines.append(f"    AUC {figures['AUC']:.3f} [{low:.3f} to {high:.3f}], p {figures['P_HIGHER_AUC']:.2g}")
        for rate in [name for name in figures if name.startswith("TPR@") and not name.endswith("_interval")]:
            low, high = figures[f"{rate}_interval"]
            lines.append(f"    {rate} {figures[rate]:.3f} [{low:.3f} to {high:.3f}]")
    against = [_told(one) for one in judged if one.met is False]
    against += [f"{check['message']} ({check['code']})" for check in audit["checks"] if check["severity"] == "error"]
    lines += ["", *_bucket("Immediate rejection recommended for the following reason:", [])]
    lines += ["", *_bucket("Evidence supporting rejection:", against)]
    lines += ["", *_bucket("Evidence supporting release:", [_told(one) for one in judged if one.met] if audit["valid"] else [])]
    lines += ["", *_bucket("Open:", [_told(one) for one in judged if one.met is None])]
    if not judged:
        lines += ["", "No threshold was named (--threshold), so no figure is held for or against a release."]
    return "\n".join(lines) + "\n"


def _bucket(head: str, reasons: Iterable[str]) -> list[str]:
    return [head, *([*reasons] or ["None"])]


def _told(one: Judged) -> str:
    if one.value is None or one.interval is None:
        return f"{one.figure} at most {one.at_most:g}: not measured"
    return f"{one.figure} at most {one.at_most:g}: {one.value:.3f} [{one.interval[0]:.3f} to {one.interval[1]:.3f}], {one.attack}"
