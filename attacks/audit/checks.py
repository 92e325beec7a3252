"""What is looked at before anything is paid for: copies, overlap, sizes, noise, and how good the model is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from attacks.audit.parts import Parts
from attacks.audit.rows import Rows, equal, take
from attacks.audit.tables import Side
from attacks.metrics.blind_baseline import BlindBaseline
from attacks.seeds import record_ids
from taxonomy.findings import InputError

if TYPE_CHECKING:
    from attacks.audit.target import ClassifierParts

Severity = Literal["info", "warning", "error"]
# What `checks[].code` can be, and what it means; the documentation lists these.
CODES: dict[str, str] = {
    "copies": "records of one side are exact copies of others of the same side",
    "near-copies": "records of one side are nearly those of the other",
    "population-overlap": "candidates stand in the population too",
    "sizes": "one side has far more records than the other",
    "few-non-members": "there are too few non-members for a low false-positive rate",
    "few-members": "there are few members, so intervals are wide",
    "inside": "why a network is asked and not looked into",
    "writes": "the training function writes below the trusted folder, so that finished models are not used again",
    "noise": "the model answers the same records differently when it is asked again",
    "rounding": "the model's scores are rounded, or are votes",
    "generalisation": "how right the model is on members and on non-members",
    "blind-baseline": "members can be told from non-members without the model",
    "no-blind-baseline": "nothing can be said of the split",
    "precision": "records differ by less than float32 can tell",
    "published-copies": "candidates stand among the published samples as they are",
    "few-samples": "fewer samples were published than attacks are made for",
    "cut": "texts are longer than a language model can look at",
    "unlabelled": "the records have no labels",
    "labels": "a class is among the labels of one side only",
}
# Records are asked about twice to see noise, and this many are compared for near copies.
TRIED, COMPARED = 8, 2000
# So many samples the attacks that look for the nearest one draw, as their authors do.
FEW_SAMPLES = 20_000


# What is said of the model's answers, and not of records.
OF_ANSWERS = ("rounding", "generalisation")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: a code of `CODES`, how grave it is, and a sentence."""

    code: str
    severity: Severity
    message: str

    def as_json(self) -> dict[str, str]:
        """Return the check as plain data."""
        return {"code": self.code, "severity": self.severity, "message": self.message}


def refuse_overlap(members: Side, others: Side, rows: Rows | None, recorded: NDArray[np.float64] | None = None) -> None:
    """Raise InputError, with examples by id, if a record or an id stands among the members and among the non-members.

    Of recorded answers a record is the same if its features and its answers are.
    """
    for what, one, other in _identities(members, others, rows, recorded):
        shared = np.isin(one, other)
        if not shared.any():
            continue
        places = np.flatnonzero(shared)
        if rows is not None and what == "records" and not _is_same(rows, int(places[0]), one, other):
            raise InputError(
                f"{len(places):,} members, such as {members.ids[places[0]]}, differ from a non-member by less than float32 tells "
                f"({members.where}, {others.where}); attacks see float32, so give features in units in which they differ by more"
            )
        examples = ", ".join(str(members.ids[k]) for k in places[:3])
        raise InputError(
            f"{len(places):,} {what} stand among the members and among the non-members ({members.where}, {others.where}): "
            f"{'ids' if what == 'ids' else 'members'} {examples}{', …' if len(places) > 3 else ''}; each record is on one side"
        )


def _is_same(rows: Rows, place: int, one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether a member is a non-member to the last bit, and not only to attacks."""
    alike = len(one) + np.flatnonzero(other == one[place])
    mine = rows.original(np.array([place]))
    return any(equal(mine, rows.original(alike[k : k + 1])) for k in range(len(alike)))


def _identities(
    members: Side, others: Side, rows: Rows | None, recorded: NDArray[np.float64] | None
) -> list[tuple[str, NDArray[Any], NDArray[Any]]]:
    found: list[tuple[str, NDArray[Any], NDArray[Any]]] = []
    # Numbers of rows are no identities.
    if members.identified and others.identified:
        found.append(("ids", members.ids.astype(str), others.ids.astype(str)))
    if rows is not None:
        ids = rows.ids[: len(members) + len(others)]
        if recorded is not None:
            ids = ids ^ record_ids(recorded)
        found.append(("records", ids[: len(members)], ids[len(members) :]))
    return found


def of_data(parts: Parts) -> list[Check]:
    """Return what is to be said of the records, before the model is asked."""
    found = [*_copies(parts), *_sizes(parts)]
    if parts.rows is not None:
        if merged := parts.rows.merged:
            found.append(Check("precision", "warning", f"{merged:,} records differ from another by less than float32 can tell"))
        if parts.population is not None:
            candidates, pool = parts.rows.ids[: parts.count], parts.rows.ids[parts.count :][: len(parts.population)]
            if shared := int(np.isin(candidates, pool).sum()):
                text = f"{shared:,} candidates stand in the population too; what the adversary holds is no candidate"
                found.append(Check("population-overlap", "error", text))
        found += _near_copies(parts)
    if parts.members.label is not None and parts.others.label is not None:
        one, other = set(np.unique(parts.members.label)), set(np.unique(parts.others.label))
        if odd := sorted(one ^ other):
            text = f"classes among the labels of one side only ({len(odd):,}): {', '.join(map(str, odd[:5]))}"
            found.append(Check("labels", "warning", text))
    return found


def _copies(parts: Parts) -> list[Check]:
    if parts.rows is None:
        return []
    ends = [0, len(parts.members), parts.count, parts.count + len(parts.population or ())]
    names = ["members", "non-members", "records of the population"]
    found = []
    for name, start, stop in zip(names, ends[:-1], ends[1:], strict=True):
        ids = parts.rows.ids[start:stop]
        if copies := len(ids) - len(np.unique(ids)):
            found.append(Check("copies", "warning", f"{copies:,} of {len(ids):,} {name} are exact copies of others of them"))
    return found


def _sizes(parts: Parts) -> list[Check]:
    inside, outside = len(parts.members), len(parts.others)
    found = []
    if max(inside, outside) > 10 * min(inside, outside):
        found.append(
            Check("sizes", "info", f"{inside:,} members stand beside {outside:,} non-members; rates are worked out for each side")
        )
    for rate, needed in ((0.01, 100), (0.001, 1000)):
        if outside < needed:
            text = f"{outside:,} non-members cannot resolve a false-positive rate of {rate:.1%}, which takes {needed:,}"
            found.append(Check("few-non-members", "warning" if rate == 0.01 else "info", text))
    if inside < 50:
        found.append(Check("few-members", "warning", f"there are few members ({inside:,}): intervals will be wide"))
    return found


def _near_copies(parts: Parts) -> list[Check]:
    """Look for members that a non-member nearly is: much nearer than records of one side are to each other."""
    from scipy.spatial import cKDTree

    assert parts.rows is not None, "it has features"
    x = parts.rows.x[: parts.count].flatten(1).numpy()
    if x.shape[1] > 64:
        return []
    generator = np.random.default_rng(0)
    members = generator.permutation(len(parts.members))[:COMPARED]
    others = len(parts.members) + generator.permutation(len(parts.others))[:COMPARED]
    near = cKDTree(x[others]).query(x[members])[0]
    usual = cKDTree(x[others]).query(x[others], k=2)[0][:, 1] if len(others) > 1 else near
    limit = np.median(usual) * 1e-3
    if count := int((near < limit).sum()):
        text = f"{count:,} of {len(members):,} members are nearly the same as a non-member (a thousandth of the usual distance)"
        return [Check("near-copies", "warning", text)]
    return []


def try_model(parts: ClassifierParts) -> list[Check]:
    """Ask the model about a few records twice; raise InputError for what does not answer as it should."""
    if parts.model.answer is None or parts.rows is None:
        return []
    found = (
        [Check("inside", "info", f"the network is asked and not looked into: {reason}")]
        if (reason := parts.inside.reason)
        else []
    )
    few = np.unique(np.linspace(0, parts.count - 1, TRIED).astype(int))
    first = parts.answers.ask(parts.rows.original(few), len(few))
    second = parts.answers.ask(parts.rows.original(few), len(few), again=True)
    if np.array_equal(first, second):
        return found
    differ = np.abs(np.exp(first) - np.exp(second)).max()
    text = f"asked twice about {len(few)} records, the answers differ by up to {differ:.3g}; from here on each is asked once"
    return [*found, Check("noise", "warning", text)]


def try_training(parts: ClassifierParts, seed: int) -> tuple[list[Check], float | None]:
    """Train on a small part of the members, to see that the function works; return its seconds for one record, roughly."""
    import time

    if parts.training is None or parts.rows is None:
        return [], None
    function = parts.training.method.function
    before = function.contents() if function else {}
    everyone = parts.rows.original(np.arange(parts.count))
    label = parts.label
    few = _of_every_class(label, np.random.default_rng(0))
    start = time.perf_counter()
    answer = parts.training.method.trained(take(everyone, few), label[few], seed)
    seconds = time.perf_counter() - start
    found = answer(take(everyone, few[:TRIED]))
    if found.shape != (len(few[:TRIED]), len(parts.names)):
        raise InputError(f"a trained model answers with {found.shape[1]} columns, and there are {len(parts.names)} classes")
    after = function.contents() if function else {}
    written = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if not written:
        return [], seconds / len(few)
    named = ", ".join(written[:3]) + (", …" if len(written) > 3 else "")
    text = (
        f"the training function writes below the trusted folder ({named}), all files of which count: the next audit trains all "
        "models anew; let it write elsewhere, or into a hidden folder"
    )
    return [Check("writes", "warning", text)], seconds / len(few)


def _of_every_class(label: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    """Return some 200 records, among which every class has some."""
    order = generator.permutation(len(label))
    each = [order[label[order] == one][:5] for one in np.unique(label)]
    return np.unique(np.concatenate([*each, order[:200]]))


def of_answers(parts: ClassifierParts) -> list[Check]:
    """Return what is to be said of the model's answers on the candidates."""
    found = []
    if parts.model.answers == "scores" and parts.answers.resolution:
        step = parts.answers.resolution
        shown = f"{step:.3g}" if step > 1e-6 else f"{step:.1e}"
        text = f"the model's scores move in steps of {shown}, or end there; no attack tells apart what they round to the same"
        found.append(Check("rounding", "info", text))
    if parts.members.label is None or parts.others.label is None:
        text = "the records have no labels, which nearly every attack needs: name their column with `label`"
        found.append(Check("unlabelled", "warning", text))
    else:
        right = parts.answers.on_candidates.argmax(axis=1) == parts.label
        n_in, n_out = len(parts.members), len(parts.others)
        inside, outside = right[:n_in].mean(), right[n_in:].mean()
        text = f"the model is right on {inside:.1%} of the members and on {outside:.1%} of the non-members"
        swapped = outside - inside > 3 * float(np.sqrt(right.mean() * (1 - right.mean()) * (1 / n_in + 1 / n_out)))
        if swapped:
            text += "; are the two swapped?"
        found.append(Check("generalisation", "warning" if swapped else "info", text))
    return found


def of_split(parts: Parts, baseline: BlindBaseline | None) -> Check | None:
    """Return what the blind baseline says of the split, or why there is none; None where all is well."""
    if baseline is None:
        why = "the records have no features" if parts.described is None else "there are too few records"
        return Check("no-blind-baseline", "info", f"whether members can be told without the model is not known: {why}")
    if baseline.exchangeable:
        return None
    low, high = baseline.auc_ci
    return Check(
        "blind-baseline",
        "error",
        f"without the model, members are told from non-members with an AUC of {baseline.auc:.3f} [{low:.3f}, {high:.3f}]: all "
        "that follows measures the split, not the model",
    )
