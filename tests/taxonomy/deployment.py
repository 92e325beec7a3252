"""A deployment as a practitioner describes it, and what an expert of the literature would say of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Deployment:
    """One row of the table of deployments (tests/taxonomy/deployments_*.py).

    `asked` are the flags of `mia feasible`, `source` says where such a deployment is met. `feasible`, `infeasible` and
    `inapplicable` name attacks that the answer must have there; attacks that nobody names may stand anywhere. `harden_first`
    are the terms that the first advice of `mia harden` withdraws or replaces. `why` is the expert's reason, one sentence.
    """

    name: str
    asked: list[str]
    source: str = ""
    feasible: tuple[str, ...] = ()
    infeasible: tuple[str, ...] = ()
    inapplicable: tuple[str, ...] = ()
    harden_first: tuple[str, ...] = ()
    why: str = ""
