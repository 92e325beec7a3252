"""Whether a defense's entry and its code fit together: `mia check`, and before a defense of the user's own is put on a target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from taxonomy import code_checks, defended, source
from taxonomy.catalog import Catalog
from taxonomy.entries import Defense
from taxonomy.findings import CatalogError, Finding, InputError
from taxonomy.yamlfile import Document, read

# What the function of a defense takes, by what the defense changes (attacks/defenses): all of the first, and any of the second.
# A channel carries records and answers, or the uploads of a federation; what is answered are scores, or statistics of a group.
TAKES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "answers": (("log_probs",), ("x", "asked", "owner")),
    "channel": (("x", "owner"), ()),
    "uploads": (("uploads",), ()),
    "statistics": (("statistics", "size"), ()),
    "training": (("recipe", "data"), ("reference",)),
    "model": (("recipe", "network"), ("reference",)),
}


def defenses(catalog: Catalog, packages: Mapping[str, source.Package]) -> Iterator[Finding]:
    """A defense fits its targets, and its code takes what one of its kind takes."""
    for defense in catalog.defenses.values():
        yield from _defense(catalog, packages, catalog.documents[defense.id], defense)


def refuse(catalog: Catalog, packages: Mapping[str, source.Package], defense: Defense) -> None:
    """Raise CatalogError with what is wrong with a defense that is to be put on a target."""
    files = (folder / "defenses" / f"{defense.id}.yaml" for folder in catalog.folders)
    document = read(next(path for path in files if path.is_file()))
    if wrong := list(_defense(catalog, packages, document, defense)):
        raise CatalogError(dict.fromkeys(wrong))


def _defense(catalog: Catalog, packages: Mapping[str, source.Package], document: Document, defense: Defense) -> Iterator[Finding]:
    if wrong := defended.wrong_in(catalog, defense):
        yield document.finding("MIA023", wrong[1], (wrong[0],))
    for i, name in enumerate(defense.targets):
        try:
            defended.target(catalog, catalog.target(name), defended.Applied(defense, defense.params))
        except InputError as error:
            yield document.finding("MIA036", str(error), ("targets", i))
    if defense.run is not None:
        given = _positional(packages, defense.run)
        first, more = TAKES[_kind(defense, given)]
        expected = [*first, *(name for name in more if name in given)]
        yield from code_checks.function(document, dict(packages), defense.run, expected, set(defense.params), ("run",))
    yield from code_checks.ranges(document, defense)


def _kind(defense: Defense, given: Sequence[str]) -> str:
    if defense.changes == "channel" and "uploads" in given:
        return "uploads"
    return "statistics" if defense.changes == "answers" and defended.STATISTICS in defense.replaces else defense.changes


def _positional(packages: Mapping[str, source.Package], run: str) -> tuple[str, ...]:
    """Return the positional arguments of a function; none of one that cannot be read, of which something else is said."""
    home = packages.get(run.split(".")[0].partition(":")[0])
    try:
        found = source.signature(home, run) if home else None
    except InputError:
        found = None
    return found.positional if found else ()
