"""Corpora: long texts, cut into passages of one length for language models."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attacks.models import alphabet
from taxonomy.findings import InputError, unknown

DEBIAN_JARGON = Path("/usr/share/dictd/jargon.dict.dz")


def jargon(length: int) -> NDArray[np.int64]:
    """Return passages of the Jargon File 4.4.7 as codes of characters, int64 (n, length), no two of them alike.

    The text is cut from its start; each passage begins with a word and ends wherever it is full, and the rest of that word is
    left out. Read from Debian's package `dict-jargon`; raises InputError if its file is not there. The Jargon File is in the
    public domain, as stands in the file itself and in the package's copyright file.
    """
    if not DEBIAN_JARGON.is_file():
        raise InputError(f"the Jargon File is not on this machine: Debian's package dict-jargon brings it ({DEBIAN_JARGON})")
    try:
        # The dictionary server's format is gzip with an index of its own.
        text = alphabet.simplified(gzip.decompress(DEBIAN_JARGON.read_bytes()).decode("utf-8"))
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"{DEBIAN_JARGON} cannot be read: {error}") from error
    found = passages(text, length)
    if not len(found):
        raise InputError(f"{DEBIAN_JARGON} holds no passage of {length} characters")
    return found


def passages(text: str, length: int) -> NDArray[np.int64]:
    """Return a text's passages of `length` characters as codes, int64 (n, length), each of which begins with a word."""
    cut: dict[str, None] = {}  # keeps the order, and each passage once
    start = 0
    while len(passage := text[start : start + length]) == length:
        cut[passage] = None
        gap = text.find(" ", start + length - 1)
        start = gap + 1 if gap >= 0 else len(text)
    return np.array([alphabet.codes(passage) for passage in cut], dtype=np.int64).reshape(len(cut), length)


CORPORA = {"jargon": jargon}


def load(name: str, length: int) -> NDArray[np.int64]:
    """Return a corpus's passages by its name, int64 (n, length); raise InputError if there is none, or it is not here."""
    if name not in CORPORA:
        raise unknown("corpus", name, CORPORA)
    return CORPORA[name](length)
