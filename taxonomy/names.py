"""The names by which people call an attack: its id, its title and its aliases, however they are written."""

from __future__ import annotations

from collections.abc import Iterable

from taxonomy.entries import Attack
from taxonomy.findings import InputError, quoted, unknown
from taxonomy.nearness import meant

SHOWN = 6
LONG = 40


def plain(name: str) -> str:
    """Return a name without case, spaces and punctuation: `Min-K%++` and `min-k ++` are the same, `Min-K%` is another."""
    return "".join(c for c in name.casefold() if c.isalnum() or c == "+")


def called(attacks: Iterable[Attack], name: str) -> Attack | None:
    """Return the attack that people call so, or None; raise InputError with the candidates if several are called so."""
    wanted = plain(name)
    found = [attack for attack in attacks if wanted and wanted in map(plain, (attack.id, attack.title, *attack.aliases))]
    found = [attack for attack in found if plain(attack.id) == wanted] or found
    if len(found) > 1:
        ids = ", ".join(sorted(attack.id for attack in found))
        raise InputError(f"{quoted(name)} may be any of {ids}; name one by its id")
    return next(iter(found), None)


def unknown_name(kind: str, name: str, attacks: Iterable[Attack], others: Iterable[str] = ()) -> InputError:
    """Return the error for a name that nothing bears: with the names that hold it, or else the one that is nearest."""
    attacks = sorted(attacks, key=lambda attack: attack.id)
    ids = [(attack.id, attack.id) for attack in attacks]
    called = [(one, attack.id) for attack in attacks for one in (*attack.aliases, attack.title)]
    names = [*ids, *called, *((one, one) for one in sorted(others))]
    wanted = plain(name)
    found = [pair for pair in names if len(wanted) > 2 and wanted in plain(pair[0])]
    if not found:
        nearest = meant(name, {one for one, _ in names})
        found = [pair for pair in names if nearest is not None and plain(pair[0]) == plain(nearest)]
    if not found:
        return unknown(kind, name, others or (one for one, _ in ids))
    # What is found is offered once, by its id: with the name that was found only where the id does not say it.
    hits: dict[str, str] = {}
    for one, owner in found:
        hits.setdefault(owner, f" ({one})" if one != owner and len(one) <= LONG else "")
    words = [f"{owner}{remark}" for owner, remark in hits.items()]
    more = [f"{len(words) - SHOWN} more"] if len(words) > SHOWN else []
    words = [*words[:SHOWN], *more]
    shown = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
    return InputError(f"unknown {kind} {quoted(name)}: did you mean {shown}?")
