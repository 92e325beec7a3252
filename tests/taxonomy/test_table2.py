"""Table 2 of the survey, typed by hand from the printed page, against what the entries give back."""

from __future__ import annotations

from taxonomy import tables

# Previous works | AO | prior knowledge: model | TD | QA | TMT | TF, exactly as printed.
TABLE_2 = """
Long et al.'s [18]   | B | M3         | D1     | Q | D | S
Shokri's [19]        | B | M3, M4     | D1     | Q | D | S
Nasr's-1 [20]        | W | M1, M2     | D2     | N | D | F
Nasr's-2 [20]        | W | M1, M2     | D2     | N | D | F
ML-Leaks-1 [22]      | B | M3         | D2     | N | D | S
ML-Leaks-2 [22]      | B | N          | N      | Q | D | S
ML-Leaks-3 [22]      | B | N          | N      | Q | D | S
LOGAN-1 [23]         | W | M1, M2, M4 | N      | N | G | S
LOGAN-2 [23]         | B | N          | D1, D2 | Q | G | S
LOGAN-3 [23]         | B | N          | D1, D2 | Q | G | S
Gan-Leaks-1 [24]     | B | M3         | N      | Q | G | S
Gan-Leaks-2 [24]     | B | N          | D1     | N | G | S
Gan-Leaks-3 [24]     | W | M1         | N      | N | G | S
Nasr's et al.'s [26] | B | N          | D2     | Q | D | S
Truex et al.'s [27]  | B | M3         | N      | Q | D | S
Melis et al.'s[33]   | B | M4         | D1     | N | D | F
Long et al.'s[31]    | B | N          | D1, D2 | Q | D | S
"""

# The works that the rows really stand for: the printed numbers belong to an older list of references.
WORKS = {
    "long-2018-gmia": "long2018", "shokri-2017": "shokri2017", "nasr-2019-passive": "nasr2019", "nasr-2019-active": "nasr2019",
    "ml-leaks-1": "salem2019", "ml-leaks-2": "salem2019", "ml-leaks-3": "salem2019", "logan-1": "hayes2019",
    "logan-2": "hayes2019", "logan-3": "hayes2019", "gan-leaks-1": "chen2020", "gan-leaks-2": "chen2020",
    "gan-leaks-3": "chen2020", "nasr-2018": "nasr2018", "truex-2019": "truex2021", "melis-2019-membership": "melis2019",
    "long-2017": "long2017",
}  # fmt: skip


def test_table_2_cell_for_cell(catalog):
    printed = [[cell.strip() for cell in line.split("|")] for line in TABLE_2.strip().splitlines()]
    given = [[row["name"], *(row[c] for c in ("AO", "M", "TD", "QA", "TMT", "TF"))] for row in tables.surveyed(catalog)]
    assert given == printed


def test_rows_cite_the_right_works(catalog):
    rows = {row["attack"] for row in tables.surveyed(catalog)}
    assert rows == set(WORKS), "`surveyed` stands on the 17 entries of Table 2 and on no other"
    for attack, work in WORKS.items():
        assert catalog.attacks[attack].cites[0] == work
        assert catalog.attacks[attack].standing == "table"


def test_every_difference_has_its_reason(catalog):
    assert all(row["because"] for row in tables.differing(catalog))


def test_published_and_surveyed_have_the_same_rows(catalog):
    assert [r["name"] for r in tables.published(catalog)] == [r["name"] for r in tables.surveyed(catalog)]
