"""How tests compare the browser's answers with the resolver's."""

from __future__ import annotations

import json
from typing import Any

from taxonomy.answers import Atlas, Feasible, Infeasible
from taxonomy.threat import ThreatModel
from taxonomy.withdrawals import harden


def expected(atlas: Atlas, threat: ThreatModel) -> Any:
    """Return all answers and cuts as plain data."""
    answers: list[list[Any]] = []
    for answer in atlas.answers(threat):
        if isinstance(answer, Feasible):
            price, cheapest = answer.derivation.price, answer.derivation.cheapest
            rules = [rule.id for rule in answer.derivation.rules]
            prices = [price.models, price.queries, price.queries_per_record, price.rows, price.home, price.home_per_record]
            reduced = [[r.rule, r.parameter, r.wanted, r.used] for r in answer.reduced]
            answers.append([answer.attack.id, "feasible", rules, prices, cheapest, reduced, answer.records])
        elif isinstance(answer, Infeasible):
            fits = [[fit.observation, fit.contradictions] for fit in answer.fits]
            least = atlas.least(answer.missing, threat)
            limits = [answer.would_do, answer.beyond]
            answers.append([answer.attack.id, "infeasible", answer.missing.sets, fits, answer.missing.truncated, least, *limits])
        else:
            answers.append([answer.attack.id, "inapplicable", answer.because])
    cuts, truncated = harden(atlas, threat)
    listed = [[cut.moves, cut.removes, cut.remaining, cut.defenses, cut.by_owner] for cut in cuts]
    return json.loads(json.dumps([answers, listed, truncated]))


IN_THE_BROWSER = """([threat, data]) => {
  const atlas = data ? new Resolver.Atlas(data) : (window.atlasOfTests ||= new Resolver.Atlas(MIA_ATLAS));
  const answers = atlas.answers(threat).map((a) =>
    a.kind === "feasible" ? [a.id, a.kind, a.rules.map((r) => r.id), a.price, a.cheapest, a.reduced, a.records]
    : a.kind === "infeasible" ?
      [a.id, a.kind, a.sets, a.fits.map((f) => [f.observation, f.contradicts]), a.truncated, atlas.least(a.sets, threat),
       a.wouldDo, a.beyond]
    : [a.id, a.kind, a.because]);
  const { cuts, truncated } = atlas.harden(threat);
  return [answers, cuts.map((c) => [c.moves, c.removes, c.remaining, c.defenses, c.byOwner]), truncated];
}"""


def agree(page: Any, atlas: Atlas, threats: list[ThreatModel], data: Any = None) -> list[Any]:
    """Hold the browser to the resolver's answers on a catalog's data (the page's own if none is given); return the answers."""
    found = []
    for threat in threats:
        stated = threat.as_json()
        found.append(expected(atlas, threat))
        assert page.evaluate(IN_THE_BROWSER, [stated, data]) == found[-1], stated
    return found
