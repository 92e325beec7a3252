"""A name is suggested where it is near to what was written, and nowhere else."""

from __future__ import annotations

import itertools
import time

import pytest

from taxonomy import nearness
from taxonomy.findings import nearest, unknown_entry
from taxonomy.nearness import meant, mistyped

NEAR = {
    "a letter is another": ("jargom", "jargon"),
    "a letter too many": ("lirra", "LiRA"),
    "a letter too few": ("treshold", "threshold"),
    "swapped letters": ("digits-mpl", "digits-mlp"),
    "swapped digits": ("shokri2071", "shokri2017"),
    "another year": ("shokri-2018", "shokri-2017"),
    "two typos in a long name": ("prediction-api-scroe", "prediction-api-scores"),
    "a missing hyphen": ("shadowmodels", "shadow-models"),
    "a space for a hyphen": ("shadow models", "shadow-models"),
    "an underscore for a hyphen": ("digits_mlp", "digits-mlp"),
    "another case": ("q.SCORES", "Q.scores"),
    "a plural": ("attack", "attacks"),
    "no plural": ("defenses", "defense"),
    "another ending": ("calibrate", "calibrated"),
    "a missing end": ("digits", "digits-mlp"),
    "a missing beginning": ("scores", "Q.scores"),
    "a missing beginning, and a typo": ("lables", "Q.labels"),
    "a missing end, and swapped digits": ("shokri-2071", "shokri-2017-shadow"),
    "an end too many": ("digits-mlp-2", "digits-mlp"),
    "three letters": ("EUT", "EUR"),
}
FAR = {
    "another author, another year": ("doe2027", "deb2002"),
    "the same year": ("doe2027", "lee2027"),
    "short authors": ("xu2020", "li2020"),
    "authors who are alike": ("jones2020", "james2020"),
    "short ids": ("knn", "gan"),
    "two letters": ("M2", "M3"),
    "one word of several": ("yeom-2018-loss", "ye-2022-attack-r"),
    "a short word in a long name": ("mlp", "digits-mlp"),
    "a name in something long": ("what-my-colleague-calls-loss", "loss"),
    "the same letters": ("listen", "silent"),
    "nothing": ("", "digits-mlp"),
    "no letters": ("§", "%"),
}


@pytest.mark.parametrize("case", sorted(NEAR))
def test_what_is_near_is_suggested(case):
    written, known = NEAR[case]
    assert nearest(written, ["something-else", known, "zebra"]) == f"did you mean {known}?"


def test_a_name_that_several_begin_with_stands_for_all_of_them():
    names = [f"genomes-{end}" for end in ("mlp", "linear", "null", "tree", "panel-mlp")]
    two = unknown_entry("target", "Genomes", [*names[:2], "digits-mlp"])
    assert str(two) == "unknown target 'Genomes': did you mean genomes-mlp or genomes-linear?"
    told = "did you mean genomes-mlp, genomes-null, genomes-tree, genomes-linear or another of 5 that begin so?"
    assert str(unknown_entry("target", "genomes", [*names, "digits-mlp"])).endswith(told)
    assert str(unknown_entry("target", "zebr", ["zebra"])) == "unknown target 'zebr': did you mean zebra?"


@pytest.mark.parametrize("case", sorted(FAR))
def test_what_is_not_near_is_not(case):
    written, known = FAR[case]
    assert nearest(written, [known, "zebra"]) == f"known: {', '.join(sorted([known, 'zebra']))}"


def test_fewer_typos_go_first_and_a_whole_name_before_a_part():
    assert meant("shokri-2071", ["shokri-2017-shadow", "shokri-2011", "shokri-2017"]) == "shokri-2011"
    assert meant("shokri-2071", ["shokri-2017-shadow", "shokri-2017"]) == "shokri-2017"
    assert meant("digits", ["fashion-digits-large", "digits-null"]) == "digits-null"
    assert mistyped("digits", ["digits-null"]) is None and mistyped("atacks", ["attacks", "steps"]) == "attacks"
    assert nearest("anything", []) == ""


@pytest.mark.slow
def test_every_id_is_found_with_a_typo(catalog):
    """With two letters swapped in its middle, an id is offered, or one that is as near."""
    for kind in catalog.kinds.values():
        for name in kind:
            middle = len(name) // 2
            swapped = name[: middle - 1] + name[middle] + name[middle - 1] + name[middle + 1 :]
            assert meant(swapped, kind) is not None, (name, swapped)


def edits(first: str, second: str) -> int:
    """Optimal string alignment, as its definition reads."""
    if not first or not second:
        return len(first) + len(second)
    found = [edits(first[:-1], second) + 1, edits(first, second[:-1]) + 1]
    found.append(edits(first[:-1], second[:-1]) + (first[-1] != second[-1]))
    if len(first) > 1 and len(second) > 1 and first[-2:] == second[-1] + second[-2]:
        found.append(edits(first[:-2], second[:-2]) + 1)
    return min(found)


def test_edits_are_those_of_the_definition():
    texts = ["", "a", "ab", "ba", "abc", "acb", "bca", "abcd", "badc", "dabc"]
    for first, second, most in itertools.product(texts, texts, range(4)):
        expected = edits(first, second)
        assert nearness._edits(first, second, most) == (expected if expected <= most else None), (first, second, most)


@pytest.mark.slow
def test_long_names_cost_little():
    started = time.process_time()
    assert meant("a" * 100_000, ["a" * 297 + str(n) for n in range(100, 600)]) is not None
    assert time.process_time() - started < 5
