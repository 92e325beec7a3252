"""Reads what `mia run --out` or `mia audit --out` wrote into a folder: which attacks, and their scores."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxonomy.findings import InputError, printable, quoted, relative

RESULTS, SCORES = "results.json", "scores.npz"
# Why an attack was skipped that nobody could carry out, as a plan says it.
STOPPED = ("inapplicable", "infeasible")
# An attack by the threat model under which it stands (None in a run, which has one without a name) and its id.
Key = tuple[str | None, str]


@dataclass(frozen=True)
class Measured:
    """What a folder holds: float64 scores (n,) of each attack that has some, and who is a member, bool (n,).

    `rates` are the false positive rates that each attack was judged at, as they are written. `ids` are the names of records, text
    (n,), in audits. `origin` is what a run hangs on, its target and its seed; None of an audit. `name` is that of the target or
    the audit, `defense` the mask or other defense in words, and `grants` are what each threat model grants. `content` is a hash
    of each record's features, uint64 (n,), in audits whose records have no other name than the number of their row. `stopped`
    are the attacks that nobody could carry out there, and `failed` those that somebody tried to. `numbered` says that `ids` are
    the numbers of rows.
    """

    folder: Path
    scores: dict[Key, NDArray[np.float64]]
    rates: dict[Key, list[str]]
    attacks: list[Key]
    member: NDArray[np.bool_]
    ids: NDArray[np.str_] | None
    origin: tuple[str, int] | None
    name: str = ""
    defense: str = "none"
    grants: Mapping[str | None, frozenset[str]] = field(default_factory=dict)
    content: NDArray[np.uint64] | None = None
    stopped: frozenset[Key] = frozenset()
    failed: frozenset[Key] = frozenset()
    numbered: bool = False

    @property
    def threat_models(self) -> list[str | None]:
        """The threat models, in the order of the file."""
        return list(dict.fromkeys(threat for threat, _ in self.attacks))


def read(folder: Path) -> Measured:
    """Return what stands in a folder; raise InputError, with the file and what is wrong, if these commands did not write it."""
    if not folder.is_dir():
        raise InputError(f"{relative(folder)} is no folder; name one that `mia run --out` or `mia audit --out` wrote")
    data, arrays = _results(folder / RESULTS), _arrays(folder / SCORES)
    found = _listed(data, folder / RESULTS)
    member, ids = _records(arrays, folder / SCORES)
    several = len({threat for threat, _ in found}) > 1
    scores, rates = {}, {}
    for (threat, attack), result in found.items():
        if "auc" not in result:
            continue
        name = f"{threat}/{attack}" if several else attack
        scores[threat, attack] = _score(arrays, name, len(member), folder / SCORES)
        rates[threat, attack] = _rates(result, attack, folder / RESULTS)
    origin = None
    if isinstance(data.get("target"), str) and isinstance(data.get("seed"), int) and "threat_models" not in data:
        origin = (data["target"], data["seed"])
    about = data.get("target") or data.get("name") or ""
    return Measured(
        *(folder, scores, rates, list(found), member, ids, origin, str(about), _defense(data), _grants(data)),
        content=_content(arrays, len(member), folder / SCORES),
        stopped=_named(data, "skipped", "id", STOPPED),
        failed=_named(data, "failures", "attack"),
        numbered=data.get("identified") is False,
    )


def _defense(data: Mapping[str, Any]) -> str:
    """Return the defense that stood before the target, in words."""
    stated = data.get("defense")
    if not isinstance(stated, dict):
        return "none"
    params = stated.get("params")
    set_to = [f"{name} {value}" for name, value in params.items()] if isinstance(params, dict) else []
    known = "known to the adversary" if stated.get("adaptive") else "not known to the adversary"
    return printable(f"{stated.get('id')} ({', '.join([*set_to, known])})")


def _grants(data: Mapping[str, Any]) -> dict[str | None, frozenset[str]]:
    """Return what each threat model grants, as far as the file says it."""
    stated = [(one.get("id"), one.get("grants")) for one in data.get("threat_models", ()) if isinstance(one, dict)]
    if isinstance(threat := data.get("threat_model"), dict):
        stated.append((None, threat.get("grants")))
    return {name: frozenset(map(str, grants)) for name, grants in stated if isinstance(grants, list)}


def _named(data: Mapping[str, Any], listed: str, key: str, because: Collection[str] | None = None) -> frozenset[Key]:
    """Return the attacks in a list of the results, or of each threat model there; of those skipped, for a reason of `because`."""
    parts = [(part["id"], part) for part in data["threat_models"]] if "threat_models" in data else [(None, data)]
    found = set[Key]()
    for threat, part in parts:
        for one in part.get(listed) or ():
            if isinstance(one, dict) and isinstance(one.get(key), str) and (because is None or one.get("why") in because):
                found.add((threat, one[key]))
    return frozenset(found)


def _content(arrays: Mapping[str, NDArray[Any]], count: int, path: Path) -> NDArray[np.uint64] | None:
    content = arrays.get("content")
    if content is not None and (content.dtype != np.uint64 or content.shape != (count,)):
        raise _damaged(path, f"`content` is no array of hashes (uint64), one for each of {count:,} records")
    return content


def _results(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{relative(path)} is missing; `mia run --out` and `mia audit --out` write it") from None
    except OSError as error:
        raise InputError(f"{relative(path)} cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "it is not JSON") from error
    if not isinstance(data, dict):
        raise _damaged(path, "it holds no mapping")
    return data


def _listed(data: Mapping[str, Any], path: Path) -> dict[Key, dict[str, Any]]:
    """Return the result of every attack under every threat model."""
    parts: list[tuple[str | None, Any]] = [(None, data.get("results"))]
    if "threat_models" in data:
        models = data["threat_models"]
        if not isinstance(models, list) or not all(isinstance(m, dict) and isinstance(m.get("id"), str) for m in models):
            raise _damaged(path, "`threat_models` is no list of mappings with an `id`")
        parts = [(model["id"], model.get("results")) for model in models]
    found: dict[Key, dict[str, Any]] = {}
    for threat, results in parts:
        if not isinstance(results, list) or not all(isinstance(r, dict) and isinstance(r.get("attack"), str) for r in results):
            raise _damaged(path, "`results` is no list of mappings with an `attack`")
        found |= {(threat, result["attack"]): result for result in results}
    return found


def _rates(result: Mapping[str, Any], attack: str, path: Path) -> list[str]:
    rates = result.get("tpr_at_fpr")
    try:
        if isinstance(rates, dict) and all(0 < float(rate) < 1 for rate in rates):
            return sorted(rates, key=float, reverse=True)
    except ValueError:
        pass
    raise _damaged(path, f"`tpr_at_fpr` of {quoted(attack)} is no mapping from rates between 0 and 1")


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        if path.is_file() and not zipfile.is_zipfile(path):
            raise _damaged(path, "it is no archive of arrays")
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise _damaged(path, "it is no archive of arrays")
        with file:
            return {name: file[name] for name in file}
    except FileNotFoundError:
        raise InputError(f"{relative(path)} is missing; `mia run --out` and `mia audit --out` write it") from None
    except InputError:
        raise
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise _damaged(path, printable(str(error).partition("\n")[0])) from error


def _records(arrays: Mapping[str, NDArray[Any]], path: Path) -> tuple[NDArray[np.bool_], NDArray[np.str_] | None]:
    member, ids = arrays.get("member"), arrays.get("id")
    if member is None or member.dtype != np.bool_ or member.ndim != 1:
        raise _damaged(path, "`member` is no array of true and false, one a record")
    if min(int(member.sum()), int((~member).sum())) < 2:
        raise _damaged(path, "it holds fewer than two members or two non-members")
    if ids is not None and (ids.dtype.kind != "U" or ids.shape != member.shape):
        raise _damaged(path, f"`id` is no array of text, one for each of {len(member):,} records")
    return member, ids


def _score(arrays: Mapping[str, NDArray[Any]], name: str, count: int, path: Path) -> NDArray[np.float64]:
    score = arrays.get(name)
    if score is None:
        raise _damaged(path, f"the scores of {quoted(name)} are missing, which {RESULTS} has a result of")
    if score.dtype != np.float64 or score.shape != (count,) or np.isnan(score).any():
        raise _damaged(path, f"the scores of {quoted(name)} are not one number (float64) for each of {count:,} records")
    return score


def _damaged(path: Path, why: str) -> InputError:
    return InputError(f"{relative(path)} is not what `mia run` or `mia audit` writes: {why}")
