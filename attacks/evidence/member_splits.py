"""Which records of a target are members, as a table that others can read: what `mia export croissant` writes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

import torch

from attacks.targets.target import Target


def table(targets: Iterable[tuple[int, Target]]) -> bytes:
    """Return the candidates of targets by seed as a CSV file: seed, hash of the record, label, and whether it is a member.

    Labels that are no single class or number a record, as maps of them, are left out.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["seed", "record", "label", "split"])
    for seed, target in targets:
        labels = target.label.tolist() if target.label.ndim == 1 else [""] * len(target.ids)
        whole = target.label.dtype == torch.int64
        for record, label, member in zip(target.ids, labels, target.member.tolist(), strict=True):
            shown = label if whole or label == "" else f"{label:.9g}"
            writer.writerow([seed, f"{int(record):016x}", shown, "member" if member else "non-member"])
    return text.getvalue().encode()
