"""Ready threat models, by id or from a file of the same form."""

from __future__ import annotations

import os
from pathlib import Path

from taxonomy.catalog import Catalog
from taxonomy.entries import ReadyThreatModel
from taxonomy.findings import InputError, unknown


def ready(catalog: Catalog, name: str, folder: Path | None = None) -> ReadyThreatModel:
    """Return a ready threat model by its id, or from a file, whose path is relative to `folder` (unstated, the working folder).

    Raises InputError for an id that nothing bears and a file that is missing or wrong.
    """
    if name in catalog.threat_models:
        return catalog.threat_models[name]
    from taxonomy.findings import CatalogError, some
    from taxonomy.reader import unknown_terms, validate
    from taxonomy.yamlfile import read

    path = (folder or Path()) / name
    if not name or not os.path.lexists(path):
        if name.endswith((".yaml", ".yml")) or os.sep in name:
            raise InputError(f"{name}: no such file")
        raise unknown("threat model", name, catalog.threat_models)
    document = read(path)
    found = validate(ReadyThreatModel, document)
    findings = document.findings if found is None else list(some(unknown_terms(catalog, found, document)))
    if found is None or findings:
        raise CatalogError(findings)
    return found
