"""Where nobody has published an attack, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from taxonomy.coverage import Cell

MODELS = {
    "discriminative": "models that decide, trained by ",
    "generative": "models that generate, trained by ",
    "aggregate": "statistics that are published by ",
}
FRAMES = {"stand-alone": "one party", "federated": "a federation"}
SEEING = {"black-box": "sees only what is answered", "white-box": "sees the model itself"}
KNOWING = {"M": "the model", "D": "the training data", "Q": "answers to queries"}


@dataclass(frozen=True)
class Gap:
    """One kind of target and view on it: the sentence that nobody attacks it with some knowledge, and what would be feasible."""

    sentence: str
    whole: bool
    feasible: int


def knowledge(kinds: Sequence[str]) -> str:
    """Return what an adversary knows of, in words."""
    names = [KNOWING[kind] for kind in kinds]
    return " and ".join(names) if len(names) < 3 else ", ".join(names[:-1]) + f" and {names[-1]}"


def sentences(cells: Sequence[Cell]) -> list[Gap]:
    """Return a sentence for each kind of target and view: where nothing at all was published first, most feasible first.

    A combination with which nothing of the catalog is feasible is no open question, and stays out.
    """
    groups: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.model, cell.frame, cell.observation), []).append(cell)
    found = []
    for (model, frame, observation), group in groups.items():
        missing = [cell for cell in group if not cell.published and cell.feasible]
        if not missing:
            continue
        whole = not any(cell.published for cell in group)
        about = f"who {SEEING[observation]} attacks {MODELS[model]}{FRAMES[frame]}"
        feasible = max(len(cell.feasible) for cell in missing)
        if whole:
            sentence = f"Nobody {about}."
        else:
            sentence = f"Nobody {about}, with knowledge of " + "; or of ".join(knowledge(c.knowledge) for c in missing) + "."
        found.append(Gap(sentence, whole, feasible))
    return sorted(found, key=lambda gap: (not gap.whole, -gap.feasible))
