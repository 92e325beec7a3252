"""Random threat models in which limits, and not only grants, decide what is feasible."""

from __future__ import annotations

import random
from dataclasses import replace

from taxonomy.entries import Attack, Limits
from taxonomy.threat import ThreatModel

TIGHT = {"models": [0, 1, 2, 5, 9, 10, 16], "queries": [0, 1, 8, 300, 1001, 5000, 60_001], "rows": [0, 100, 20_000, 100_000]}


# What attacks are often short of, so that limits and not grants decide.
COMMON = {
    "discriminative": [
        "Q.scores", "Q.labels", "record.label", "D1.samples", "D2.members", "D1.shifted", "M1.parameters", "M2", "M3", "M4",
        "D1.size", "Q.updates", "record.partial",
    ],
    "generative": ["Q.samples", "Q.latent", "Q.likelihood", "M1.generator", "M2", "D1.samples", "D2.members", "record.format"],
    "aggregate": ["Q.aggregates", "D1.samples", "D1.size"],
}  # fmt: skip


def limited_threat(catalog, seed) -> ThreatModel:
    choose = random.Random(seed)
    model, frame = choose.choice(
        [("discriminative", "stand-alone")] * 4 + [("generative", "stand-alone")] * 2
        + [("aggregate", "stand-alone"), ("discriminative", "federated")]
    )  # fmt: skip
    terms = [n for n in catalog.grantable if catalog.terms[n].applies(model, frame)]
    common = COMMON[model]
    knows = {*choose.sample(common, choose.randint(1, len(common))), *choose.sample(terms, 2)}
    limits = {name: choose.choice(values) for name, values in TIGHT.items() if choose.random() < 0.6}
    return ThreatModel("white-box", model, frame, frozenset(knows), Limits.model_validate(limits))


def about_another_model(catalog, threat, seed) -> ThreatModel:
    """Return a threat model that says at random what the model answers, what is asked about, and whether there are gradients."""
    choose = random.Random(seed)

    def some(aspect: str, most: int) -> frozenset[str]:
        fitting = [t.id for t in catalog.terms.values() if t.aspect == aspect and t.applies(threat.model, threat.frame)]
        return frozenset(choose.sample(fitting, choose.randint(0, min(most, len(fitting)))))

    stated = some("answers", 2), some("records", 2), choose.random() < 0.7
    asked = some("stage", 2), some("granularity", 2), choose.random() < 0.4
    threat = replace(threat, stage=asked[0], granularity=asked[1], recorded=asked[2])
    return replace(threat, answers=stated[0], records=stated[1], differentiable=stated[2])


def shrinkable(catalog, seed) -> list[Attack]:
    """Return the catalog's attacks, some of which say that their amounts can be smaller."""
    choose = random.Random(seed)
    found = []
    for attack in catalog.attacks.values():
        least = {
            name: {"count": choose.randint(1, 12)} for name in attack.needs if "shadow-models" in name or name == "sample-pool"
        }
        if isinstance(many := attack.params.get("queries"), int):
            least[attack.id] = {"queries": choose.randint(1, many)}
        found.append(attack.model_copy(update={"least": least}) if least and choose.random() < 0.5 else attack)
    return found
