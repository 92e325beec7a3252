"""What `mia check` says of orderings: both sides can be run, and what they set is used."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from taxonomy.catalog import Catalog
from taxonomy.findings import Finding, nearest
from taxonomy.fingerprints import Fingerprints
from taxonomy.orderings import Ordering


def orderings(catalog: Catalog) -> Iterator[Finding]:
    """Both sides of an ordering run, differ, have the figure that is compared, and use what a setting sets."""
    entries: dict[str, Ordering] = catalog.kinds["orderings"]
    prints = Fingerprints(catalog, lambda run: "")
    proof = functools.cache(lambda attack, target: prints.proof(catalog.attack(attack), catalog.target(target)))
    for name, entry in entries.items():
        document = catalog.documents[name]
        for attack in (entry.better, entry.worse):
            of_membership = catalog.attack(attack).goal == "membership"
            if of_membership == (entry.metric == "judged"):
                message = f"{attack} is {'not ' if of_membership else ''}judged by its target, so it has no {entry.metric}"
                yield document.finding("MIA030", message, ("metric",))
                break
        for i, sides in enumerate(entry.sides()):
            place = ("targets", i)
            if sides[0] == sides[1]:
                yield document.finding("MIA030", "both sides are the same attack, target and settings", place)
            for key, side in zip(("better", "worse"), sides, strict=True):
                rules = {rule.id for rule in proof(side.attack, side.target)}
                if not rules:
                    yield document.finding("MIA030", f"{side.attack} cannot run on {side.target}", place)
                # What a step of somebody else's folder changed about a proof is no mistake of this entry.
                folder = document.path.parent.parent
                changed = any(catalog.documents[rule].path.parent.parent != folder for rule in rules if rule in catalog.steps)
                for path, _ in side.settings if rules and not changed else ():
                    owner = path.rpartition(".")[0]
                    if owner not in rules:
                        message = f"{side.attack} does not use {owner} on {side.target}"
                        hint = nearest(owner, rules)
                        yield document.finding("MIA030", message, ("settings", key, path), hint, key=True)
