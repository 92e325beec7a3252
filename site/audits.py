"""What the pages on audits show of the code and of the worked examples: kinds of models, codes of checks, pictures of figures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import picture
from markupsafe import Markup

from attacks.audit import masking
from attacks.audit.checks import CODES
from attacks.audit.kinds.specs import KINDS
from attacks.engine.code import Code
from taxonomy.catalog import Catalog

# Figures of the examples as they were measured once, by example and attack: AUC and the ends of its interval. Tests hold them.
MEASURED = Path(__file__).parent / "examples" / "audits" / "measured.json"
TITLES = {
    "people-forest": "Area under the ROC curve: a forest on people's records",
    "recorded-answers": "Area under the ROC curve: recorded answers about tumours",
    "before-and-after": "Area under the ROC curve: before and after a defense",
    "language-model": "Area under the ROC curve: a fine-tuned language model",
    "torch-digits": "Area under the ROC curve: a network of handwritten digits",
    "synthetic-records": "Area under the ROC curve: synthetic records",
}


@dataclass(frozen=True)
class Kind:
    """A kind of model: what it is, the keys that it requires, and those that it may have with what holds if unstated."""

    name: str
    doc: str
    required: list[str]
    optional: list[tuple[str, str]]


def kinds() -> list[Kind]:
    """Return the kinds of models of an audit file, read off their forms."""
    found = []
    for name, form in KINDS.items():
        fields = {key: field for key, field in form.model_fields.items() if key != "kind"}
        optional = [(key, _default(field.default)) for key, field in fields.items() if not field.is_required()]
        required = [key for key, field in fields.items() if field.is_required()]
        found.append(Kind(name, " ".join((form.__doc__ or "").split()), required, optional))
    return found


def codes() -> list[tuple[str, str]]:
    """Return the codes of checks, with what each says."""
    return sorted(CODES.items())


def masks(catalog: Catalog) -> list[str]:
    """Return the ids of the defenses that an audit can put on top of a classifier's answers."""
    return masking.masks(catalog, Code())


def drawn() -> dict[str, Markup]:
    """Return a picture of what each example found, by its name."""
    found = {}
    for name, measured in json.loads(MEASURED.read_text(encoding="utf-8")).items():
        rows = [(attack, auc, (low, high)) for attack, (auc, low, high) in measured.items()]
        found[name] = Markup(picture.intervals(rows, TITLES[name]))
    return found


def found(example: str, attack: str) -> str:
    """Return what an attack found in an example, as a sentence has it: AUC [low, high]."""
    auc, low, high = json.loads(MEASURED.read_text(encoding="utf-8"))[example][attack]
    return f"{auc:.2f} [{low:.2f}, {high:.2f}]"


def _default(value: Any) -> str:
    """Return a default as it would stand in the file; "" for one that stands for nothing."""
    return "" if value in (None, "") else f"{value:g}" if isinstance(value, float) else str(value)
