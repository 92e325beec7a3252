"""Text: the definitions of nouns in WordNet as bags of words."""

from __future__ import annotations

import collections
import re
from pathlib import Path

import numpy as np

from attacks.targets.data.records import Data, deduplicated
from taxonomy.findings import InputError

DEBIAN_WORDNET = Path("/usr/share/wordnet/data.noun")
WORDS = 1000
# One gloss of four: the file is sorted by meaning, so that this is a fair extract, and a quarter is quick to handle.
EVERY = 4


def glosses() -> Data:
    """Return glosses of nouns in WordNet 3.0 as counts of their 1,000 most frequent words; 26 lexicographer files as classes.

    About 20,000 glosses, of which those that look the same as bags of words are dropped. Read from Debian's package
    `wordnet-base`; raises InputError if it is not installed. WordNet is Copyright 2006 by Princeton University, and its notice
    stands at the top of the file that is read; nothing of it is shipped here.
    """
    if not DEBIAN_WORDNET.is_file():
        raise InputError(f"WordNet is not on this machine: Debian's package wordnet-base brings it ({DEBIAN_WORDNET})")
    # Lines of the notice begin with a space. A noun's line: offset, number of the lexicographer file (3 to 28), ... | gloss
    lines = [line for line in DEBIAN_WORDNET.read_text("utf-8").splitlines() if line[:1].isdigit() and " | " in line][::EVERY]
    if not lines:
        raise InputError(f"{DEBIAN_WORDNET} holds no nouns of WordNet")
    label = np.array([int(line.split()[1]) - 3 for line in lines])
    texts = [re.findall("[a-z]+", line.partition(" | ")[2].lower()) for line in lines]
    frequency = collections.Counter(word for text in texts for word in text)
    chosen = sorted(frequency, key=lambda word: (-frequency[word], word))[:WORDS]
    column = {word: k for k, word in enumerate(chosen)}
    counts = np.zeros((len(texts), WORDS), np.float32)
    for row, text in enumerate(texts):
        for word in text:
            if word in column:
                counts[row, column[word]] += 1
    return deduplicated("glosses", counts, label)
