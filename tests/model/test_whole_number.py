"""A whole number on the command line: what is none is told with what was expected, whichever command asks."""

from __future__ import annotations

import argparse

import pytest

import anaphora
from model.whole_number import whole_number


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("007", 7), ("1000000000", 10**9)])
def test_digits_are_a_number(text: str, number: int) -> None:
    assert whole_number()(text) == number


@pytest.mark.parametrize("text", ["", "0", "-1", "+1", "1.5", "1e3", " 1", "٣", "²", "1000000001", "9" * 5000])
def test_everything_else_is_told_with_what_was_expected(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a whole number of 1 or more"):
        whole_number()(text)
    with pytest.raises(argparse.ArgumentTypeError, match="is not a whole number from 2 to 8"):
        whole_number(2, 8)(text)


@pytest.mark.parametrize(
    "words",
    [
        ["bench", "fill", "--repeats"],
        ["bench", "trace", "--threads"],
        ["bench", "train", "--repeats"],
        ["bench", "prepare", "--megabytes"],
        ["bench", "evidence", "en-lstm", "--steps"],
        ["train", "texts", "--out", "model", "--threads"],
        ["experiment", "memory", "--seeds"],
        ["fill", "Tom said that ___ was tired.", "--top-k"],
    ],
    ids=" ".join,
)
def test_nothing_is_measured_or_trained_none_times(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert anaphora.main([*words, "0"]) == 2
    assert f"argument {words[-1]}: '0' is not a whole number " in capsys.readouterr().err
