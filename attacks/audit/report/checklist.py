"""A checklist for OWASP AISVS, chapter C11.2: what was measured, and whether it meets a threshold that the user names.

What the controls ask is told in our own words, as read on 2026-11-29 in the locked text of AISVS 1.0 (github.com/OWASP/AISVS at
94fbad5, `1.0/en/0x10-C11-Adversarial-Robustness.md`) and, for how 11.2.5 may be verified, in its research page of the same
release (`1.0/research/chapters/C11-Adversarial-Robustness/`). Without a threshold nothing is judged: we have none of our own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from attacks.audit.report import sentences
from taxonomy.findings import InputError

STANDARD = {
    "name": "OWASP Artificial Intelligence Security Verification Standard (AISVS)",
    "version": "1.0",
    "control": "11.2.5",
    "level": 3,
    "asks": "Simulated membership inference does no better than guessing on the records that were evaluated.",
    "read_in": "github.com/OWASP/AISVS at 94fbad5acee4e4716bff263a4c455dfd780e53a7, 1.0/en/0x10-C11-Adversarial-Robustness.md",
}
# The other controls of the same section, on which an audit of membership says nothing.
OTHERS = {
    "11.2.1": "Sensitive attributes that the model inferred are not returned (level 1).",
    "11.2.2": "Rate limits of the service are sized to what an extraction takes (level 1).",
    "11.2.3": "Outputs are calibrated, so that they are not more confident than they should be (level 2).",
    "11.2.4": "Training on sensitive data is differentially private (level 2).",
}
FORM = re.compile(r"^(auc|tpr@(0?\.\d+))=(0|1|0?\.\d+|1\.0+)$")
Data = Mapping[str, Any]


@dataclass(frozen=True)
class Judged:
    """What came of one threshold: the highest figure that any attack reached, and whether it is met.

    `met` is true where the upper end of every interval is within the threshold, false where a figure itself is beyond it, and
    None where the records are too few to tell, attacks `failed` that might have reached beyond it, or nothing was measured.
    """

    figure: str
    at_most: float
    value: float | None
    interval: list[float] | None
    attack: str | None
    threat_model: str | None
    met: bool | None
    failed: int = 0

    @property
    def verdict(self) -> str:
        """The answer in words."""
        if self.value is None:
            return "not measured"
        if self.met is None and self.interval is not None and self.interval[1] <= self.at_most:
            return f"open: {'an attack' if self.failed == 1 else f'{self.failed} attacks'} failed, and might have found more"
        return {True: "met", False: "not met", None: "open: the interval reaches beyond the threshold"}[self.met]


def thresholds(texts: Iterable[str]) -> dict[str, float]:
    """Return thresholds as a user writes them, e.g. `tpr@0.01=0.05` or `auc=0.55`; raise InputError for what has not the form."""
    found = dict[str, float]()
    for text in texts:
        parsed = FORM.match(text)
        if parsed is None or (parsed[2] and not float(parsed[2])):
            raise InputError(f"--threshold {text!r}: expected auc=VALUE or tpr@RATE=VALUE between 0 and 1, e.g. tpr@0.01=0.05")
        found[f"tpr@{float(parsed[2]):g}" if parsed[2] else "auc"] = float(parsed[3])
    return found


def judge(audit: Data, named: Mapping[str, float]) -> list[Judged]:
    """Return what came of each threshold, over all attacks on members of all threat models, and all of them together."""
    failed = len(sentences.failed(audit))
    return [_judge(figure, at_most, [*_measured(audit, figure)], failed) for figure, at_most in named.items()]


def _judge(figure: str, at_most: float, measured: Sequence[tuple[float, list[float], str, str | None]], failed: int) -> Judged:
    if not measured:
        return Judged(figure, at_most, None, None, None, None, None, failed)
    worst = max(measured, key=lambda one: (one[0] > at_most, one[1][1] > at_most, one[0]))
    within = all(interval[1] <= at_most for _, interval, _, _ in measured)
    met = False if worst[0] > at_most else True if within and not failed else None
    return Judged(figure, at_most, worst[0], worst[1], worst[2], worst[3], met, failed)


def _measured(audit: Data, figure: str) -> Iterable[tuple[float, list[float], str, str | None]]:
    """Yield a figure with its interval, the attack and the threat model, wherever it was measured."""
    rate = figure.partition("@")[2]
    for threat in audit["threat_models"]:
        for result in threat["results"]:
            if "auc" not in result:
                continue
            value = result["tpr_at_fpr"].get(rate) if rate else result["auc"]
            if value is not None:
                yield value, [*(result["tpr_at_fpr_ci"][rate] if rate else result["auc_ci"])], result["title"], threat["title"]
    together = audit.get("ensemble")
    if rate and together and (together.get("tpr_at_fpr") or {}).get(rate) is not None:
        yield together["tpr_at_fpr"][rate], [*together["tpr_at_fpr_ci"][rate]], "all attacks together", None


def files(audit: Data, judged: Sequence[Judged]) -> dict[str, bytes]:
    """Return the checklist as Markdown for people and as JSON for programs, by file name."""
    facts = _facts(audit)
    named = ("name", "valid", "date", "command", "commit", "versions", "data_hashes")
    data = {
        "standard": STANDARD,
        "audit": {**{name: audit[name] for name in named}, "defense": audit.get("defense")},
        "thresholds": [{**asdict(one), "verdict": one.verdict} for one in judged],
        "evidence": facts,
        "not_covered": OTHERS,
    }
    return {
        "aisvs.md": _markdown(audit, judged, facts).encode(),
        "aisvs.json": (json.dumps(data, indent=2, sort_keys=True) + "\n").encode(),
    }


def _facts(audit: Data) -> list[dict[str, Any]]:
    """Return what the research page of the release wants to see behind 11.2.5, and what of it there is here."""
    results = [result for threat in audit["threat_models"] for result in threat["results"] if "auc" in result]
    rates = sorted({rate for result in results for rate, found in result["tpr_at_fpr"].items() if found is not None}, key=float)
    blind, together = audit.get("blind_baseline"), audit.get("ensemble")
    grouped = sorted({group["column"] for result in results for group in result.get("groups") or ()})
    attacks, failed = {result["attack"] for result in results}, sentences.failed(audit)
    passed = f"AUC {blind['auc']:.3f} [{blind['auc_ci'][0]:.3f} to {blind['auc_ci'][1]:.3f}]" if blind else "was not measured"
    rows = [
        ("more than one attack", len(attacks) > 1, f"{len(attacks)} attacks on members"),
        ("attacks that did not fail", not failed, f"failed: {', '.join(failed)}" if failed else "none failed"),
        ("the attacks judged together", bool(together), f"{len(together['attacks'])} attacks" if together else "were not"),
        (
            "rates at low false positive rates",
            bool(rates),
            ", ".join(f"{100 * float(rate):g} %" for rate in rates) or "none resolved",
        ),
        ("a blind baseline of the split", blind is not None, passed),
        ("a split that is no giveaway", bool(audit["valid"]), "valid" if audit["valid"] else "the checks failed: see the report"),
        ("parts of the population", bool(grouped), ", ".join(grouped) or "no groups were named"),
    ]
    return [{"asked": asked, "there": there, "found": found} for asked, there, found in rows]


def _markdown(audit: Data, judged: Sequence[Judged], facts: Sequence[Data]) -> str:
    command = " ".join(audit["command"].replace("`", " ").split())
    lines = [
        f"# {_cell(audit['name'])}: checklist for OWASP AISVS {STANDARD['version']}, control {STANDARD['control']}",
        "",
        f"Level {STANDARD['level']}, in our words: {STANDARD['asks']} Read in {STANDARD['read_in']}.",
        "",
        f"Measured on {audit['date']} by `{command}`, commit {audit['commit'] or 'unknown'}.",
        "",
        "## By the thresholds that were named",
        "",
    ]
    if judged:
        lines += ["| figure | at most | highest measured [95 %] | by | verdict |", "|---|---|---|---|---|"]
        lines += [f"| {one.figure} | {one.at_most:g} | {_value(one)} | {_by(one)} | {one.verdict} |" for one in judged]
    else:
        lines.append("None was named, so nothing is judged. The figures stand in `report.html` and `results.json`.")
    if audit.get("defense"):
        lines += ["", _cell(sentences.defended(audit["defense"]))]
    if failed := sentences.failed(audit):
        lines += ["", f"**{_cell(sentences.failures(failed))}**"]
    if not audit["valid"]:
        lines += ["", "**The audit is not valid: its checks failed, so no verdict above is about the model.**"]
    lines += ["", "## What the release's research page wants to see behind it", "", "| asked | there | found |", "|---|---|---|"]
    lines += [f"| {row['asked']} | {'yes' if row['there'] else 'no'} | {_cell(row['found'])} |" for row in facts]
    lines += ["", "## Not covered by this audit", ""]
    lines += [f"* {number}: {asks}" for number, asks in OTHERS.items()]
    return "\n".join(lines) + "\n"


def _value(one: Judged) -> str:
    return (
        "–" if one.value is None or one.interval is None else f"{one.value:.3f} [{one.interval[0]:.3f} to {one.interval[1]:.3f}]"
    )


def _by(one: Judged) -> str:
    return ", ".join(_cell(part) for part in (one.attack, one.threat_model) if part) or "–"


def _cell(text: str) -> str:
    """Return text that stays within its cell, and stands for itself there."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(text.split()))
