"""Deployments that differ in what the model answers, what a record is, and which file of a model is out."""

from __future__ import annotations

from deployment import Deployment

DEPLOYMENTS = [
    Deployment(
        "label API",
        ["--threat-model", "prediction-api-labels"],
        source="prediction services that answer with a class",
        feasible=("yeom-2018-gap", "li-2021-boundary"),
        infeasible=("yeom-2018-loss", "carlini-2022-lira"),
        inapplicable=("gan-leaks-1", "homer-2008"),
        why="Labels tell whether the model errs and how far its boundary is, but no score.",
    ),
]
