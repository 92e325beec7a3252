"""What errata and statements say of the survey is told in our own words.

The survey's text is not ours to copy into this repository, so only hashes are kept of its runs of five words that carry
meaning, in order: articles, prepositions and the like are left out, and of a word its first five letters count, so that a changed
ending or a misprint does not hide a copy. Nine words of running text hold such a run. Quotation marks exempt what is quoted.

Write them anew from a copy of the survey: `python tests/taxonomy/test_wording.py SURVEY.md`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import pytest

KEPT = Path(__file__).parents[1] / "data" / "survey_wording.bin"
RUN, LETTERS, BYTES = 5, 5, 4
SMALL_WORDS = frozenset(
    re.findall(
        "[a-z]+",
        """
    a about all also an and any are as at be been being but by can cannot could do does for from had has have in
    into is it its may might more neither no nor not of on one only or our out over so such than that the their
    them then there these they this those to under up we were which who whom will with would
    """,
    )
)


def runs(text: str) -> Iterator[tuple[str, bytes]]:
    """Yield every run of RUN words that carry meaning outside of quotation marks, and its hash."""
    for part in re.split(r'"[^"]*"', text):
        words = [word[:LETTERS] for word in re.findall(r"[a-z]+", part.lower()) if word not in SMALL_WORDS]
        for i in range(len(words) - RUN + 1):
            run = " ".join(words[i : i + RUN])
            yield run, blake2b(run.encode(), digest_size=BYTES).digest()


def kept() -> set[bytes]:
    """Return the hashes of the survey's runs."""
    data = KEPT.read_bytes()
    return {data[i : i + BYTES] for i in range(0, len(data), BYTES)}


def copied(text: str) -> list[str]:
    """Return the runs that a text shares with the survey."""
    survey = kept()
    return [run for run, digest in runs(text) if digest in survey]


def test_errata_tell_in_our_own_words_what_the_survey_says(catalog):
    found = {name: shared for name, entry in catalog.kinds["errata"].items() if (shared := copied(entry.says))}
    assert found == {}, "say it in other words, or put the survey's own into quotation marks"


def test_statements_are_in_our_own_words(catalog):
    found = {
        name: shared
        for name, entry in catalog.kinds["statements"].items()
        if (shared := copied(f"{entry.title}. {entry.summary}"))
    }
    assert found == {}, "say it in other words"


@pytest.mark.parametrize(
    "text",
    [
        # As it was printed here once; the survey says "participates".
        "The attacker is one of the participants who can observe the global parameters.",
        "using the same attack on all activation functions of the model",
    ],
)
def test_a_changed_word_hides_no_copy(text):
    assert copied(text)
    assert not copied(f'The survey says "{text}" and no more.')


if __name__ == "__main__":
    body = Path(sys.argv[1]).read_text(encoding="utf-8").split("## References")[0].replace('"', "")
    KEPT.write_bytes(b"".join(sorted({digest for _, digest in runs(body)})))
