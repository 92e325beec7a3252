"""Validates a catalog without importing or running any attack: `mia check`. One small function a kind of finding."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from taxonomy import all_evidence, artifact_forms, code_checks, defense_checks, factor_checks, ordering_checks, source
from taxonomy.catalog import Catalog, installed_sources
from taxonomy.entries import Attack, Defense, Step
from taxonomy.findings import Finding, nearest, some
from taxonomy.graph import Graph, goal
from taxonomy.knowledge import DataSet
from taxonomy.loading import for_checks
from taxonomy.named_code import named
from taxonomy.nearness import meant
from taxonomy.references import FILE, keys, problems
from taxonomy.resolver import Resolver
from taxonomy.survey import differences, published_setting
from taxonomy.terms import FACETS, FRAMES, MODEL_TYPES
from taxonomy.threat import ThreatModel, contradictions, with_facets

CANDIDATES = "records"
# The packages of this program, whose functions are followed one by one (tests/taxonomy/test_source.py holds them to what can be).
OWN = ("attacks", "taxonomy")


def check(extra: Sequence[Path] = (), code: Sequence[Path] = ()) -> tuple[Catalog, list[Finding]]:
    """Return the catalog of the installed packages and the folders `extra`, and everything that is wrong with it.

    Code is looked for in the installed packages and in the folders `code`. It is read as text and never run.
    """
    sources = installed_sources()
    catalog, findings = for_checks([*(source.folder for source in sources), *extra])
    if not any(finding.severity == "error" for finding in findings):
        resolver = Resolver(Graph.of(catalog))
        packages = source.trusted_packages(code)
        packages |= {s.package: package(s.package) for s in sources if s.package}
        for check_one in (_rules, _references, _settings, _survey, _unreachable, _replacements):
            findings.extend(some(check_one(catalog, resolver)))
        findings.extend(some(_threat_models(catalog)))
        of_code = (
            _code(catalog, packages),
            defense_checks.defenses(catalog, packages),
            _ranges(catalog),
            artifact_forms.check(catalog, packages),
        )
        of_factors = factor_checks.factors(catalog, lambda document, *more: code_checks.function(document, packages, *more))
        knowledge = (ordering_checks.orderings(catalog), of_factors, factor_checks.statements(catalog))
        for found in (*of_code, _targets(catalog), *knowledge, _least(catalog)):
            findings.extend(some(found))
        findings.extend(all_evidence.check(catalog, [*packages.values(), package("taxonomy")]))
    return catalog, sorted(findings, key=lambda f: (f.file, f.line, f.column, f.code))


def package(name: str) -> source.Package:
    """Return the source of an installed package; its top level must be importable by name, nothing is imported."""
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.submodule_search_locations
    folder = Path(next(iter(spec.submodule_search_locations)))
    return source.Package(name, folder, None if name in OWN else folder)


def handles(catalog: Catalog, needs: Iterable[str]) -> list[str]:
    """Return the positional arguments of the function behind these needs: candidates first, then one a handle."""
    found = (catalog.terms[term].handle for term in needs)
    return [CANDIDATES, *(handle for handle in found if handle)]


def _rules(catalog: Catalog, resolver: Resolver) -> Iterator[Finding]:
    """Rules need and yield only what they may; an attack states the model type that its terms belong to."""
    for entry in catalog.acts:
        document = catalog.documents[entry.id]
        for i, name in enumerate(entry.needs):
            term = catalog.terms[name]
            bare = term.reading and not resolver.graph.yielded_by[resolver.graph.index[name]]
            if term.aspect == "observation" or name == "stand-alone" or bare:
                why = "it is a bare symbol; name a refinement" if bare else "gaining a capability must never hurt"
                yield document.finding("MIA023", f"no rule may need {name}: {why}", ("needs", i))
        stated = [name for name in entry.needs if catalog.terms[name].aspect == "model-type"]
        for i, name in enumerate(entry.needs):
            models = catalog.terms[name].models
            if models is not None and len(models) == 1 and models[0] not in stated:
                yield document.finding("MIA025", f"{name} belongs to {models[0]} models; add {models[0]}", ("needs", i))
        if isinstance(entry, Step) and catalog.terms[entry.yields].aspect != "artifact":
            yield document.finding("MIA023", f"a step yields an artifact, and {entry.yields} is none", ("yields",))
        if isinstance(entry, Attack):
            for name in entry.uses:
                if catalog.terms[name].aspect != "artifact" or name not in entry.needs:
                    message = f"{name} is no artifact that the attack needs"
                    yield document.finding("MIA023", message, ("uses", name), key=True)
            if entry.goal != "membership" and entry.answers is None:
                message = f"an attack whose goal is {entry.goal} says in `answers` what it answers, and how it is judged"
                yield document.finding("MIA007", message)


def _replacements(catalog: Catalog, resolver: Resolver) -> Iterator[Finding]:
    """What a defense leaves in the place of a grant is poorer: all that it gives, the grant gives, and not the other way round.

    What only makes weaker attacks is not the grant itself, whatever can be computed from it.
    """
    exact = Resolver(Graph((rule for rule in resolver.graph.rules if not rule.weaker), catalog.terms))
    for defense in catalog.defenses.values():
        for name, left in defense.replaces.items():
            alike = catalog.terms[name].aspect == catalog.terms[left].aspect
            more = resolver.closure([left]) - {left} - resolver.closure([name])
            if more or not alike or name in exact.closure([left]):
                message = f"{left} is not poorer than {name}: all that it gives must follow from it, and not the other way round"
                yield catalog.documents[defense.id].finding("MIA023", message, ("replaces", name))


def _least(catalog: Catalog) -> Iterator[Finding]:
    """The least amounts that an attack states are of parameters that it, or a step on its way, has."""
    for attack in catalog.attacks.values():
        document = catalog.documents[attack.id]
        for name, amounts in attack.least.items():
            steps = [s for s in catalog.steps.values() if s.yields == name or s.yields.startswith(name + ".")]
            params: set[str] = set(attack.params if name == attack.id else ()).union(*(step.params for step in steps))
            if name != attack.id and not any(need == name or need.startswith(name + ".") for need in attack.needs):
                message = f"{name} is neither the attack itself nor an artifact that it needs"
                yield document.finding("MIA023", message, ("least", name), key=True)
            for parameter in sorted(amounts.keys() - params) if params else ():
                message = f"{name} has no parameter {parameter!r}"
                yield document.finding("MIA013", message, ("least", name, parameter), nearest(parameter, params), key=True)


def _targets(catalog: Catalog) -> Iterator[Finding]:
    """An attack that runs is tested: on targets where it works, or is measured without a claim; membership also on a control."""
    for attack in catalog.attacks.values():
        document, targets = catalog.documents[attack.id], attack.targets
        if attack.run is None:
            continue
        if not targets.power and not targets.others:
            hint = "`power` lists targets where it works, `others` those where no claim is made that it does"
            yield document.finding("MIA032", "no target is named on which the attack is tested", ("targets",), hint)
        if attack.goal == "membership" and targets.null is None:
            message = "no control is named, on which an attack on membership must be at chance"
            yield document.finding("MIA032", message, ("targets",), "name one as `null`")
        if targets.null and not catalog.targets[targets.null].control:
            yield document.finding("MIA032", f"{targets.null} is no control", ("targets", "null"))


def _references(catalog: Catalog, resolver: Resolver) -> Iterator[Finding]:
    """Every cited work stands in references.bib."""
    if unread := problems(catalog.folders):
        yield from unread
        return
    known = keys(catalog)
    for name, document in catalog.documents.items():
        if name.startswith("taxonomy:"):
            continue
        entry = catalog.entry(name)
        place = _term_place(catalog, name) if name in catalog.terms else ()
        cited = [((*place, "cites", i), work) for i, work in enumerate(entry.cites)]
        if isinstance(entry, Attack):
            cited += [(("reported", i, "by"), claim.by) for i, claim in enumerate(entry.reported) if claim.by]
        if isinstance(entry, DataSet):
            cited += [(("used_by", i), work) for i, work in enumerate(entry.used_by)]
        if isinstance(entry, Defense):
            for key in ("mitigates", "fails_against"):
                for i, effect in enumerate(getattr(entry, key)):
                    cited += [((key, i, "cites", j), work) for j, work in enumerate(effect.cites)]
        for place, work in cited:
            if work not in known:
                near = meant(work, known)
                hint = f"did you mean {near}?" if near else f"add it to {FILE} in the folder of its catalog"
                yield document.finding("MIA014", f"unknown work {work!r}", place, hint)


def _term_place(catalog: Catalog, name: str) -> tuple[str | int, ...]:
    terms = catalog.documents[name].data["terms"]
    return ("terms", next(i for i, term in enumerate(terms) if term["id"] == name))


def _settings(catalog: Catalog, resolver: Resolver) -> Iterator[Finding]:
    """Every attack is feasible under each of its own published settings, which state nothing idle or contradictory."""
    artifacts = {term.id for term in catalog.terms.values() if term.aspect == "artifact"}
    for attack in catalog.attacks.values():
        document = catalog.documents[attack.id]
        for i, setting in enumerate(attack.published):
            threat = with_facets(catalog, ThreatModel.of(setting))
            for reason in contradictions(catalog, threat):
                yield document.finding("MIA024", f"the setting {setting.name!r} is {reason}", ("published", i))
            if setting.source == "read" and not setting.where:
                yield document.finding("MIA007", "`where` is required for a setting that was read", ("published", i))
            closure = resolver.closure(threat.grants)
            if goal(attack.id) not in closure:
                missing = _granting_least(
                    resolver, threat, resolver.missing(goal(attack.id), threat.grants, catalog.grantable).sets
                )
                hint = "missing: " + " or ".join(" + ".join(s) for s in missing[:3]) if missing else ""
                yield document.finding("MIA018", f"infeasible under {setting.name!r}", ("published", i, "knows"), hint)
                continue
            for j, name in enumerate(setting.knows):
                if catalog.terms[name].aspect == "role":
                    continue
                rest = resolver.closure(term for term in threat.grants if term != name)
                if name not in rest and goal(attack.id) in rest and closure & artifacts == rest & artifacts:
                    message = f"{name} is not used by the method under {setting.name!r}"
                    yield document.finding("MIA019", message, ("published", i, "knows", j))


def _granting_least(resolver: Resolver, threat: ThreatModel, sets: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the sets of missing terms from which least follows: a poorer answer adds itself to all that follows from it."""
    closures = [resolver.closure_mask({*threat.grants, *terms}) for terms in sets]
    return [
        terms
        for terms, mine in zip(sets, closures, strict=True)
        if not any(other != mine and other & mine == other for other in closures)
    ]


def _threat_models(catalog: Catalog) -> Iterator[Finding]:
    """A ready threat model says of the records and the model what can be said of them, and does not contradict itself."""
    for entry in catalog.threat_models.values():
        document = catalog.documents[entry.id]
        wrong = False
        for key in ("answers", "records", "stage", "granularity"):
            for i, name in enumerate(getattr(entry, key)):
                if catalog.terms[name].aspect != key:
                    valid = [term.id for term in catalog.terms.values() if term.aspect == key]
                    yield document.finding("MIA024", f"{name} is no value of `{key}`", (key, i), nearest(name, valid))
                    wrong = True
        if not wrong:
            for reason in contradictions(catalog, with_facets(catalog, ThreatModel.of(entry))):
                yield document.finding("MIA024", f"the threat model contradicts itself: {reason}")


def _survey(catalog: Catalog, resolver: Resolver) -> Iterator[Finding]:
    """The projection of the named setting equals the survey's row, or `differs` says why."""
    for attack in catalog.attacks.values():
        document, different = catalog.documents[attack.id], differences(attack)
        if different and not attack.differs:
            setting = published_setting(attack)
            assert setting is not None
            message = f"the row differs from {setting.name!r} in {', '.join(different)}; say why in `differs`"
            yield document.finding("MIA020", message, ("surveyed",), key=True)
        if attack.differs and not different:
            yield document.finding("MIA027", "nothing differs from the survey's row", ("differs",), key=True)


def _unreachable(catalog: Catalog, resolver: Resolver) -> Iterator[Finding]:
    """Every step can be reached by some adversary, and every artifact is yielded by some rule."""
    everything = set[str]()
    for model in MODEL_TYPES:
        for frame in FRAMES:
            grants = [name for name in catalog.grantable if catalog.terms[name].applies(model, frame)]
            facets = [term.id for term in catalog.terms.values() if term.aspect in FACETS and term.applies(model, frame)]
            closure = resolver.closure([*grants, model, frame, *facets])
            everything |= {step.id for step in catalog.steps.values() if closure.issuperset(step.needs)}
    for step in catalog.steps.values():
        if step.id not in everything:
            yield catalog.documents[step.id].finding("MIA021", "no adversary has all that the step needs", ("needs",))
    yielded = {rule.yields for rule in resolver.graph.rules}
    for term in catalog.terms.values():
        if term.aspect == "artifact" and term.id not in yielded:
            place = (*_term_place(catalog, term.id), "id")
            yield catalog.documents[term.id].finding("MIA022", f"nothing yields {term.id}", place)


def _code(catalog: Catalog, packages: dict[str, source.Package]) -> Iterator[Finding]:
    """Every `run` and `view` path names a function whose arguments are the handles of its needs and its params."""
    for name, document in catalog.documents.items():
        if not name.startswith("taxonomy:"):
            continue
        for i, implication in enumerate(document.data.get("implications", [])):
            if implication.get("view"):
                needs = [h for h in handles(catalog, implication["needs"]) if h != CANDIDATES]
                place = ("implications", i, "view")
                yield from code_checks.function(document, packages, implication["view"], needs, None, place)
    for entry in catalog.acts:
        if entry.run:
            needs = handles(catalog, entry.needs)
            document = catalog.documents[entry.id]
            yield from code_checks.function(document, packages, entry.run, needs, set(entry.params), ("run",))
        yield from _costs(catalog, entry)
    for target in catalog.targets.values():
        if target.run:
            document = catalog.documents[target.id]
            yield from code_checks.function(document, packages, target.run, None, set(target.params), ("run",))
        for name, path in named(target.params).items():
            yield from code_checks.function(catalog.documents[target.id], packages, path, None, None, ("params", name))


def _ranges(catalog: Catalog) -> Iterator[Finding]:
    """Ranges are of an entry's parameters, and hold their defaults."""
    for entry in catalog.acts:
        yield from code_checks.ranges(catalog.documents[entry.id], entry)


def _costs(catalog: Catalog, entry: Attack | Step) -> Iterator[Finding]:
    for what in ("models", "trainings", "queries", "queries_per_record"):
        value = getattr(entry.cost, what, 0)
        if isinstance(value, str) and value not in entry.params:
            hint = nearest(value, entry.params)
            yield catalog.documents[entry.id].finding("MIA026", f"no parameter {value!r}", ("cost", what), hint)
