"""JSON Schemas of the catalog's files, for editors that complete keys and terms while a contributor types."""

from __future__ import annotations

import importlib
from typing import Any

from taxonomy.catalog import Catalog
from taxonomy.edition import Edition
from taxonomy.entries import KINDS, model_of
from taxonomy.terms import Taxonomy

FOLDER = "schemas"


def schemas(catalog: Catalog) -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of every kind of file, by the name of its folder or file."""
    # The models that the kinds refer to must be complete before a schema can be made of any.
    for module in ("taxonomy.knowledge", "taxonomy.orderings", "taxonomy.factors", "taxonomy.statements", "taxonomy.clauses"):
        importlib.import_module(module)
    found = {kind: model_of(kind).model_json_schema(by_alias=True) for kind in KINDS}
    found["taxonomy"] = Taxonomy.model_json_schema(by_alias=True)
    found["edition"] = Edition.model_json_schema(by_alias=True)
    terms = sorted(name for name in catalog.terms)
    for kind, schema in found.items():
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
        if kind != "taxonomy":
            _complete(schema, terms, sorted(catalog.targets))
    return found


# Keys whose texts name terms, and keys whose texts name targets.
_TERM_KEYS = ("needs", "yields", "knows", "offers", "withdraws", "terms", "fits")
_TARGET_KEYS = ("power", "null", "targets")


def _complete(schema: Any, terms: list[str], targets: list[str], key: str = "") -> None:
    """Put the names that exist in place of the pattern that a name must have. The survey's own rows keep its symbols."""
    if isinstance(schema, list):
        for item in schema:
            _complete(item, terms, targets, key)
        return
    if not isinstance(schema, dict):
        return
    names = terms if key in _TERM_KEYS else targets if key in _TARGET_KEYS else None
    if names is not None and schema.get("type") == "string" and "pattern" in schema:
        schema.pop("pattern")
        schema.pop("maxLength", None)
        schema["enum"] = names
    for name, value in schema.items():
        if name == "properties":
            for property_name, inner in value.items():
                _complete(inner, terms, targets, property_name)
        elif name == "$defs":
            for inner in value.values():
                _complete(inner, terms, targets)
        elif name in ("items", "anyOf"):
            _complete(value, terms, targets, key)
