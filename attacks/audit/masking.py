"""The defense of an audit file: a mask that is put on top of what the model answers. The model itself stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from attacks.audit.file import StatedDefense
from attacks.audit.parts import Parts
from attacks.audit.target import ClassifierParts
from attacks.audit.threat_models import ALL, Adversary
from attacks.defenses.answers import Mask
from attacks.defenses.owner import takes
from attacks.engine import blame, defending, masks_on_trial
from attacks.engine.code import Code
from attacks.errors import AttackError
from attacks.targets.target import HandleMaker
from taxonomy import defended, entries
from taxonomy.catalog import Catalog
from taxonomy.defended import LABELS, SCORES, Applied
from taxonomy.findings import InputError
from taxonomy.nearness import meant
from taxonomy.threat import owner

OWNER = "owner"
# Makes the error that something is wrong, from a sentence and the keys below which it stands.
Wrong = Callable[..., InputError]


@dataclass(frozen=True)
class Simulated:
    """A mask as an audit simulates it: what it leaves to adversaries, and what puts it on answers."""

    applied: Applied
    mask: Mask

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"title": self.applied.defense.title, **self.applied.as_json()}


def simulated(
    stated: StatedDefense,
    settings: Mapping[str, str],
    wrong: Wrong,
    catalog: Catalog,
    parts: Parts,
    entry: entries.Target,
    code: Code,
    seed: int,
) -> Simulated:
    """Return the mask that an audit states; raise the error that `wrong` makes for one that cannot be simulated.

    Nothing is asked of the model for that. `entry` is what is audited, as it stands without the mask; `settings` are parameters
    that the command line gives in place of those stated.
    """
    applied = _applied(stated, settings, wrong, catalog, code)
    code.check_defense(catalog, applied.defense)
    try:
        if reason := _refused(applied, parts, code):
            raise InputError(f"{stated.id} {reason}")
        assert isinstance(parts, ClassifierParts), "others were refused"
        mask = defending.mask(code, applied, seed)
        shape = (1,) if parts.rows is None else parts.rows.x.shape[1:]
        defended.target(catalog, entry, applied)
        masks_on_trial.tried(mask, applied.left, len(parts.names), shape)
    except InputError as error:
        raise wrong(str(error), "defense", "id") from error
    except AttackError as error:
        said = f"{stated.id}: {blame.told(error, code)}"
        raise InputError(said) if settings else wrong(said, "defense", *(["params"] if stated.params else [])) from error
    except (Exception, SystemExit) as error:  # of a mask of the user's own
        raise wrong(f"{stated.id} cannot be simulated; {blame.told(error, code)}", "defense", "id") from error
    return Simulated(applied, mask)


def _applied(stated: StatedDefense, settings: Mapping[str, str], wrong: Wrong, catalog: Catalog, code: Code) -> Applied:
    """Return the defense by its id with what is set; raise InputError at the id or the parameter that is wrong."""
    found = catalog.defenses.get(stated.id)
    if found is None or found.run is None:
        close = meant(stated.id, catalog.defenses) if found is None else None
        hint = f"did you mean {close}?" if close else f"an audit can simulate {', '.join(masks(catalog, code))}"
        said = f"unknown defense {stated.id!r}: {hint}" if found is None else f"the defense {stated.id} has no code; {hint}"
        raise wrong(said, "defense", "id")
    given = dict[str, str]()
    for name, value in stated.params.items():
        given[name] = str(value)
        try:
            defended.apply(catalog, stated.id, given, adaptive=stated.adaptive)
        except InputError as error:
            raise wrong(str(error), "defense", "params", name) from error
    return defended.apply(catalog, stated.id, {**given, **settings}, adaptive=stated.adaptive)


def _refused(applied: Applied, parts: Parts, code: Code) -> str | None:
    """Return why an audit cannot simulate a defense, None for one that it can."""
    changes = applied.defense.changes
    if applied.left is None:
        return (
            f"changes {'how a model is trained' if changes == 'training' else 'a model that was trained'}, and an audit takes a "
            "model as it is; put it into your own training function, and compare two audits with `mia diff`"
        )
    if changes == "channel":
        return "does not change what is answered, but how it is worked out, of which an audit of answers shows nothing"
    if _asks_owner(applied.defense, code):
        return "asks the model's owner for its training set and its inside, which an audit file does not hand over"
    if applied.masks != SCORES:
        return "masks statistics of a group, and this is a model"
    if not isinstance(parts, ClassifierParts):
        return "masks what a classifier answers, and this is none"
    if parts.model.answers != "scores":
        return "masks scores, and this model answers with labels alone"
    return None


def _asks_owner(defense: entries.Defense, code: Code) -> bool:
    return takes(code.function(str(defense.run)), OWNER)


def masks(catalog: Catalog, code: Code) -> list[str]:
    """Return the ids of the defenses that an audit can simulate where a classifier answers with scores.

    Of code of others than ours, which may be untrusted or broken, nobody asks here what it takes.
    """
    runs = (one for one in catalog.defenses.values() if one.run and one.changes == "answers" and Applied(one, {}).masks == SCORES)
    return sorted(one.id for one in runs if not str(one.run).startswith("attacks.") or not _asks_owner(one, code))


def facing(wrong: Wrong, catalog: Catalog, adversaries: list[Adversary], simulated: Simulated) -> list[Adversary]:
    """Return the adversaries with what the mask leaves of their grants; raise InputError for one who has the model itself.

    Who was granted all that the file hands over has the answers alone, and what is known besides: a mask is for those outside.
    """
    found = []
    for place, one in enumerate(adversaries):
        if one.id != ALL and (inside := sorted(defended.inside(catalog, one.target) & one.threat.knows)):
            raise wrong(
                f"{one.id} has the model itself ({', '.join(inside)}), past any mask; leave the threat model out, or `defense`",
                "threat_models",
                place,
            )
        shown = defended.outside(catalog, one.target)
        after, threat = defended.faced(catalog, shown, simulated.applied, one.threat)
        if one.id == ALL:
            threat = replace(owner(after), limits=one.threat.limits)
        threat = replace(threat, knows=threat.knows - ({*shown.offers} - {*after.offers}))
        found.append(replace(one, threat=threat, target=shown))
    return found


def references(parts: Parts, simulated: Simulated) -> dict[str, HandleMaker]:
    """Return what makes the recorded models of the adversary's own, behind the mask if it knows of it and is shown scores."""
    given = parts.references if isinstance(parts, ClassifierParts) else None
    adaptive = simulated.applied.adaptive and simulated.applied.left != LABELS
    return given.masked(simulated.mask) if given is not None and adaptive else {}
