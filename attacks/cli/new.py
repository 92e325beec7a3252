"""Commands that begin a new entry: `mia new attack|step|target|defense ID`."""

from __future__ import annotations

import importlib.util
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from attacks.cli import completions, defense_skeletons, skeletons
from attacks.cli.options import Json, app, load, print_json
from attacks.cli.skeletons import Annotation
from attacks.cli.writing import Draft, added_term, added_work, write
from taxonomy import handles
from taxonomy.catalog import Catalog, installed_sources
from taxonomy.defended import DIFFERENTIABLE, LABELS, LEFT
from taxonomy.entries import KINDS
from taxonomy.files import TAXONOMY
from taxonomy.findings import CatalogError, InputError, relative
from taxonomy.nearness import mistyped
from taxonomy.references import FILE, keys, problems
from taxonomy.skeletons import Framed, handle_of, known, new_id
from taxonomy.skeletons import attack as tested
from taxonomy.skeletons import step as stepped
from taxonomy.source import packages_in

new_app = typer.Typer(no_args_is_help=True, help="Begin an attack, step, target or defense with what `mia check` accepts.")
app.add_typer(new_app, name="new")

CLASSIFIER = "attacks.targets.classifier:build"
# Which defenses take which grants away, by the first letters of a term.
CHANGES = (("Q.", "answers", "output-masking"), ("M", "channel", "cryptography"), ("", "training", "generalization"))

NewId = Annotated[str, typer.Argument(metavar="ID", help="Its id, e.g. doe-2027-example: the name of its files.")]
Needs = Annotated[
    list[str] | None,
    typer.Option("--needs", metavar="TERM,TERM", help="What it needs (see mia terms).", autocompletion=completions.listed_terms),
]
OwnCatalog = Annotated[
    list[Path] | None,
    typer.Option(
        "--catalog",
        help="A folder of your own to write the entry into, made if need be; more of them are only read. Without one, it is "
        "written into the checkout that mia runs from.",
    ),
]
OwnCode = Annotated[
    Path | None, typer.Option("--code", help="With --catalog: the folder for the function, later named by --trust-code.")
]


@dataclass
class Place:
    """Where new files go: the folders of this repository, or a catalog and a folder of code of one's own."""

    loaded: Catalog
    catalog: Path
    code: Path | None
    own: list[Path] = field(default_factory=list)

    @property
    def in_repository(self) -> bool:
        """Whether the entry becomes one of this repository's."""
        return not self.own

    def schema(self, kind: str) -> bool:
        """Whether there is a JSON Schema for the first line of an entry to name."""
        return (self.catalog / "schemas" / f"{kind}.json").is_file()

    def entry(self, kind: str, name: str, text: str) -> Draft:
        """Return the file of an entry."""
        return Draft(self.catalog / kind / f"{name}.yaml", text)

    def module(self, name: str, room: str) -> tuple[Path, str]:
        """Return the file of a new module, and the name by which it is imported; raise InputError if that name is taken."""
        plain = skeletons.module_name(name)
        if self.in_repository:
            return self.catalog.parent.joinpath("attacks", *room.split("."), f"{plain}.py"), f"attacks.{room}.{plain}"
        if self.code is None:
            raise InputError("the function needs a place: --code DIR, a folder of your own that --trust-code names later")
        path = self.code / f"{plain}.py"
        spec = None if path.exists() or plain in sys.stdlib_module_names else importlib.util.find_spec(plain)
        if plain in sys.stdlib_module_names or (spec is not None and spec.origin is not None):
            raise InputError(f"a module named {plain} is there already, and Python would import that one; choose another id")
        return path, plain

    def options(self, *, code: bool = True) -> str:
        """Return the options by which other commands find what was written."""
        own = [("--catalog", folder) for folder in self.own] + ([("--trust-code", self.code)] if code and self.code else [])
        return "".join(f" {option} {shlex.quote(relative(folder))}" for option, folder in own)

    def types(self, one: Framed) -> dict[str, Annotation]:
        """Return the types of all handles, as the functions say them that are there, first of all those of its model type."""
        own = packages_in(self.code) if self.code and self.code.is_dir() else {}
        found = handles.imports(self.loaded, handles.packages([*own.values()]), one.model, one.frame)
        return {handle: Annotation(name, module) for handle, (module, name) in found.items()}


def _place(name: str, catalog: Sequence[Path] | None, code: Path | None) -> Place:
    """Return where new files go, and the catalog as it is; raise InputError if the id is of no use."""
    if not catalog:
        if code is not None:
            raise InputError("--code goes with --catalog DIR, a catalog of your own")
        folder = installed_sources()[0].folder
        if not (folder.parent / "pyproject.toml").is_file():
            raise InputError("this is no checkout of the repository: name a catalog of your own, --catalog DIR --code DIR")
        place = Place(load(None), folder, None)
    else:
        if any(catalog[0].resolve() == source.folder.resolve() for source in installed_sources()):
            raise InputError(f"{catalog[0]} is an installed catalog; leave out --catalog to write into that of the repository")
        for path in (catalog[0], *([code] if code else [])):
            if os.path.lexists(path) and not path.is_dir():
                raise InputError(f"{path} is no folder")
        there = [folder for folder in catalog if folder != catalog[0] or _holds_entries(folder)]
        loaded = load(there)
        if catalog[0] not in there:
            loaded = replace(loaded, folders=[*loaded.folders, catalog[0]])
        place = Place(loaded, catalog[0], code, list(catalog))
    new_id(place.loaded, name)
    return place


def _holds_entries(folder: Path) -> bool:
    return (folder / TAXONOMY).exists() or any((folder / kind).exists() for kind in KINDS)


def _terms(place: Place, needs: Sequence[str] | None, *, what: str = "what it needs") -> list[str]:
    """Return the terms that a user typed, separated by commas or one by one."""
    names = [name.strip() for one in needs or () for name in one.split(",") if name.strip()]
    if not names:
        raise InputError(f"say {what}: --needs TERM,TERM (mia terms lists them)")
    return known(place.loaded, names)


def _work(place: Place, name: str) -> tuple[list[str], list[Draft]]:
    """Return what the entry of an id cites, and references.bib with a stub of it, unless it is there."""
    if unread := problems([place.catalog]):
        raise CatalogError(unread)
    work = skeletons.work_of(name)
    stub = [] if work.key in keys(place.loaded) else [added_work(place.catalog / FILE, work.bibtex())]
    return [work.key], stub


def _finish(kind: str, name: str, drafts: Sequence[Draft], then: Sequence[str], added: Sequence[str], as_json: bool) -> None:
    write(drafts)
    files = [{"path": relative(draft.path), "what": "extended" if draft.before is not None else "created"} for draft in drafts]
    if as_json:
        shown: dict[str, Any] = {"kind": kind, "id": name, "files": files, "added_needs": list(added), "next": list(then)}
        print_json(shown)
        return
    for file in files:
        print(f"{file['what']}  {file['path']}")
    if added:
        print(f"Put into its needs, since it says what is attacked: {', '.join(added)}")
    print("Then:")
    for command in then:
        print(f"  {command}")


def _check(place: Place) -> list[str]:
    return [f"mia check{place.options()}"]


@new_app.command("attack", epilog="Example: mia new attack doe-2027-example --needs Q.scores,record.label")
def attack(name: NewId, needs: Needs = None, catalog: OwnCatalog = None, code: OwnCode = None, as_json: Json = False) -> None:
    """Write an entry and a function for an attack on membership, with the arguments that its needs give."""
    place = _place(name, catalog, code)
    found = tested(place.loaded, name, _terms(place, needs))
    one = found.framed
    path, module = place.module(name, "federated" if one.frame == "federated" else one.model)
    body = skeletons.body_of(one.needs)
    _, stub = _work(place, name)
    entry = skeletons.attack_entry(name, found, f"{module}:infer", skeletons.work_of(name), body.cost, place.schema("attacks"))
    function = skeletons.attack_code(place.loaded, name, one.needs, place.types(one), body, ours=place.in_repository)
    then = _check(place)
    if place.in_repository and (golden := next(iter(sorted(place.catalog.parent.glob("tests/**/test_golden.py"))), None)):
        then += [f"python {relative(golden)} {name}"]
    then += [f"mia run {name} --target {found.target}{place.options()}"]
    drafts = [place.entry("attacks", name, entry), Draft(path, function), *stub]
    _finish("attack", name, drafts, then, one.stated, as_json)


@new_app.command("step", epilog="Example: mia new step rare-records --needs D1.samples --yields rare-records-pool")
def step(
    name: NewId,
    needs: Needs = None,
    yields: Annotated[
        str | None,
        typer.Option(
            "--yields",
            metavar="TERM",
            help="The artifact that it makes; a new one gets a term.",
            autocompletion=completions.artifacts,
        ),
    ] = None,
    catalog: OwnCatalog = None,
    code: OwnCode = None,
    as_json: Json = False,
) -> None:
    """Write an entry and a function for a step that makes an artifact, and the artifact's term and type if it is new."""
    place = _place(name, catalog, code)
    terms = _terms(place, needs)
    if not yields:
        raise InputError("say what the step makes: --yields TERM, an artifact that is there or the name of a new one")
    one, new = stepped(place.loaded, terms, yields), yields not in place.loaded.terms
    if new and yields == name:
        raise InputError(f"the step and what it yields cannot both be {name}; ids and terms are unique")
    path, module = place.module(name, "steps")
    cites, drafts = _work(place, name) if skeletons.names_work(name) else ([], [])
    runs = new or not place.loaded.terms[yields].handle
    entry = skeletons.step_entry(name, one, yields, f"{module}:make", cites, place.schema("steps"), runs=runs)
    function = skeletons.step_code(place.loaded, name, one, yields, place.types(one), ours=place.in_repository)
    if new:
        handle = handle_of(place.loaded, yields)
        drafts = [added_term(place.catalog / TAXONOMY, yields, skeletons.term_stub(yields, handle, one)), *drafts]
    then = _check(place) + (["mia export json-schema --out catalog/schemas"] if new and place.in_repository else [])
    then += [f"mia show {name}{place.options(code=False)}"]
    if new and not as_json and (near := mistyped(yields, [t.id for t in place.loaded.terms.values() if t.aspect == "artifact"])):
        print(f"{yields} is a new term; there is also {near}.", file=sys.stderr)
    _finish("step", name, [place.entry("steps", name, entry), Draft(path, function), *drafts], then, one.stated, as_json)


@new_app.command("target", epilog="Example: mia new target my-records --needs Q.scores,record.label,D1.samples,M2")
def target(name: NewId, needs: Needs = None, catalog: OwnCatalog = None, code: OwnCode = None, as_json: Json = False) -> None:
    """Write the entries of a classifier and of its control, and a function for its data; --needs is what it offers."""
    place = _place(name, catalog, code)
    new_id(place.loaded, null := f"{name}-null")
    offers = _terms(place, needs, what="what the target offers")
    _offered_by_classifiers(place.loaded, offers)
    path, module = place.module(name, "targets.data")
    params = {"data": f"{module}:load", "hidden": [64], "members": 300, "non_members": 300}
    params |= {"epochs": 60, "batch": 64, "learning_rate": 0.001}
    params |= {"known_members": 100} if "D2.members" in offers else {}
    drafts = [
        place.entry(
            "targets",
            one,
            skeletons.target_entry(
                one, offers, {**params, "members_trained": one == name}, place.schema("targets"), control=one == null
            ),
        )
        for one in (name, null)
    ]
    then = _check(place) + (["mia export json-schema --out catalog/schemas"] if place.in_repository else [])
    then += [f"mia run --target {name} --dry-run{place.options()}"]
    _finish("target", name, [*drafts, Draft(path, skeletons.data_code(name, ours=place.in_repository))], then, (), as_json)


def _offered_by_classifiers(loaded: Catalog, offers: Sequence[str]) -> None:
    """Raise InputError for what a classifier that is trained on any data set does not offer, with a target that does."""
    plain = [t for t in loaded.targets.values() if t.run == CLASSIFIER and not {"architecture", "shifted"} & set(t.params)]
    other = [term for term in offers if not any(term in t.offers for t in plain)]
    if other:
        fitting = sorted(t.id for t in loaded.targets.values() if t.run and not t.control and set(other) <= set(t.offers))
        hint = f"; {fitting[0]} does, and its entry can be copied" if fitting else ""
        raise InputError(f"a classifier as it is begun here does not offer {', '.join(other)}{hint}")


@new_app.command("defense", epilog="Example: mia new defense doe-2027-mask --needs Q.scores --catalog my-catalog --code my-code")
def defense(
    name: NewId,
    needs: Annotated[
        list[str] | None,
        typer.Option(
            "--needs",
            metavar="TERM,TERM",
            help="What it takes away (see mia terms); nothing if it changes the training.",
            autocompletion=completions.listed_terms,
        ),
    ] = None,
    catalog: OwnCatalog = None,
    code: OwnCode = None,
    as_json: Json = False,
) -> None:
    """Write an entry for a defense and, with --code, a function that puts it on a target; --needs is what it takes away."""
    place = _place(name, catalog, code)
    withdraws = _terms(place, needs) if needs else []
    for term in withdraws:
        if not place.loaded.terms[term].grantable and term != DIFFERENTIABLE:
            raise InputError(f"{term} cannot be withdrawn: it is no grant (mia terms lists them)")
    changes, category = "training", "generalization"
    if withdraws:
        changes, category = next((c, kind) for head, c, kind in CHANGES if withdraws[0].startswith(head))
    begun = _begun(place.loaded, changes, withdraws) if code else None
    path, module = place.module(name, "defenses") if begun else (None, "")
    cites, stub = _work(place, name) if skeletons.names_work(name) else ([], [])
    entry = defense_skeletons.entry(name, category, changes, withdraws, cites, place.schema("defenses"), begun, module)
    drafts, then = [place.entry("defenses", name, entry), *stub], _check(place)
    if begun and path:
        drafts.insert(1, Draft(path, defense_skeletons.code(name, begun)))
        then.append(f"mia run --defense {name} --target {begun.target} --dry-run{place.options()}")
    then.append(f"mia show {name}{place.options(code=False)}")
    _finish("defense", name, drafts, then, (), as_json)


def _begun(loaded: Catalog, changes: str, withdraws: Sequence[str]) -> defense_skeletons.Begun:
    """Return the function that begins a defense; raise InputError for one that takes away what no code can."""
    kind = changes
    if changes == "channel" and all(loaded.terms[term].frames == ["federated"] for term in withdraws):
        kind = "uploads"
    elif changes == "answers":
        masked = [term for term in LEFT if term in withdraws]
        if len(masked) != 1 or LABELS in withdraws:
            raise InputError(
                f"no function can take away {' and '.join(withdraws)}: one that masks answers changes {' or '.join(LEFT)}, and "
                "always leaves the label; leave --code out, or name other terms in --needs"
            )
        kind = masked[0]
    return defense_skeletons.DEFENSES[kind]
