"""Writes what some attacks say of each record of one target, for the page on which a reader plays the adversary.

Usage: python -m attacks.evidence.scored_records [FOLDER]. Every attack is planned by itself, as the bench plans it, so the scores
are those behind the figures of the same seed in its evidence.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attacks.engine import drafts
from attacks.engine.commit import commit
from attacks.engine.runner import Engine
from attacks.evidence.averages import short
from attacks.evidence.bench import versions
from attacks.evidence.bench_plan import Job
from attacks.evidence.runs import Runs
from attacks.handles import Ledger
from attacks.seeds import record_ids
from attacks.targets.data.pictures import digits, plain_digits
from taxonomy.fingerprints import Fingerprints
from taxonomy.loading import load
from taxonomy.record_evidence import FOLDER, RecordEvidence, ScoredRecord, Scorer

TARGET, SEED = "digits-mlp", 0
ATTACKS = ("yeom-2018-loss", "carlini-2022-lira", "zarifzadeh-2024-rmia")
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def measure(engine: Engine, target: str = TARGET, seed: int = SEED, attacks: Sequence[str] = ATTACKS) -> RecordEvidence:
    """Run the attacks on a target of digits, and return each of its records with the model's answer and the scores."""
    catalog = engine.catalog
    runs, prints = Runs(catalog, engine), Fingerprints(catalog, engine.code.digest)
    scores, scorers = [], []
    for name in attacks:
        attack = catalog.attack(name)
        scores.append(runs.outcome(Job(attack, target, "power", seed)).scores[name])
        fingerprint = prints.of(attack, catalog.target(target))
        assert fingerprint is not None, "it ran, so it has a proof"
        scorers.append(Scorer(attack=name, fingerprint=fingerprint))
    trained = engine.target(target, seed)
    answers = trained.makers["Q.scores"](Ledger())(trained.x).exp()  # type: ignore[operator]
    records = [
        ScoredRecord(
            picture=picture,
            label=label,
            member=member,
            answer=[short(float(p)) for p in answer],
            scores=[float(f"{one[i]:.6g}") for one in scores],
        )
        for i, (picture, label, member, answer) in enumerate(
            zip(_pictures(trained.ids), trained.label.tolist(), trained.member.tolist(), answers, strict=True)
        )
    ]
    return RecordEvidence(
        schema=1, target=target, seed=seed, versions=versions(), commit=commit(), attacks=scorers, records=records
    )


def _pictures(ids: NDArray[np.uint64]) -> list[str]:
    """Return the pictures of digits by the ids of their standardised records, as text: one digit to base 36 a pixel."""
    plain = dict(zip(record_ids(digits().x), plain_digits().x, strict=True))
    return ["".join(DIGITS[int(grey)] for grey in plain[one]) for one in ids]


def write(folder: Path, evidence: RecordEvidence) -> Path:
    """Write the file of a target's records, one record a line; return its path."""
    whole = evidence.model_dump(mode="json", by_alias=True)
    records = ",\n  ".join(json.dumps(record, sort_keys=True) for record in whole.pop("records"))
    head = json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False).removesuffix("\n}")
    path = folder / f"{evidence.target}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    drafts.replace({path: f'{head},\n "records": [\n  {records}\n ]\n}}\n'.encode()})
    return path


if __name__ == "__main__":
    catalog = load()
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else catalog.folders[0] / FOLDER
    print(write(out, measure(Engine(catalog))))
