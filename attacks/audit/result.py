"""What an audit found: the same object for the command line and for a notebook."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from taxonomy.catalog import Catalog

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class AuditResult:
    """The figures of an audit as plain data, with the scores of every attack: float64 (n,), members first, and their ids."""

    data: dict[str, Any]
    scores: dict[str, NDArray[np.float64]]
    member: NDArray[np.bool_]
    ids: NDArray[Any]
    catalog: Catalog

    @property
    def valid(self) -> bool:
        """Whether the figures are about the model, and not about the split."""
        return bool(self.data["valid"])

    def table(self) -> DataFrame:
        """Return one row an attack as a data frame: threat model, AUC and TPR at low FPR with their intervals."""
        import pandas as pd

        return pd.DataFrame([row for threat in self.data["threat_models"] for row in _rows(threat)])

    def report(self, path: str | Path, formats: Sequence[str] = (), thresholds: Mapping[str, float] | None = None) -> Path:
        """Write report.html, results.json and scores.npz into a folder, all or nothing; return the folder.

        `formats` adds files for others (`sacro`, `aisvs`), judged by `thresholds` by figure, such as {"tpr@0.01": 0.05}.
        """
        from attacks.audit import report

        folder = Path(path)
        report.prepare(folder)
        try:
            report.write(
                {**self.data, "out": str(folder)},
                self.scores,
                self.member,
                folder,
                ids=[str(one) for one in self.ids],
                exhibits={},
                catalog=self.catalog,
                formats=formats,
                thresholds=thresholds,
            )
        finally:
            report.sweep(folder)
        return folder

    def __repr__(self) -> str:
        return "\n".join([f"Audit of {self.data['name']}", *self.sentences()])

    def sentences(self) -> list[str]:
        """Return one sentence a threat model, for people."""
        return [sentence(threat) for threat in self.data["threat_models"]]

    def _repr_html_(self) -> str:
        """Return a table for a notebook; everything is escaped."""
        said = "".join(f"<p>{html.escape(text)}</p>" for text in self.sentences())
        wrong = "".join(
            f"<p><strong>{html.escape(check['message'])}</strong></p>"
            for check in self.data["checks"]
            if check["severity"] == "error"
        )
        table = self.table().to_html(index=False, float_format="{:.3f}".format)
        return f"<h4>Audit of {html.escape(self.data['name'])}</h4>{wrong}{said}{table}"


def _rows(threat: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for result in threat["results"]:
        row = {"threat_model": threat["id"], "attack": result["attack"]}
        if "auc" in result:
            row |= {"auc": result["auc"], "auc_low": result["auc_ci"][0], "auc_high": result["auc_ci"][1]}
            for rate, value in result["tpr_at_fpr"].items():
                ends = result["tpr_at_fpr_ci"][rate] or (None, None)
                row |= {f"tpr@{rate}": value, f"tpr@{rate}_low": ends[0], f"tpr@{rate}_high": ends[1]}
        found.append(row)
    return sorted(found, key=lambda row: -row.get("auc", 0.0))


def sentence(threat: dict[str, Any]) -> str:
    """Return what the best attack of a threat model finds, in counts of records."""
    ranked = [result for result in threat["results"] if "auc" in result]
    if not ranked:
        return f"{threat['title']}: no attack could be run."
    for rate in ("0.01", "0.001"):
        resolved = [result for result in ranked if result["tpr_at_fpr"].get(rate) is not None]
        if resolved:
            best = max(resolved, key=lambda result: result["tpr_at_fpr"][rate])
            members, others = best["members"], best["non_members"]
            low, high = (round(end * members) for end in best["tpr_at_fpr_ci"][rate])
            found, wrong = round(best["tpr_at_fpr"][rate] * members), int(float(rate) * others)
            return (
                f"{threat['title']}: of {members:,} members, {found:,} [{low:,} to {high:,}] are found while {wrong:,} of "
                f"{others:,} others are accused wrongly ({best['attack']})."
            )
    best = max(ranked, key=lambda result: result["auc"])
    low, high = best["auc_ci"]
    return (
        f"{threat['title']}: {best['non_members']:,} non-members are too few for a low false-positive rate; the best AUC is "
        f"{best['auc']:.3f} [{low:.3f}, {high:.3f}] ({best['attack']})."
    )
