"""What an audit found: the same object for the command line and for a notebook."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attacks.audit.report import sentences
from attacks.metrics import roc
from taxonomy.catalog import Catalog

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class AuditResult:
    """The figures of an audit as plain data, with the scores of every attack: float64 (n,), members first, and their ids.

    `content` is a hash of each record, uint64 (n,), where the ids are but the numbers of rows.
    """

    data: dict[str, Any]
    scores: dict[str, NDArray[np.float64]]
    member: NDArray[np.bool_]
    ids: NDArray[Any]
    catalog: Catalog
    content: NDArray[np.uint64] | None = None

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
        made = report.prepare(folder)
        try:
            report.write(
                {**self.data, "out": str(folder)},
                self.scores,
                self.member,
                folder,
                ids=[str(one) for one in self.ids],
                content=self.content,
                exhibits={},
                catalog=self.catalog,
                formats=formats,
                thresholds=thresholds,
            )
        finally:
            report.sweep(made)
        return folder

    def __repr__(self) -> str:
        return "\n".join([self._title(), *(f"Warning: {text}." for text in self._wrong()), *self.sentences()])

    def _title(self) -> str:
        """Return what was audited, and behind which mask."""
        mask = self.data.get("defense")
        if mask is None:
            return f"Audit of {self.data['name']}"
        known = "knows" if mask["adaptive"] else "does not know"
        return f"Audit of {self.data['name']} behind the simulated mask {sentences.named(mask)}, of which the adversary {known}"

    def _wrong(self) -> list[str]:
        """Return what makes the figures worthless, if anything does: it is said before them."""
        return [check["message"] for check in self.data["checks"] if check["severity"] == "error"]

    def sentences(self) -> list[str]:
        """Return one sentence a threat model, for people: what the best attack finds, in counts of records."""
        return [f"{threat['title']}: {self._sentence(threat)}" for threat in self.data["threat_models"]]

    def _sentence(self, threat: dict[str, Any]) -> str:
        best = sentences.best(threat["results"])
        if best is None:
            return "no attack on members could be run."
        several = len(self.data["threat_models"]) > 1
        score = self.scores[f"{threat['id']}/{best['attack']}" if several else best["attack"]]
        return f"{sentences.headline(best, sentences.counts(best, roc(score, self.member)))} ({best['attack']})"

    def _repr_html_(self) -> str:
        """Return a table for a notebook; everything is escaped."""
        said = "".join(f"<p>{html.escape(text)}</p>" for text in self.sentences())
        wrong = "".join(f"<p><strong>{html.escape(text)}</strong></p>" for text in self._wrong())
        table = self.table().to_html(index=False, float_format="{:.3f}".format)
        return f"<h4>{html.escape(self._title())}</h4>{wrong}{said}{table}"


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
