"""Findings as SARIF 2.1.0, which code hosts show beside the lines that they are about."""

from __future__ import annotations

from typing import Any

from taxonomy.findings import CODES, Finding


def sarif(findings: list[Finding]) -> dict[str, Any]:
    """Return findings as a SARIF log."""
    used = sorted({finding.code for finding in findings})
    return {
        "version": "2.1.0",
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "mia check",
                        "rules": [{"id": code, "shortDescription": {"text": CODES[code][1]}} for code in used],
                    }
                },
                "results": [_result(finding) for finding in findings],
            }
        ],
    }


def _result(finding: Finding) -> dict[str, Any]:
    hint = f" ({finding.hint})" if finding.hint else ""
    return {
        "ruleId": finding.code,
        "level": finding.severity,
        "message": {"text": finding.message + hint},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": finding.file},
                    "region": {"startLine": finding.line, "startColumn": finding.column},
                }
            }
        ],
    }
