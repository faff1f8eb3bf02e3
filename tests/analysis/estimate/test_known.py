"""What is known beforehand: options, levels, sizes, the machine; seeds and results of training are not."""

from __future__ import annotations

import math

import pytest

from analysis.estimate.known import columns, known_beforehand, matrix, options, planned_epochs

COMMAND = ("python", "train.py", "--width", "2", "--lr=1e-3", "--seed", "17", "--binary", "--epochs", "25", "data.npz")


def test_options_are_read_with_their_values():
    assert {"width": 2.0, "lr": 0.001, "seed": 17.0, "binary": "on", "epochs": 25.0} == options(COMMAND)
    assert {} == options(())


def test_sizes_are_known_beforehand_and_seeds_and_what_training_brought_are_not():
    metrics = {"parameters": 1000, "flop_per_batch": 2e9, "accuracy": 0.9, "epochs": 12, "images_per_s": 3.0}
    known = known_beforehand({"precision": "float32"}, metrics, COMMAND, {"cores": 2, "cpu": "x"}, {"gpu0": 249.97})
    assert {
        *("option width", "option lr", "option binary", "option epochs", "factor precision", "result parameters"),
        *("result flop_per_batch", "host cores", "host cpu", "limit of gpu0"),
    } == set(known)
    assert 250.0 == known["limit of gpu0"]


@pytest.mark.parametrize(
    ("command", "levels", "expected"),
    [
        (COMMAND, {}, 25),
        (("x", "--epochs", "10", "--finetune-epochs", "50"), {}, 60),
        (("x",), {"epochs": 7}, 7),
        (("x", "--epochs", "many"), {}, None),
        (("x", "--epochs", "0"), {}, None),
        ((), {}, None),
    ],
)
def test_the_maximum_of_epochs_is_what_the_command_or_a_factor_says(command, levels, expected):
    assert expected == planned_epochs(command, levels)


def test_columns_are_what_all_tell_and_in_which_they_differ():
    rows = [{"a": 1.0, "b": "x", "c": 1.0}, {"a": 2.0, "b": "x"}]
    assert ("a",) == columns(rows)
    assert () == columns([])


def test_numbers_become_logarithms_texts_one_hot_and_equal_columns_stand_once():
    like = [{"n": 0.0, "same": 0.0, "t": "x"}, {"n": 1.0, "same": 1.0, "t": "y"}, {"n": 3.0, "same": 3.0, "t": "x"}]
    made = matrix(like, ("n", "same", "t"), like)
    assert [[math.log1p(0), 1, 0], [math.log1p(1), 0, 1], [math.log1p(3), 1, 0]] == made
    [new] = matrix([{"n": 7.0, "same": 7.0, "t": "never seen"}], ("n", "same", "t"), like)
    assert [math.log1p(7), 0, 0] == new


def test_numbers_below_zero_stay_as_they_are():
    like = [{"n": -1.0}, {"n": 2.0}]
    assert [[-1.0], [2.0]] == matrix(like, ("n",), like)
