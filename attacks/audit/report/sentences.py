"""What was found, in sentences for a person who is no expert: counts of people or records, never a rate alone, and no verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attacks.metrics import Roc

RATE = "0.01"
Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Counts:
    """How many members a threshold finds, with the ends of the 95 % interval, and how many non-members it accuses wrongly."""

    found: int
    low: int
    high: int
    members: int
    accused: int
    others: int

    @property
    def guessed(self) -> float:
        """How many members guessing would find that accuses as many non-members."""
        return self.members * self.accused / self.others

    @property
    def may_be_guessing(self) -> bool:
        """Whether the interval holds what guessing finds."""
        return self.low <= self.guessed


def counts(result: Figures, curve: Roc, rate: str = RATE) -> Counts | None:
    """Return the rate of a result as counts, the interval rounded outwards; None where the rate cannot be resolved."""
    if result["tpr_at_fpr"].get(rate) is None:
        return None
    step = curve.within(float(rate))
    low, high = (end * curve.members for end in result["tpr_at_fpr_ci"][rate])
    ends = math.floor(low + 1e-9), math.ceil(high - 1e-9)
    return Counts(int(curve.hits[step]), *ends, curve.members, int(curve.alarms[step]), curve.others)


def best(results: Sequence[Figures]) -> Figures | None:
    """Return the membership attack that finds most at a false positive rate of 1 %, or ranks best where that cannot be told."""
    membership = [result for result in results if "auc" in result]

    def strength(result: Figures) -> tuple[float, float]:
        found = result["tpr_at_fpr"].get(RATE)
        return (-1.0 if found is None else found), result["auc"]

    return max(membership, key=strength, default=None)


def headline(result: Figures, counted: Counts | None) -> str:
    """Return the sentence that a threat model comes to: what its best attack finds, and at what price in false accusations."""
    if counted is None:
        few = f"{result['non_members']:,} non-members are too few to say"
        return f"{ranking(result)} {few} how many are found where hardly anybody is accused wrongly."
    found = f"{counted.found:,} [{counted.low:,} to {counted.high:,}] {_are(counted.found)} found"
    accused = f"{counted.accused:,} of {counted.others:,} others {_are(counted.accused)} accused wrongly"
    return f"Of {counted.members:,} members, {found} while {accused}."


def ranking(result: Figures) -> str:
    """Return the AUC of an attack in words."""
    low, high = result["auc_ci"]
    higher = f"{100 * result['auc']:.0f} [{100 * low:.0f} to {100 * high:.0f}]"
    return (
        f"Of 100 pairs of a member and another, the attack “{result['title']}” ranks the member higher in {higher} (its AUC); "
        f"guessing reaches 50."
    )


def beside_guessing(counted: Counts, ranked: Figures) -> str:
    """Return what guessing would find, and what follows; `ranked` is the attack of the same threat model with the largest AUC."""
    guessed = f"Guessing that accuses as many others wrongly finds {_number(counted.guessed, 3)}. {ranking(ranked)}"
    if not counted.may_be_guessing:
        return guessed
    if ranked["auc_ci"][0] > 0.5:
        return (
            f"{guessed} That is more than guessing, as far as its interval goes, which does not count that it is the best of "
            f"several; it is not sure where hardly anybody is accused wrongly."
        )
    return f"{guessed} Neither can be told from guessing: no leak was shown, nor that there is none."


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def choice(result: Figures, among: int, counted: Counts | None = None) -> str:
    """Return which attack the sentence is about, and what choosing it does to the figure."""
    if among > 1 and counted is not None and counted.may_be_guessing:
        return f"The count is that of “{result['title']}”, the highest of {among:,} attacks, and may be guessing as theirs may."
    told = f"By the attack “{result['title']}”"
    if among == 1:
        return f"{told}, the only one on members that was run."
    return (
        f"{told}, the strongest of {among:,}. It was chosen because it did best on these same records, which flatters it; the "
        f"brackets do not count that."
    )


def retrained(result: Figures) -> str | None:
    """Return how the figures of an attack spread over models that were trained anew; None where that was not measured."""
    spread = result.get("seed_spread")
    if not spread:
        return None
    area, found = spread["auc"], spread["tpr_at_fpr"].get(RATE)
    fewer = f", with {spread['models']:,} models of its own in place of {result['models']:,}," if _had_fewer(result) else ""
    low, high, mean = (100 * area[name] for name in ("lowest", "highest", "mean"))
    rates = ""
    if found is not None:
        least, most = (_number(100 * found[name]) for name in ("lowest", "highest"))
        rates = f", and it finds {least} to {most} % of the members while 1 % of the others are accused wrongly"
    return (
        f"Trained anew: on {spread['targets']:,} models of the training function, each made with others of these records,"
        f" “{result['title']}”{fewer} ranks the member higher in {low:.0f} to {high:.0f} of 100 pairs (mean {mean:.0f},"
        f" this model {100 * result['auc']:.0f}){rates}."
    )


def _number(value: float, digits: int = 2) -> str:
    """Return a number of at least 0 to so many digits, of a larger one all digits before the point, as people write it."""
    return f"{value:,.0f}" if value >= 10 ** (digits - 1) else f"{value:.{digits}g}"


def _had_fewer(result: Figures) -> bool:
    return bool(0 < result["seed_spread"]["models"] < result["models"])


def other_goal(result: Figures) -> str:
    """Return what an attack with another goal than membership found."""
    metric = result["metric"]
    interval = "" if metric["ci"] is None else f" [{metric['ci'][0]:.3f} to {metric['ci'][1]:.3f}]"
    said = (
        f"“{result['title']}” ({result['goal']}): {metric['name']} {metric['value']:.3f}{interval}; who learns nothing from the "
        f"target reaches {metric['chance']:.3f}."
    )
    if "accused" in (more := metric["details"]):
        ends = f" [{more['accused_low']:.3f} to {more['accused_high']:.3f}]"
        said += f" Of sets without a member {more['accused']:.3f}{ends} are accused at a level of {more['level']:g}."
    return said


def together(ensemble: Figures, members: int) -> str | None:
    """Return what any of the attacks finds at a total false positive rate of 1 %; None where that was not measured."""
    found = (ensemble.get("tpr_at_fpr") or {}).get(RATE)
    if found is None:
        return None
    low, high = ensemble["tpr_at_fpr_ci"][RATE]
    ends = math.floor(low * members + 1e-9), math.ceil(high * members - 1e-9)
    return (
        f"All {len(ensemble['attacks']):,} attacks together find {round(found * members):,} [{ends[0]:,} to {ends[1]:,}] of "
        f"{members:,} members while 1 % of the others are accused wrongly in total. Their thresholds were set on other "
        f"non-members than those who are counted, so that choosing among attacks is not free."
    )


def alarms(found: Figures) -> str | None:
    """Return how unevenly false accusations fall on records; None where no model that never saw them tells it."""
    pooled = found.get("pooled_fpr")
    if not found.get("models") or not pooled:
        return None
    # The largest multiple of the mean that a rate can pass.
    times = next((times for times in ("10", "2") if float(times) * pooled < 1), None)
    if times is None:
        return None
    often, (fewest, most) = found["above"][times], found["models"]
    models = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    return (
        f"A false positive rate is a mean over records. At the loss that the surest of the target's non-members have, models "
        f"that never saw a record ({models} for each of {found['records']:,}) accuse it in {_number(100 * pooled)} % of cases on "
        f"average; {often['records']:,} records are accused more than {times} times as often, and chance "
        f"alone would make {_number(often['by_chance'])}."
    )


def blind(baseline: Figures, passed: bool) -> str:
    """Return what the blind baseline says of the split."""
    low, high = (100 * end for end in baseline["auc_ci"])
    told = (
        f"Without the model: of 100 pairs of a member and another, a classifier that sees the records alone (the blind baseline) "
        f"ranks the member higher in {100 * baseline['auc']:.0f} [{low:.0f} to {high:.0f}]; guessing reaches 50"
    )
    if passed:
        return f"{told}. So members and others do not differ by themselves as far as it can tell."
    return f"{told}. The two groups differ by themselves: all that follows measures how they were chosen, not the model."


def named(defense: Figures) -> str:
    """Return the name of a defense, with its id and its parameters."""
    params = "".join(f", {name} {value}" for name, value in defense["params"].items())
    return f"“{defense['title']}” ({defense['id']}{params})"


def defended(defense: Figures) -> str:
    """Return what stands between the model and whoever attacks it, that it is simulated, and what it does to labels."""
    accuracy = defense["utility"]["test_accuracy"]
    cost = ""
    if accuracy is not None:
        before, after = (_number(100 * accuracy[name], 3) for name in ("undefended", "defended"))
        cost = f" Of records that are no members, {after} % get the right label with it, and {before} % without it."
    return (
        f"Answers were masked: attacks were shown what the defense {named(defense)} leaves of them. "
        "It was simulated, put by this audit on top of what the model answers; whether your service masks so too, nobody tested. "
        f"{_knows(defense)}: audit both ways (adaptive: true and false).{cost}"
    )


def put_on(defense: Figures) -> str:
    """Return which defense a target of ours has, who knows of it, what it costs, and what its code tells of the training."""
    both = {name: (_figure(one["undefended"]), _figure(one["defended"])) for name, one in defense["utility"].items()}
    costs = "; ".join(f"{_words(name)} {before} and {after}" for name, (before, after) in both.items())
    facts = "; ".join(f"{_words(name)} {_figure(value)}" for name, value in defense["facts"].items())
    told = f"The target has a defense: {named(defense)}. {_knows(defense)}. Without it and with it: {costs}."
    return told + (f" Its code tells of the training: {facts}." if facts else "")


def _knows(defense: Figures) -> str:
    if defense["adaptive"]:
        return "The adversary knows of it, and puts it on models of its own too; it may also act as if it did not know"
    return "The adversary does not know of it; whoever does may act so too, or put it on models of their own"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _figure(value: float | None) -> str:
    return "unknown" if value is None else _number(value, 3)


def failed(audit: Mapping[str, Any]) -> list[str]:
    """Return the ids of the attacks that failed under any threat model of an audit, each once."""
    return sorted({one["attack"] for threat in audit["threat_models"] for one in threat.get("failures", ())})


def failures(attacks: Sequence[str]) -> str:
    """Return in a sentence that attacks failed, and what that says of the figures of the others."""
    some, they = ("1 attack", "it") if len(attacks) == 1 else (f"{len(attacks):,} attacks", "they")
    return f"{some} failed ({', '.join(attacks)}): what {they} might have found, no figure here says."


def not_said(others: int | None, not_run: int) -> list[str]:
    """Return what the figures do not say, in sentences; `others` is the fewest non-members, `not_run` counts attacks."""
    those = "1 attack on such models was" if not_run == 1 else f"{not_run:,} attacks on such models that the catalog has were"
    unseen = f" {those} not run here." if not_run else ""
    told = [
        f"That nothing more can be found. They say what these attacks found; a better attack may find more.{unseen}",
        "That an adversary has what was assumed. Who knows less finds less, who knows more may find more.",
        "How sure an accusation is. Among the records counted here members are as frequent as they were chosen to be; where "
        "members are rare, most of the accused may be others, however good the attack.",
        "What holds for one record. The share of others who are accused wrongly (the false positive rate) is a mean over all of "
        "them, and for a record of an unusual kind it may be many times as high.",
        "What holds for another model. They are about this model, trained once, and these records; the intervals count other "
        "records of the same kind, not another training.",
        "Whether a leak does harm. That depends on what it means to be a member, which no figure here knows.",
    ]
    if others is not None:
        told.append(f"What happens where fewer than 1 in {others:,} others is accused wrongly: so many are here, and no more.")
    return told
