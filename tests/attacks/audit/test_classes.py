"""Labels and outputs meet by name."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.audit import classes
from taxonomy.findings import InputError


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["b", "a"], ["b", "a"]),
        ([1, 0], ["1", "0"]),
        ([1.0, 0.0], ["1", "0"]),
        (["1.0", "0"], ["1", "0"]),
        ([True, False], ["True", "False"]),
        ([" b ", "a"], ["b", "a"]),
        (["1.5", "-2.0"], ["1.5", "-2"]),
    ],
    ids=str,
)
def test_names_of_labels(values, names):
    assert classes.names(np.array(values), "x").tolist() == names


def test_labels_are_numbered_by_name_and_never_by_sorting():
    labels = classes.names(np.array(["b", "a", "c"]), "x")
    assert classes.numbered(labels, ["c", "b", "a"], "x").tolist() == [1, 2, 0]
    assert classes.numbered(classes.names(np.array([10, 9]), "x"), ["9", "10"], "x").tolist() == [1, 0]


def test_whole_numbers_need_no_names_and_others_do():
    assert classes.of_labels([np.array(["0", "3"])], "x") == ["0", "1", "2", "3"]
    with pytest.raises(InputError, match=r"add `classes: \[...\]`"):
        classes.of_labels([np.array(["sick"])], "x")
    with pytest.raises(InputError, match="is that column an identity"):
        classes.of_labels([np.array(["7", "20000000"])], "x")


def test_a_training_function_gets_numbers_where_all_labels_are_some():
    assert classes.typed(np.array(["1", "0"])).dtype == np.int64
    assert classes.typed(np.array(["1", "well"])).tolist() == ["1", "well"]
