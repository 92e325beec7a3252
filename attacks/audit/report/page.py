"""The page: one file of HTML without outside resources and without scripts, in which all that is not ours is escaped.

The first page is for a person who is no expert; what a reviewer needs stands behind it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from attacks import metrics
from attacks.audit.report import curves, naming, sentences, words
from attacks.audit.report.pictures import Exhibit
from attacks.audit.report.sentences import Counts
from attacks.audit.report.words import Term
from attacks.metrics import Roc, Scores, Truth, rate_interval
from attacks.metrics.band import around
from taxonomy.catalog import Catalog

TEMPLATES = Path(__file__).parent / "templates"
# So many records are named at most: who acts on them reads the rest from scores.npz.
MOST_NAMED = 20
Data = Mapping[str, Any]


@dataclass(frozen=True)
class AttackView:
    """One attack on members as the page shows it; `counts` are by false positive rate, None where one cannot be resolved."""

    result: Data
    summary: str
    references: Sequence[int]
    needs: Sequence[Term]
    curve: Markup
    counts: Mapping[str, Counts | None]
    control: Data | None


@dataclass(frozen=True)
class OtherView:
    """One attack with another goal, or an audit, as the page shows it."""

    result: Data
    summary: str
    references: Sequence[int]
    needs: Sequence[Term]


@dataclass(frozen=True)
class Unlock:
    """What one more thing would make feasible."""

    missing: Sequence[Term]
    attacks: Sequence[str]


@dataclass(frozen=True)
class ThreatView:
    """One threat model as the page shows it: the sentence it comes to, what it is about, what was assumed, and every attack."""

    id: str
    title: str
    headline: Sequence[str]
    about: Sequence[Term]
    assumed: Sequence[Term]
    unlock: Sequence[Unlock]
    attacks: Sequence[AttackView]
    others: Sequence[OtherView]
    picture: str | None
    exposed: Sequence[str]
    not_run: Mapping[str, Sequence[str]]
    failures: Sequence[Data]
    left_out: Sequence[str]


def html(
    audit: dict[str, Any],
    scores: Mapping[str, Scores],
    member: Truth,
    *,
    catalog: Catalog,
    ids: Sequence[str] | None = None,
    drawn: Mapping[str, bytes] | None = None,
    exhibits: Sequence[Exhibit] = (),
) -> str:
    """Return the page of an audit (`runs.as_audit`); `drawn` are the pictures of ROCs by file name."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    references = words.References(catalog)
    builder = _Builder(audit, scores, member, catalog, references, ids, drawn or {})
    threats = [builder.threat(threat) for threat in audit["threat_models"]]
    shown = {term.code: term for view in threats for term in _terms_of(view)}
    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined, loader=FileSystemLoader(TEMPLATES)
    )
    environment.filters["rate"] = lambda value: "–" if value is None else f"{value:.3f}"
    environment.filters["interval"] = lambda pair: "" if pair is None else f"{pair[0]:.3f} to {pair[1]:.3f}"
    environment.filters["percent"] = lambda rate: f"{100 * float(rate):g} %"
    results = [attack.result for view in threats for attack in view.attacks]
    fewest = min((result["non_members"] for result in results), default=None)
    resolved = [rate for rate in metrics.FALSE_POSITIVE_RATES if fewest and rate * fewest >= 1 - 1e-9]
    blind = audit.get("blind_baseline")
    passed = blind is not None and _passed(blind, audit["valid"])
    template = environment.get_template("page.html.j2")
    return template.render(
        audit=audit,
        threats=threats,
        style=Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),  # noqa: S704  (ours)
        blind=sentences.blind(blind, passed) if blind else None,
        passed=passed,
        checks={name: [c for c in audit["checks"] if c["severity"] == name] for name in ("error", "warning", "info")},
        defended=_defended(audit),
        together=sentences.together(audit["ensemble"], int(member.sum())) if audit.get("ensemble") else None,
        failed=sentences.failures(failing) if (failing := sentences.failed(audit)) else None,
        not_said=sentences.not_said(fewest, sum(len(threat["skipped"]) for threat in audit["threat_models"])),
        exposed=(audit.get("ensemble") or {}).get("exposed", [])[:MOST_NAMED],
        most_named=MOST_NAMED,
        alarms=sentences.alarms(audit.get("record_alarms") or {}),
        identified=ids is not None,
        fewest=fewest,
        flattered=[(rate, rate_interval.true_rate(fewest, rate)) for rate in resolved if fewest],
        unbounded=[rate for rate in resolved if fewest and not rate_interval.has_lower_limit(fewest, rate)],
        sets=next((result["set_membership"]["size"] for result in results if result.get("set_membership")), None),
        exhibits=exhibits,
        references=references.listed,
        glossary=words.glossary(catalog),
        terms=sorted(shown.values(), key=lambda term: term.code),
    )


def _passed(blind: Data, valid: bool) -> bool:
    """Return whether the blind baseline found nothing: as it says itself, or as the audit as a whole and its interval say."""
    low, high = blind["auc_ci"]
    return bool(blind.get("exchangeable", valid or low <= 0.5 <= high))


def _defended(audit: Data) -> str | None:
    """Return what is said of a defense: of a mask that an audit simulates, or of one that stands on a target of ours."""
    if audit.get("defense"):
        return sentences.defended(audit["defense"])
    return sentences.put_on(audit["put_on"]) if audit.get("put_on") else None


def _terms_of(view: ThreatView) -> list[Term]:
    needed = [*(attack.needs for attack in view.attacks), *(other.needs for other in view.others)]
    named = [term for terms in (*needed, *(unlock.missing for unlock in view.unlock)) for term in terms]
    return [*view.about, *view.assumed, *named]


@dataclass(frozen=True)
class _Builder:
    """Makes what the page shows from an audit."""

    audit: Data
    scores: Mapping[str, Scores]
    member: Truth
    catalog: Catalog
    references: words.References
    ids: Sequence[str] | None
    drawn: Mapping[str, bytes]

    def threat(self, threat: Data) -> ThreatView:
        results = threat["results"]
        membership = sorted((result for result in results if "auc" in result), key=lambda result: -result["auc"])
        rocs = {r["attack"]: metrics.roc(self.scores[naming.score_of(self.audit, threat, r)], self.member) for r in membership}
        controls = {control["attack"]: control for control in threat["control"]}
        picture = self.drawn.get(naming.picture_of(self.audit, threat))
        others = [result for result in results if "metric" in result]
        stated = words.stated(self.catalog, threat["grants"])
        framing = [code for code in stated if words.frames(self.catalog, code)]
        return ThreatView(
            id=threat["id"],
            title=threat["title"],
            headline=_headline(membership, rocs, others),
            about=words.terms(self.catalog, framing),
            assumed=words.terms(self.catalog, (code for code in stated if code not in framing)),
            unlock=self._unlock(threat["unlock"]),
            attacks=[self._attack(result, rocs[result["attack"]], controls.get(result["attack"])) for result in membership],
            others=[OtherView(result, *self._entry(result["attack"])) for result in others],
            picture=base64.b64encode(picture).decode() if picture else None,
            exposed=self._exposed(threat, membership),
            not_run=_by_reason(threat["skipped"]),
            failures=threat.get("failures", ()),
            left_out=threat.get("left_out", ()),
        )

    def _attack(self, result: Data, curve: Roc, control: Data | None) -> AttackView:
        title = f"ROC of {result['title']}, both axes logarithmic, with the 95 % band; the table holds the figures"
        return AttackView(
            result,
            *self._entry(result["attack"]),
            curve=curves.svg(curve, around(curve), title),
            counts={
                rate: sentences.counts(result, curve, rate) for rate in sorted(result["tpr_at_fpr"], key=float, reverse=True)
            },
            control=control,
        )

    def _entry(self, name: str) -> tuple[str, list[int], list[Term]]:
        """Return what the catalog says of an attack: summary, numbers of works, needs. It may be one that it lacks."""
        attack = self.catalog.attacks.get(name)
        if attack is None:
            return "", [], []
        return attack.summary, [self.references.number(key) for key in attack.cites], words.terms(self.catalog, attack.needs)

    def _unlock(self, unlock: Sequence[Data]) -> list[Unlock]:
        """Return what one more thing would make feasible, the least first; of several ways for an attack the first is told."""
        grouped = dict[tuple[str, ...], list[str]]()
        for one in unlock:
            missing = one["missing"]
            way = missing if all(isinstance(code, str) for code in missing) else missing[0]
            grouped.setdefault(tuple(way), []).append(self._title(one["attack"]))
        ranked = sorted(grouped.items(), key=lambda item: (len(item[0]), -len(item[1])))
        return [Unlock(words.terms(self.catalog, missing), attacks) for missing, attacks in ranked]

    def _title(self, name: str) -> str:
        attack = self.catalog.attacks.get(name)
        return attack.title if attack else name

    def _exposed(self, threat: Data, membership: Sequence[Data]) -> list[str]:
        """Return the members that the best attack finds at a false positive rate of 1 %, the surest first, by id."""
        best = sentences.best(membership)
        if best is None or best["tpr_at_fpr"].get(sentences.RATE) is None:
            return []
        score = self.scores[naming.score_of(self.audit, threat, best)]
        curve = metrics.roc(score, self.member)
        found = np.flatnonzero(self.member & (score >= curve.threshold[curve.within(float(sentences.RATE))]))
        surest = found[np.argsort(-score[found], kind="stable")][:MOST_NAMED]
        return [str(row) if self.ids is None else self.ids[row] for row in surest]


def _headline(membership: Sequence[Data], rocs: Mapping[str, Roc], others: Sequence[Data]) -> list[str]:
    """Return what a threat model comes to: the sentence itself, and what must be said beside it. The largest AUC stands first."""
    best = sentences.best(membership)
    if best is None:
        return [sentences.other_goal(result) for result in others] or ["No attack was run under this threat model."]
    counted = sentences.counts(best, rocs[best["attack"]])
    beside = [sentences.beside_guessing(counted, membership[0])] if counted else []
    anew = sentences.retrained(best)
    chosen = sentences.choice(best, len(membership), counted)
    return [sentences.headline(best, counted), *beside, chosen, *([anew] if anew else [])]


def _by_reason(skipped: Sequence[Data]) -> dict[str, list[str]]:
    """Return the attacks that were not run, by the reason why."""
    found = dict[str, list[str]]()
    for one in skipped:
        found.setdefault(one["because"], []).append(one["id"])
    return found
