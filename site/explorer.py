"""What the explorer needs of the catalog, as plain data: terms, rules with prices, attacks, ready threat models."""

from __future__ import annotations

from typing import Any

from taxonomy.answers import Atlas, belongs
from taxonomy.catalog import Catalog
from taxonomy.graph import Price
from taxonomy.prices import Amount, Prices, Where
from taxonomy.terms import ANSWERS, ANSWERS_OF_TEXT, ASSUMED
from taxonomy.threat import ThreatModel, from_user


def data(catalog: Catalog) -> dict[str, Any]:
    """Return the graph and everything that is shown beside it."""
    atlas = Atlas(catalog)
    return {
        "terms": [
            {
                "id": term.id,
                "title": term.title,
                "aspect": term.aspect,
                "definition": term.definition,
                "models": term.models,
                "frames": term.frames,
                "answers": term.answers,
                "about": term.about,
                "grantable": term.grantable,
                "holder": term.holder,
            }
            for term in catalog.terms.values()
        ],
        "rules": [
            {**rule.as_json(), "id": rule.id, "price": _price(rule.price), "weaker": rule.weaker, "unpriced": rule.unpriced}
            for rule in atlas.resolver.graph.rules
        ],
        "assumed": {term: unless for term, unless in ASSUMED.items() if term in catalog.terms},
        "usual_answers": ANSWERS,
        "usual_answers_of_text": ANSWERS_OF_TEXT,
        "attacks": [_attack(atlas, name) for name in sorted(catalog.attacks)],
        "defenses": [
            {"id": name, "title": d.title, "replaces": d.replaces, "withdraws": d.withdraws}
            for name, d in sorted(catalog.defenses.items())
            if d.replaces or d.withdraws
        ],
        "threat_models": [
            {"id": name, "title": ready.title, "summary": ready.summary, **_stated(threat_model(catalog, name))}
            for name, ready in sorted(catalog.threat_models.items())
        ],
    }


def threat_model(catalog: Catalog, name: str) -> ThreatModel:
    """Return a ready threat model after reading, as a user gets it who names it."""
    ready = catalog.threat_models[name]
    limits = ready.limits
    return from_user(
        catalog,
        observation=ready.observation,
        model=ready.model,
        frame=ready.frame,
        knows=ready.knows,
        queries=limits.queries,
        models=limits.models,
        rows=limits.rows,
        guarantee=ready.guarantee,
        answers=ready.answers,
        records=ready.records,
        differentiable=ready.differentiable,
        stage=ready.stage,
        granularity=ready.granularity,
        recorded=ready.recorded,
        prior=ready.prior,
    )


def _attack(atlas: Atlas, name: str) -> dict[str, Any]:
    """Return an attack; `prices` are those of steps that it wants in another amount than their own, `least` what may shrink."""
    attack = atlas.catalog.attacks[name]
    amounts = Prices(atlas.catalog, attack, Where())
    rules = atlas.resolver.graph.rules
    prices = {rule.id: _price(amounts.full(rule)) for rule in rules if amounts.full(rule) != rule.price}
    least = {rule.id: [_amount(one) for one in amounts.amounts(rule)] for rule in rules if amounts.amounts(rule)}
    return {
        "id": name,
        "title": attack.title,
        "goal": attack.goal,
        "runs": attack.run is not None,
        "needs": attack.needs,
        "belongs": belongs(atlas.catalog, attack),
        **({"prices": prices} if prices else {}),
        **({"least": least} if least else {}),
    }


def _amount(amount: Amount) -> dict[str, Any]:
    return {"parameter": amount.parameter, "wanted": amount.wanted, "least": amount.least, "more": _price(amount.one_more)}


def _price(price: Price) -> list[int]:
    return [price.models, price.queries, price.queries_per_record, *([price.closed] if price.closed else [])]


def _stated(threat: ThreatModel) -> dict[str, Any]:
    limits = {name: n for name, n in threat.as_json()["limits"].items() if n is not None}
    return {
        "observation": threat.observation,
        "model": threat.model,
        "frame": threat.frame,
        "knows": sorted(threat.knows),
        "answers": sorted(threat.answers),
        "records": sorted(threat.records),
        "differentiable": threat.differentiable,
        "stage": sorted(threat.stage),
        "granularity": sorted(threat.granularity),
        "recorded": threat.recorded,
        **({"limits": limits} if limits else {}),
    }
