"""The pages about the whole: overviews, tables, what was measured, and how to use it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import adversary
import audits
import beyond
import frontier
import gaps
import home
import matrix
import others
import performance
import picture
import reference
import rerun
import side_by_side
import survey_table
import vocabularies
from markupsafe import Markup

from taxonomy import coverage, handles, tables
from taxonomy.exports import atlas

if TYPE_CHECKING:
    from render import Site

HERE = Path(__file__).parent
ROOT = HERE.parent


def write(site: Site) -> None:
    """Write the pages about the whole."""
    catalog = site.catalog
    cells = coverage.gaps(site.atlas)
    found = home.found(catalog, site.measured, site.stale)
    site.page("index.md", "index.md.j2", attacks=site.attacks, found=found)
    adversary.write(site)
    site.page("table-1.md", "table_1.md.j2", symbols=[t for t in catalog.terms.values() if t.symbol])
    site.page("table-2.md", "table_2.md.j2", rows=survey_table.rows(catalog), legend=survey_table.legend(catalog))
    site.page("differences.md", "differences.md.j2", rows=tables.differing(catalog))
    site.page("vocabularies.md", "vocabularies.md.j2", **vocabularies.shown(catalog))
    drawn_map = Markup(picture.coverage(cells, "Coverage of the taxonomy by papers"))
    site.page("map.md", "map.md.j2", cells=cells, drawn=drawn_map, sentences=gaps.sentences(cells))
    site.page("results.md", "results.md.j2", by_target=site.by_target)
    site.page("matrix.md", "matrix.md.j2", **matrix.shown(catalog, site.defended))
    site.page("frontier.md", "frontier.md.j2", **frontier.shown(catalog, site.measured.values(), site.stale))
    rows, machines = performance.results()
    site.page("performance.md", "performance.md.j2", groups=performance.grouped(rows), machines=machines)
    missing = beyond.missing(rows)
    laws = None if missing else beyond.Laws.of(rows, machines)
    site.page(
        "beyond-this-machine.md",
        "beyond_this_machine.md.j2",
        b=beyond,
        laws=laws,
        missing=missing,
        rows=rows,
        machines=machines,
    )
    beside = side_by_side
    site.page(
        "side-by-side.md",
        "side_by_side.md.j2",
        table=beside.measured(),
        works=beside.WORKS,
        tools=beside.TOOLS,
        rows=beside.rows,
        verdicts=beside.verdicts,
    )
    for kind in (
        "errata",
        "glossary",
        "factors",
        "directions",
        "milestones",
        "elements",
        "datasets",
        "perturbations",
    ):
        entries = sorted(catalog.kinds[kind].values(), key=lambda e: (getattr(e, "year", 0), e.id))
        site.page(f"{kind}.md", f"{kind}.md.j2", entries=entries)
    claims = sorted(catalog.kinds["orderings"].values(), key=lambda e: e.id)
    site.page("orderings.md", "orderings.md.j2", entries=claims, verdicts=rerun.orderings(catalog, site.ordered()))
    site.page("statements.md", "statements.md.j2", **rerun.statements(catalog))
    site.page("clauses.md", "clauses.md.j2", **others.of_clauses(catalog))
    draft = others.draft(catalog, site.works, site.edition, {name: site.stale[name] for name in site.measured})
    site.write("assets/atlas-contribution.json", draft)
    site.page("atlas-contribution.md", "atlas_contribution.md.j2", text=draft, checks=atlas.CHECKS)
    site.page("changes.md", "changes.md.j2", **others.changes(site.measured, site.stale))
    site.page("defenses-and-attacks.md", "defenses_and_attacks.md.j2", effects=matrix.told(catalog))
    site.page("flower.md", "flower.md.j2", files=_files("flower"))
    drawn_audits = audits.drawn()
    drawn_forest, masks = drawn_audits["people-forest"], audits.masks(catalog)
    site.page("audit.md", "audit.md.j2", kinds=audits.kinds(), codes=audits.codes(), masks=masks, drawn=drawn_forest)
    site.page("audit-examples.md", "audit_examples.md.j2", files=_files("audits"), drawn=drawn_audits, found=audits.found)
    site.page("audit-torch.md", "audit_torch.md.j2", files=_files("audits/torch-digits"), drawn=drawn_audits, found=audits.found)
    site.page("cluster.md", "cluster.md.j2")
    site.page("handles.md", "handles.md.j2", handles=handles.offered(catalog, handles.packages()), type=reference.type_link)
    site.page("add-an-attack.md", "add_an_attack.md.j2", text=Markup((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))


def _files(example: str) -> dict[str, Markup]:
    """Return the texts of an example's files, by their paths within it."""
    folder = HERE / "examples" / example
    return {
        str(path.relative_to(folder)): Markup(path.read_text(encoding="utf-8").rstrip())
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".py", ".toml", ".yaml")
    }
