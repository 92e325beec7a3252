"""The survey's Table 1 and Table 2 as projections of the catalog, and where they differ from the papers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from taxonomy.catalog import Catalog
from taxonomy.entries import Attack, Setting
from taxonomy.terms import SYMBOLS
from taxonomy.threat import ThreatModel

COLUMNS = ("AO", "M", "TD", "QA", "TMT", "TF")
HEADINGS = {
    "AO": "attack observation",
    "M": "knowledge of the model",
    "TD": "knowledge of the training data set",
    "QA": "query ability",
    "TMT": "target model type",
    "TF": "target frame",
}
_LETTERS = {
    "black-box": "B",
    "white-box": "W",
    "discriminative": "D",
    "generative": "G",
    "aggregate": "A",
    "stand-alone": "S",
    "federated": "F",
}


@dataclass(frozen=True)
class Row:
    """One row of Table 2: the attack that it stands for, its printed name, and its six cells."""

    attack: str
    name: str
    cells: tuple[str, ...]


def cells(threat: ThreatModel) -> tuple[str, ...]:
    """Return the projection of a threat model on the six columns of Table 2; N means "not needed"."""
    symbols = threat.symbols

    def of(prefix: str) -> str:
        return ", ".join(symbol for symbol in symbols if symbol.startswith(prefix)) or "N"

    letters = _LETTERS
    return letters[threat.observation], of("M"), of("D"), of("Q"), letters[threat.model], letters[threat.frame]


def surveyed_rows(catalog: Catalog) -> list[Row]:
    """Return the rows of Table 2 that the catalog's entries carry, in the order in which the survey prints them."""
    rows = [
        Row(attack.id, attack.surveyed.row, cells(ThreatModel.of(attack.surveyed)))
        for attack in catalog.attacks.values()
        if attack.surveyed
    ]
    return sorted(rows, key=lambda row: _printed_position(row.name))


# Order of the rows in the survey; a name that it does not print comes last.
PRINTED = (
    "Long et al.'s [18]", "Shokri's [19]", "Nasr's-1 [20]", "Nasr's-2 [20]", "ML-Leaks-1 [22]", "ML-Leaks-2 [22]",
    "ML-Leaks-3 [22]", "LOGAN-1 [23]", "LOGAN-2 [23]", "LOGAN-3 [23]", "Gan-Leaks-1 [24]", "Gan-Leaks-2 [24]",
    "Gan-Leaks-3 [24]", "Nasr's et al.'s [26]", "Truex et al.'s [27]", "Melis et al.'s[33]", "Long et al.'s[31]",
)  # fmt: skip


def _printed_position(name: str) -> tuple[int, str]:
    return (PRINTED.index(name) if name in PRINTED else len(PRINTED), name)


def published_setting(attack: Attack) -> Setting | None:
    """Return the published setting that the survey's row is compared with, or None."""
    wanted = attack.surveyed.setting if attack.surveyed else None
    return next((setting for setting in attack.published if setting.name == wanted), None)


def differences(attack: Attack) -> list[str]:
    """Return the columns of Table 2 in which the survey's row differs from the published setting."""
    setting = published_setting(attack)
    if attack.surveyed is None or setting is None:
        return []
    printed, original = cells(ThreatModel.of(attack.surveyed)), cells(ThreatModel.of(setting))
    return [column for column, a, b in zip(COLUMNS, printed, original, strict=True) if a != b]


def extensions(knows: Iterable[str]) -> list[str]:
    """Return what a setting states beyond the survey's seven symbols: roles, `record.label` and refinements."""
    return sorted(term for term in knows if term not in SYMBOLS)
