"""How often a record is accused by models that never saw it: a pooled false positive rate is not that of each record.

A threshold that one non-member in a hundred passes may be passed by the same record under every model. Whoever is that record is
accused wrongly with certainty, and the pooled rate does not say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

QUANTILES = (0.5, 0.9, 0.99, 1.0)
# A record is told of if its rate is so many times the pooled one.
TIMES = (2, 10)


@dataclass(frozen=True)
class RecordAlarms:
    """Rates of records under models that were not trained on them.

    `rates` is float64 (n,), not-a-number for a record that all models were trained on; `models` int64 (n,) says how many were
    not. `pooled` is the share of all pairs of a record and such a model in which the record passes; None without any pair.
    """

    threshold: float
    pooled: float | None
    rates: NDArray[np.float64]
    models: NDArray[np.int64]

    def as_json(self) -> dict[str, Any]:
        """Return a summary as plain data.

        `quantiles` are those of the records' rates. `above` says how many records have a rate of more than 2 and 10 times the
        pooled one, and how many would by chance if every record had the pooled rate: under eight models one alarm is a rate of
        12.5 %, so that chance alone makes many.
        """
        known = self.models > 0
        rates, models = self.rates[known], self.models[known]
        result: dict[str, Any] = {
            "threshold": self.threshold,
            "pooled_fpr": self.pooled,
            "records": len(rates),
            "models": [int(models.min()), int(models.max())] if len(models) else None,
            "quantiles": {f"{level:g}": float(np.quantile(rates, level)) if len(rates) else None for level in QUANTILES},
            "above": {},
        }
        for times in TIMES:
            if self.pooled is None:
                result["above"][f"{times}"] = None
                continue
            limit = times * self.pooled
            # Counts are compared, since a rate of 2 / 10 need not be twice one of 1 / 10 in floating point.
            expected = stats.binom.sf(np.floor(limit * models + 1e-9), models, self.pooled).sum()
            above = np.round(rates * models) > limit * models + 1e-9
            result["above"][f"{times}"] = {"records": int(above.sum()), "by_chance": float(expected)}
        return result


def measure(signal: NDArray[np.float64], trained_on: NDArray[np.bool_], threshold: float) -> RecordAlarms:
    """Return the rates of records at a threshold (passed by what reaches it), under models that were not trained on them.

    `signal` (models, n) is the attack's signal of each record under each reference model, on the scale of the threshold, higher
    means member; `trained_on` (models, n) says which model was trained on which record. Raises ValueError for shapes that differ
    and for not-a-number.
    """
    if signal.shape != trained_on.shape or signal.ndim != 2:
        raise ValueError(f"signal and trained_on must both be (models, records) (found {signal.shape} and {trained_on.shape})")
    if np.isnan(signal).any():
        raise ValueError(f"{int(np.isnan(signal).sum())} of {signal.size} values of the signal are not-a-number")
    models = (~trained_on).sum(axis=0)
    alarms = ((signal >= threshold) & ~trained_on).sum(axis=0)
    rates = np.full(len(models), np.nan)
    np.divide(alarms, models, out=rates, where=models > 0)
    pooled = float(alarms.sum() / models.sum()) if models.any() else None
    return RecordAlarms(threshold, pooled, rates, models)
