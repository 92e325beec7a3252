"""The definitions of WordNet as texts, of which no two have much in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from attacks.targets.data.text import DEBIAN_WORDNET
from taxonomy.findings import InputError

PARTS = ("noun", "verb", "adj", "adv")
# Texts that share so many words in a row are taken for versions of one text.
WORDS = 5


def glosses() -> list[str]:
    """Return the glosses of WordNet 3.0, definitions with their examples, each once and in the order of its files.

    Read from Debian's package `wordnet-base`; raises InputError if it is not installed. WordNet is Copyright 2006 by Princeton
    University, and its notice stands at the top of each file that is read; nothing of it is shipped here.
    """
    found: dict[str, None] = {}
    for part in PARTS:
        path = DEBIAN_WORDNET.with_name(f"data.{part}")
        if not path.is_file():
            raise InputError(f"WordNet is not on this machine: Debian's package wordnet-base brings it ({path})")
        # Lines of the notice begin with a space.
        lines = (line for line in path.read_text("utf-8").splitlines() if line[:1].isdigit() and " | " in line)
        found |= dict.fromkeys(line.partition(" | ")[2].strip() for line in lines)
    return list(found)


def apart(texts: Sequence[str], words: int = WORDS) -> list[bool]:
    """Return which texts share no `words` words in a row with any other text, whatever the case of their letters."""
    every = [_runs(text, words) for text in texts]
    standing = Counter(run for runs in every for run in runs)
    return [all(standing[run] == 1 for run in runs) for runs in every]


def _runs(text: str, words: int) -> set[tuple[str, ...]]:
    split = text.lower().split()
    return {tuple(split[k : k + words]) for k in range(len(split) - words + 1)}
