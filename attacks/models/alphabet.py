"""The characters of texts: records of language models are codes, the places of characters in this alphabet."""

from __future__ import annotations

import unicodedata

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

# In the order of ASCII. Capitals are written small.
ALPHABET = " !\"'(),-./0123456789:;?[]abcdefghijklmnopqrstuvwxyz{}"

_CODES = {character: code for code, character in enumerate(ALPHABET)}
_PLAIN = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "—": "-", "−": "-", "·": "-"})


def simplified(text: str) -> str:
    """Return a text in the characters of the alphabet: small letters without accents, and one space for each gap.

    Characters that the alphabet does not have are left out.
    """
    plain = unicodedata.normalize("NFKD", text.translate(_PLAIN)).lower()
    return " ".join("".join(c for c in plain if c in _CODES or c.isspace()).split())


def codes(text: str) -> NDArray[np.int64]:
    """Return the codes of a text in the alphabet's characters, int64 (length,); raise KeyError for any other character."""
    return np.array([_CODES[character] for character in text], dtype=np.int64)


def text(record: Tensor) -> str:
    """Return the text of a record of codes (length,)."""
    return "".join(ALPHABET[int(code)] for code in record)
