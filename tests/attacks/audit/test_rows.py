"""What attacks see of the user's rows, and what the model gets back: its own rows bit for bit, changed ones in their form."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from attacks.audit import checks, tables
from attacks.audit import rows as rows_module
from attacks.audit.rows import MOST_VALUES, Rows, joined, take
from taxonomy.findings import InputError


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "age": [20, 40, 60, 80],
            "income": [1e9, 2e9, 3e9, 3e9 + 1],
            "sex": ["f", "m", None, "f"],
            "dose": [0.5, np.nan, 1.5, 2.5],
        }
    )


def test_known_rows_come_back_as_they_were():
    rows = Rows(table())
    some = torch.stack([rows.x[3], rows.x[0]])
    places = rows.places(some)
    assert places.tolist() == [3, 0]
    assert rows.original(places).equals(table().iloc[[3, 0]].reset_index(drop=True))


@pytest.mark.parametrize("shape", [(40, 1), (40, 7), (40, 3, 4, 4)])
def test_known_rows_are_found_among_made_up_ones(shape):
    rows = Rows(np.random.default_rng(0).normal(size=shape).astype(np.float32).round(1))
    made = torch.randn(1000, *shape[1:], generator=torch.Generator().manual_seed(0))
    again = torch.where(rows.x == 0, -0.0, rows.x)
    places = rows.places(torch.cat([made, again]))
    assert (places[:1000] == -1).all() and torch.equal(rows.x[places[1000:]], rows.x)


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64, np.uint8])
def test_numbers_are_decoded_as_column_by_column(kind):
    known = np.random.default_rng(0).uniform(0, 200, size=(30, 4)).astype(kind)
    x = torch.randn(100, 4, generator=torch.Generator().manual_seed(0))
    back = Rows(known).decoded(x)
    exact = known.astype(np.float64)
    wanted = x.double().numpy() * exact.std(axis=0) + exact.mean(axis=0)
    if np.issubdtype(kind, np.integer):
        wanted = np.clip(np.round(wanted), np.iinfo(kind).min, np.iinfo(kind).max)
    assert back.dtype == kind and np.allclose(back, wanted, rtol=1e-6)


def test_changed_rows_come_back_in_their_form():
    rows = Rows(table())
    changed = rows.x.clone()
    changed[:, 0] += 0.1
    assert (rows.places(changed) == -1).all()
    back = rows.decoded(changed)
    assert list(back.columns) == ["age", "income", "sex", "dose"]
    assert back["sex"].tolist()[:2] == ["f", "m"] and pd.isna(back["sex"][2])
    assert np.isnan(back["dose"][1]) and not np.isnan(back["dose"][[0, 2, 3]]).any()
    spread = table()["age"].std(ddof=0)
    assert np.allclose(back["age"], table()["age"] + 0.1 * spread, atol=1e-4)


def test_whole_numbers_stay_within_their_range():
    pictures = np.array([[[0, 255]], [[7, 8]]], dtype=np.uint8)
    rows = Rows(pictures)
    assert rows.x.dtype == torch.float32 and rows.x.shape == (2, 1, 2)
    back = rows.decoded(rows.x + torch.tensor([[[-3.0, 3.0]], [[0.4, 0.6]]]))
    assert back.dtype == np.uint8 and back.tolist() == [[[0, 255]], [[7, 9]]]


def test_columns_are_standardised_over_all_rows():
    x = np.random.default_rng(0).normal(5, 100, size=(1000, 3))
    seen = Rows(x).x
    assert seen.mean(dim=0).abs().max() < 1e-5 and (seen.std(dim=0, correction=0) - 1).abs().max() < 1e-5


def test_a_constant_column_is_no_trouble():
    assert Rows(np.array([[1.0, 2.0], [1.0, 3.0]])).x.isfinite().all()


def test_rows_that_float32_cannot_tell_apart_are_counted():
    # Standardised, they differ by less than float32 can tell.
    values = np.array([[0.0], [1.0], [1.0 + 1e-9], [1.0 + 1e-9]])
    assert Rows(values).merged == 1
    assert Rows(values[[0, 1, 1]]).merged == 0


def test_a_copy_of_the_users_rows_is_handed_over():
    x = np.arange(6.0).reshape(3, 2)
    rows = Rows(x)
    rows.original(np.array([0, 1]))[:] = -1
    assert rows.known[0, 0] == 0.0
    frame = joined([table(), table()])
    some = take(frame, np.array([0]))
    some.loc[0, "age"] = -1
    assert frame.loc[0, "age"] == 20


@pytest.mark.parametrize("size", [1e200, 1e308])
def test_numbers_whose_squares_are_too_large_are_standardised_too(size):
    seen = Rows(np.array([[0.25], [0.5], [1.0], [-1.0]]) * size).x
    assert seen.isfinite().all() and len(seen.unique()) == 4 and float(seen.std(correction=0)) == pytest.approx(1, rel=1e-5)


def test_records_that_float32_cannot_tell_apart_are_not_called_the_same():
    near = np.full((200, 2, 2), 1.0) + 1e-9 * np.arange(200)[:, None, None]
    sides = [tables.of_values(name, part, np.arange(100) % 2) for name, part in (("members", near[:100]), ("others", near[100:]))]
    with pytest.raises(InputError, match="less than float32 tells"):
        checks.refuse_overlap(*sides, Rows(near))
    with pytest.raises(InputError, match="stand among the members and among the non-members"):
        checks.refuse_overlap(sides[0], sides[0], Rows(np.concatenate([near[:100]] * 2)))


def test_free_text_is_refused_with_its_column_and_count():
    notes = pd.DataFrame({"age": np.arange(MOST_VALUES + 1), "notes": [f"patient {k}" for k in range(MOST_VALUES + 1)]})
    with pytest.raises(InputError, match=r"'notes' holds 1,001 different texts.*leave it out \(`features:`\)") as said:
        Rows(notes)
    assert "patient" not in str(said.value), "a message shows no content"
    assert Rows(notes[:-1]).x.shape == (MOST_VALUES, MOST_VALUES + 1)


def test_a_made_up_record_with_the_hash_of_a_known_one_is_not_taken_for_it(monkeypatch):
    """Hashes of 64 bits can collide; answers would then be those of another record."""
    known = Rows(np.random.default_rng(0).normal(size=(20, 3)))
    asked = torch.cat([known.x[5:8], known.x[5:8] + 1])
    ids, sums = rows_module.record_ids, rows_module._sums
    monkeypatch.setattr(rows_module, "record_ids", lambda x: np.concatenate([ids(x[:3]), ids(x[:3])]))
    monkeypatch.setattr(rows_module, "_sums", lambda x: np.concatenate([sums(x[:3]), sums(x[:3])]))
    assert known.places(asked).tolist() == [5, 6, 7, -1, -1, -1]


def test_records_are_known_by_blocks_and_with_gaps_and_both_zeros(monkeypatch):
    monkeypatch.setattr(rows_module, "BLOCK", 7)
    values = np.arange(30.0).reshape(10, 3, 1)
    values[4, 1] = np.nan
    known = Rows(values)
    asked = known.x.clone()
    asked[0, 0] = -0.0
    assert known.places(asked).tolist() == list(range(10))
    assert known.places(asked[:0]).tolist() == []
    assert known.places(asked + 0.5).tolist() == [-1] * 10
