"""Deployments that differ in what is asked about, and in how: stages, kinds of candidates, and answers that come at once."""

from __future__ import annotations

from deployment import Deployment

SCORES = ["--observation", "black-box", "--model", "discriminative", "--knows", "Q.scores", "--knows", "record.label"]
STORE = ["--observation", "black-box", "--model", "generative", "--records", "text", "--knows", "Q.retrieval"]

DEPLOYMENTS = [
    Deployment(
        "batch scoring",
        ["--threat-model", "batch-scoring"],
        source="files of records that a scoring service answers overnight",
        feasible=("yeom-2018-loss", "carlini-2022-lira", "shokri-2017", "choquettechoo-2021-noise"),
        infeasible=("choquettechoo-2021-boundary", "li-2021-boundary"),
        inapplicable=("li-2024-s2mia",),
        why="All questions stand before the first answer is seen, so nothing can walk along the boundary.",
    ),
    Deployment(
        "scores of a log, and no other records",
        [*SCORES, "--recorded"],
        source="logs of a service",
        feasible=("yeom-2018-loss", "ml-leaks-3"),
        infeasible=("shokri-2017", "li-2021-boundary", "carlini-2022-lira"),
        why="Shadow data could only be made by climbing on answers.",
    ),
    Deployment(
        "released synthetic table",
        ["--threat-model", "released-synthetic-table"],
        source="synthetic extracts of statistical offices and hospitals; van Breugel et al. 2023",
        feasible=("vanbreugel-2023-domias", "gan-leaks-1", "logan-2"),
        infeasible=("gan-leaks-2", "gan-leaks-3", "hilprecht-2019-monte-carlo"),
        inapplicable=("hilprecht-2019-monte-carlo-features", "carlini-2021-perplexity"),
        why="The rows that are out are all that there is: no code can be chosen, and no more rows drawn.",
    ),
    Deployment(
        "store of documents whose service also gives log-probabilities",
        [*STORE, "--knows", "Q.likelihood", "--stage", "retrieval"],
        source="retrieval-augmented generation behind an API with log-probabilities",
        feasible=("li-2024-s2mia",),
        inapplicable=("shi-2024-min-k", "carlini-2021-perplexity"),
        why="The model was never trained on the store, so how likely it finds a document says nothing of it.",
    ),
    Deployment(
        "was my data used at all",
        [*SCORES, "--granularity", "about-user"],
        source="requests under data protection law",
        inapplicable=("yeom-2018-loss", "carlini-2022-lira", "tao-2025-ramia"),
        why="A person has several records, and a score of one record is no answer about the person.",
    ),
]
