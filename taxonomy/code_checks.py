"""Whether the functions that entries name are there, and take what the entries say. Code is read as text and never run."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from taxonomy import source
from taxonomy.entries import Attack, Defense, Step
from taxonomy.findings import Finding, InputError, nearest
from taxonomy.yamlfile import Document

SEED = "seed"


def function(
    document: Document,
    packages: dict[str, source.Package],
    run: str,
    positional: list[str] | None,
    params: set[str] | None,
    place: tuple[str | int, ...],
) -> Iterator[Finding]:
    """Yield what is wrong with a path to a function, and with the arguments of the function behind it.

    `positional` are those that it is to take, and `params` the parameters of the entry; None where it may take any.
    """
    module, _, name = run.partition(":")
    home = packages.get(module.split(".")[0])
    if home is None:
        hint = f"installed: {', '.join(sorted(packages))}; other code needs --trust-code"
        yield document.finding("MIA015", f"{run} lies in no installed catalog's package", place, hint)
        return
    if home.whole is not None and home.name in sys.stdlib_module_names:
        hint = "rename the file"
        yield document.finding("MIA015", f"{run} would name the module {home.name} of Python itself", place, hint)
        return
    try:
        found = source.signature(home, run)
    except InputError as error:
        yield document.finding("MIA015", f"{run} cannot be read: {error}", place)
        return
    if found is None:
        hint = nearest(name, source.functions(home, module)) if home.module_path(module) else f"no module {module}"
        yield document.finding("MIA015", f"{run} names no function", place, hint)
        return
    if positional is not None and list(found.positional) != positional:
        message = f"{name} takes ({', '.join(found.positional)})"
        yield document.finding("MIA016", message, place, f"expected ({', '.join(positional)})")
    # A target leaves out what it does not use; an attack or step shows all that a user may set.
    missing = set(found.keyword_only) - (params or set()) - {SEED} - (found.optional if positional is None else set())
    if params is not None and (missing or params - set(found.keyword_only) - {SEED}):
        message = f"the keyword-only arguments of {name} are ({', '.join(found.keyword_only)})"
        yield document.finding("MIA017", message, place, f"`params` are ({', '.join(sorted(params))})")


def ranges(document: Document, entry: Attack | Step | Defense) -> Iterator[Finding]:
    """Yield ranges that are of no parameter of an entry, or that do not hold its default."""
    for name, allowed in entry.ranges.items():
        value = entry.params.get(name)
        if name not in entry.params:
            hint = nearest(name, entry.params)
            yield document.finding("MIA026", f"no parameter {name!r}", ("ranges", name), hint, key=True)
        elif not isinstance(value, int | float) or not allowed.holds(value):
            yield document.finding("MIA008", f"{value} is not {allowed}, as its range says", ("params", name))
