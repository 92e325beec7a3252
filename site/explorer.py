"""What the explorer needs of the catalog, as plain data: terms, rules with prices, attacks, ready threat models."""

from __future__ import annotations

from typing import Any

from taxonomy.answers import Atlas
from taxonomy.catalog import Catalog
from taxonomy.graph import Price
from taxonomy.terms import ANSWERS, ANSWERS_OF_TEXT
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
                "grantable": term.grantable,
            }
            for term in catalog.terms.values()
        ],
        "rules": [
            {**rule.as_json(), "id": rule.id, "price": _price(rule.price), "weaker": rule.weaker}
            for rule in atlas.resolver.graph.rules
        ],
        "usual_answers": ANSWERS,
        "usual_answers_of_text": ANSWERS_OF_TEXT,
        "attacks": [_attack(atlas, name) for name in sorted(catalog.attacks)],
        "threat_models": [
            {"id": name, "title": ready.title, "summary": ready.summary, **_stated(threat_model(catalog, name))}
            for name, ready in sorted(catalog.threat_models.items())
        ],
    }


def threat_model(catalog: Catalog, name: str) -> ThreatModel:
    """Return a ready threat model after reading, as a user gets it who names it."""
    ready = catalog.threat_models[name]
    return from_user(
        catalog,
        observation=ready.observation,
        model=ready.model,
        frame=ready.frame,
        knows=ready.knows,
        answers=ready.answers,
        records=ready.records,
        differentiable=ready.differentiable,
    )


def _attack(atlas: Atlas, name: str) -> dict[str, Any]:
    """Return an attack; `prices` are those of the steps that it wants in another amount than their own."""
    attack = atlas.catalog.attacks[name]
    pricing = atlas.pricing(attack)
    prices = {rule.id: _price(pricing(rule)) for rule in atlas.resolver.graph.rules if pricing(rule) != rule.price}
    return {
        "id": name,
        "title": attack.title,
        "goal": attack.goal,
        "runs": attack.run is not None,
        "needs": attack.needs,
        **({"prices": prices} if prices else {}),
    }


def _price(price: Price) -> list[int]:
    return [price.models, price.queries, price.queries_per_record]


def _stated(threat: ThreatModel) -> dict[str, Any]:
    return {
        "observation": threat.observation,
        "model": threat.model,
        "frame": threat.frame,
        "knows": sorted(threat.knows),
        "answers": sorted(threat.answers),
        "records": sorted(threat.records),
        "differentiable": threat.differentiable,
    }
