"""Writes build/docs from the catalog: plain Markdown and JSON, byte for byte the same each time. Usage: python site/render.py

mkdocs turns them into build/site afterwards; no logic lives there. Entry text goes into raw HTML blocks, escaped, so that what is
typed is what is shown: Markdown reads `|`, `*` and `{` in nothing but the titles, where they are escaped too.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

import explorer
import frontier
import learning
import matrix
import outputs
import overviews
import performance
import picture
import reference
import rerun
import tasks
import written
from by_target import ByTarget
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from taxonomy import (
    clauses,
    defense_evidence,
    edition,
    evidence,
    figures,
    record_evidence,
    references,
    strengths,
    survey,
    withdrawals,
)
from taxonomy.answers import Atlas, Feasible, facets
from taxonomy.catalog import Catalog
from taxonomy.current import fingerprints
from taxonomy.defense_matrix import audited, below_naive
from taxonomy.entries import Attack
from taxonomy.guarantees import largest_auc
from taxonomy.loading import load
from taxonomy.threat import ThreatModel

HERE = Path(__file__).parent
ROOT = HERE.parent
KINDS = ("attacks", "steps", "defenses", "targets", "threat-models")


class Site:
    """The pages of one catalog, written into one folder."""

    def __init__(self, catalog: Catalog, out: Path):
        self.catalog, self.out = catalog, out
        self.edition = edition.of(catalog)
        self.atlas = Atlas(catalog)
        self.works = references.works(catalog)
        self.attacks = sorted(catalog.attacks.values(), key=lambda a: a.id)
        self.measured = {a.id: found for a in self.attacks if (found := evidence.find(catalog, a.id))}
        self.by_target = ByTarget(catalog, self.measured)
        with fingerprints(catalog) as prints:
            self.stale = {name: set(evidence.stale(prints, found)) for name, found in self.measured.items()}
            self.curves = rerun.curves(catalog, prints)
            self.defended = defense_evidence.find_all(catalog)
            scored = [record_evidence.read(path) for path in record_evidence.files(catalog)]
            self.stale_records = {one.target for one in scored if record_evidence.stale(prints, one)}
            self.stale |= {name: set(defense_evidence.stale(prints, found)) for name, found in self.defended.items()}
        self.strengths = {name: strengths.of(found, self.stale[name]) for name, found in self.measured.items()}
        self.kind_of = {
            **{name: kind for kind, entries in catalog.kinds.items() for name in entries},
            **dict.fromkeys(catalog.terms, "terms"),
            **dict.fromkeys(self.works, "references"),
        }
        self.pages: dict[str, str] = {}
        self.jinja = Environment(
            loader=FileSystemLoader(HERE / "pages"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        self.jinja.filters.update(
            heading=lambda text: Markup(written.title_in_markdown(text)),
            # The theme writes the title of a page into its header as it is.
            shown=lambda text: escape(text, quote=False),
            rate=written.rate,
            count_of=written.count_of,
            detail=written.detail,
            interval=written.interval,
            number=performance.number,
            prose=written.prose,
            described=performance.described,
        )
        self.jinja.globals.update(
            catalog=catalog,
            atlas=self.atlas,
            edition=self.edition,
            clauses_of=lambda entry: clauses.of(catalog, entry),
            frameworks=clauses.FRAMEWORKS,
            works=self.works,
            measured=self.measured,
            measured_orderings=self.ordered(),
            confirmation=figures.confirmation,
            audited=audited,
            below_naive=below_naive,
            largest_auc=largest_auc,
            curves=self.curves,
            stale=self.stale,
            strongest=frontier.strongest(self.measured, self.stale),
            bar=lambda one: Markup(picture.bar(one.auc.mean, one.auc.ci)),
            citation=references.citation,
            citation_short=self.short,
        )

    # -- writing -----------------------------------------------------------------------------------------------------

    def write(self, path: str, content: str) -> None:
        """Write one file of the site."""
        place = self.out / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content.rstrip() + "\n", encoding="utf-8")

    def page(self, path: str, template: str, **values: Any) -> None:
        """Render a template into a page; links in it are relative to where the page lies."""
        home = "../" * path.count("/")
        text = self.jinja.get_template(template).render(home=home, link=self.linker(home), path=path, **values)
        # On every page, and in no answer of the search.
        changes = f'<a href="{home}changes.html">What changed</a>'
        text = f'{text.rstrip()}\n\n<p class="edition" data-search-exclude>{escape(str(self.edition))}. {changes}</p>\n'
        self.pages[path] = text
        self.write(path, text)

    def short(self, key: str) -> str:
        """Return a work as author and year, as a text cites it."""
        work = self.works[key]
        people = work.persons.get("author", [])
        name = references.plain(" ".join(people[0].last_names)) if people else key
        return f"{name}{' et al.' if len(people) > 1 else ''} {work.fields.get('year', '')}".strip()

    def linker(self, home: str) -> Any:
        """Return a function that links an entry, term or work by its name."""

        def link(name: str, text: str | None = None) -> Markup:
            kind = self.kind_of.get(name)
            shown = text or name
            if kind is None:
                return Markup(f"<code>{escape(shown)}</code>")
            page = f"{kind}/{name}.html" if kind in (*KINDS, "terms", "references") else f"{kind}.html#{name}"
            body = escape(shown) if text else f"<code>{escape(shown)}</code>"
            titled = f' class="term" title="{escape(self.catalog.terms[name].title)}"' if kind == "terms" and not text else ""
            return Markup(f'<a{titled} href="{escape(home + page)}">{body}</a>')

        return link

    # -- pages -------------------------------------------------------------------------------------------------------

    def all(self) -> None:
        """Write every page."""
        self.entries()
        overviews.write(self)
        learning.write(self)
        self.explorer()
        self.programs()
        self.write("catalog.json", json.dumps(self.as_json(), indent=1, sort_keys=True, ensure_ascii=False))

    def entries(self) -> None:
        """Write a page for each attack, step, defense, target, threat model, term and work, and a list of each kind."""
        for attack in self.attacks:
            self.page(f"attacks/{attack.id}.md", "attack.md.j2", **self.of_attack(attack))
        for kind, template in (
            ("steps", "step"),
            ("defenses", "defense"),
            ("targets", "target"),
            ("threat-models", "threat_model"),
        ):
            for name, entry in sorted(self.catalog.kinds[kind].items()):
                self.page(f"{kind}/{name}.md", f"{template}.md.j2", entry=entry, **self.around(kind, name))
        for term in self.catalog.terms.values():
            self.page(f"terms/{term.id}.md", "term.md.j2", term=term, **self.of_term(term.id))
        for key, work in sorted(self.works.items()):
            cited = sorted(n for kind in self.catalog.kinds.values() for n, e in kind.items() if key in e.cites)
            bibtex = references.bibtex(self.works, {key})
            self.page(f"references/{key}.md", "reference.md.j2", key=key, work=work, cited=cited, bibtex=bibtex)
        for kind in (*KINDS, "terms", "references"):
            self.page(f"{kind}/index.md", f"{kind.replace('-', '_')}_index.md.j2")

    def of_attack(self, attack: Attack) -> dict[str, Any]:
        """Return what an attack's page shows beside its entry."""
        setting = survey.published_setting(attack) or next(iter(attack.published), None)
        found: dict[str, Any] = {"attack": attack, "setting": setting, "derivation": None, "drawn": "", "cuts": []}
        if setting:
            threat = ThreatModel.of(setting)
            answer = self.atlas.answer(attack, threat)
            if isinstance(answer, Feasible):
                title = f"Derivation of {attack.title} from its published setting {setting.name}"
                found["derivation"] = answer.derivation
                found["drawn"] = Markup(picture.derivation(answer.derivation.rules, title, self.names()))
            found["cuts"] = withdrawals.stops(self.atlas, attack, threat)
        measured = self.measured.get(attack.id)
        curves = [(m.target, m.roc) for m in measured.targets if m.roc] if measured else []
        return {
            **found,
            "columns": survey.COLUMNS,
            "printed": survey.cells(ThreatModel.of(attack.surveyed)) if attack.surveyed else None,
            "original": survey.cells(ThreatModel.of(setting)) if setting else None,
            "differing": survey.differences(attack),
            "near": self.near(attack),
            "defended": matrix.against(self.defended, attack.id),
            "extensions": survey.extensions(setting.knows) if setting else [],
            "defenses": [
                (defense, effect, works)
                for defense in sorted(self.catalog.defenses.values(), key=lambda d: d.id)
                for works, effects in ((True, defense.mitigates), (False, defense.fails_against))
                for effect in effects
                if effect.attack == attack.id
            ],
            "source": reference.source_of(attack.run) if attack.run else None,
            "roc": Markup(picture.roc(curves, f"ROC of {attack.title}, mean over seeds")) if curves else "",
            "evidence": measured,
            "provenance": figures.provenance(measured) if measured else [],
            "old": self.stale.get(attack.id, set()),
            "compared": evidence.orderings_of(self.catalog, attack.id),
            "bibtex": references.bibtex(self.works, set(attack.cites)),
            "about": [
                (name, kinds)
                for name, aspect in (("Where records went in", "stage"), ("What a candidate is", "granularity"))
                if (kinds := facets(self.catalog, attack, aspect))
            ],
            "errata": sorted(e.id for e in self.catalog.kinds["errata"].values() if attack.id in e.attacks),
        }

    def near(self, attack: Attack, most: int = 8) -> list[Attack]:
        """Return the first other attacks whose code stands in the same file, which is one mechanism."""
        file = (attack.run or "").split(":")[0]
        return [a for a in self.attacks if file and a is not attack and (a.run or "").split(":")[0] == file][:most]

    def names(self) -> dict[str, str]:
        """Return what terms and attacks are called in words."""
        return {term.id: term.title for term in self.catalog.terms.values()} | {a.id: a.title for a in self.attacks}

    def around(self, kind: str, name: str) -> dict[str, Any]:
        """Return what stands around an entry: who uses it."""
        if kind == "targets":
            return {
                "results": self.by_target.results(name),
                "drawn": self.by_target.drawn(name),
                "facts": self.by_target.facts(name),
                "blind": self.by_target.blind(name),
            }
        if kind == "threat-models":
            answers = self.atlas.answers(explorer.threat_model(self.catalog, name))
            feasible = {a.attack.id: a for a in answers if isinstance(a, Feasible)}
            order, shown = strengths.ranked(feasible, self.strengths)
            return {"feasible": [feasible[attack] for attack in order], "shown": shown}
        if kind in ("steps", "defenses"):
            entry = self.catalog.kinds[kind][name]
            found = {"source": reference.source_of(entry.run) if entry.run else None}
            return found if kind == "steps" else {**found, "evidence": self.defended.get(name)}
        return {}

    def ordered(self) -> dict[str, list[figures.Ordered]]:
        """Return what was measured of each ordering."""
        found: dict[str, list[figures.Ordered]] = {}
        for one in evidence.find_orderings(self.catalog):
            found.setdefault(one.ordering, []).append(one)
        return found

    def of_term(self, name: str) -> dict[str, Any]:
        """Return where a term stands in the graph."""
        rules = self.atlas.resolver.graph.rules
        return {
            "yielded": [r for r in rules if r.yields == name],
            "needed": [r for r in rules if name in r.needs],
            "offered": sorted(t.id for t in self.catalog.targets.values() if name in t.offers),
        }

    def explorer(self) -> None:
        """Write the explorer, its data, and the table that stands in for it where there is no JavaScript."""
        data = json.dumps(explorer.data(self.catalog), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        self.write("assets/explorer-data.js", f"const MIA_ATLAS = {data};")
        models = {}
        for name in sorted(self.catalog.threat_models):
            answers = self.atlas.answers(explorer.threat_model(self.catalog, name))
            models[name] = [a.attack for a in answers if isinstance(a, Feasible)]
        self.page("explorer.md", "explorer.md.j2", models=models)

    def programs(self) -> None:
        """Write the reference of the command line and of the code."""
        commands = reference.commands()
        shown = {c.name: outputs.of(outputs.RUN[c.name]) for c in commands}
        self.page("cli.md", "cli.md.j2", commands=commands, outputs=shown)
        modules = reference.modules()
        by_name = {module.name: module for module in modules}
        self.page("api/index.md", "api_index.md.j2", modules=modules, tasks=tasks.TASKS, by_name=by_name)
        for module in modules:
            self.page(f"api/{module.name}.md", "api.md.j2", module=module)

    def as_json(self) -> dict[str, Any]:
        """Return the whole catalog as plain data."""
        dumped = {
            kind: [entry.model_dump(mode="json", by_alias=True, exclude_defaults=True) for _, entry in sorted(entries.items())]
            for kind, entries in self.catalog.kinds.items()
        }
        terms = [t.model_dump(mode="json", exclude_defaults=True) for t in self.catalog.terms.values()]
        version = self.edition.model_dump(mode="json", exclude={"schema_"})
        return {**dumped, "edition": version, "terms": terms, "graph": self.atlas.resolver.graph.export(self.catalog)}


def render(out: Path, extra: Iterable[Path] = ()) -> Site:
    """Write all pages of the installed catalogs, and of the folders in `extra`, into a folder made anew."""
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(HERE / "assets", out / "assets")
    site = Site(load(list(extra)), out)
    site.all()
    return site


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "docs"
    print(f"{len(render(folder, map(Path, sys.argv[2:])).pages)} pages written to {folder}")
