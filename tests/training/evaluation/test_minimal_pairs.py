"""Minimal pairs: the one word that differs, and lines that are no pair."""

from __future__ import annotations

import json

import pytest

from training.errors import EvaluationError
from training.evaluation.minimal_pairs import Difference, MinimalPair, OnePrefix, read_pairs


def difference(good: str, bad: str) -> Difference | None:
    return MinimalPair(good, bad, "x", "x").difference


def test_the_one_word_that_differs_is_found_whole() -> None:
    assert difference("Kim saw herself.", "Kim saw himself.") == Difference("Kim saw ", "herself", "himself", ".")
    assert difference("He left.", "Her left.") == Difference("", "He", "Her", " left.")
    assert difference("I saw him", "I saw his") == Difference("I saw ", "him", "his", "")


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("Kim saw herself.", "Tim saw himself."),
        ("Kim saw herself.", "Kim saw herself"),
        ("Kim saw herself.", "Kim saw the herself."),
        ("Kim can see.", "Kim can't see."),
        ("Kim saw ___ and him.", "Kim saw ___ and her."),
    ],
)
def test_sentences_that_differ_in_more_than_a_word_have_no_blank(good: str, bad: str) -> None:
    assert difference(good, bad) is None


def test_a_line_is_read_with_its_phenomenon_or_else_its_file_s_name() -> None:
    line = {"sentence_good": "Kim  saw herself.", "sentence_bad": "Kim saw himself."}
    pairs = read_pairs([("f", "f, line 1", json.dumps(line | {"UID": "gender"})), ("f", "f, line 2", json.dumps(line))])
    assert pairs[0] == MinimalPair("Kim saw herself.", "Kim saw himself.", "gender", "f, line 1")
    assert pairs[1].phenomenon == "f"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "f, line 3: invalid JSON"),
        ("[]", "f, line 3: no sentence in the field sentence_good"),
        ('{"sentence_good": "a", "sentence_bad": " "}', "f, line 3: no sentence in the field sentence_bad"),
        ('{"sentence_good": "a", "sentence_bad": "a "}', "f, line 3: the two sentences are the same: 'a'"),
    ],
)
def test_a_line_that_is_no_pair_is_refused_with_its_place(line: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        read_pairs([("f", "f, line 3", line)])


def test_no_line_at_all_is_refused() -> None:
    with pytest.raises(EvaluationError, match="no minimal pair"):
        read_pairs([])


LINE = {
    "sentence_good": "Kim saw herself.",
    "sentence_bad": "Kim saw himself.",
    "one_prefix_prefix": "Kim  saw",
    "one_prefix_word_good": "herself",
    "one_prefix_word_bad": "himself",
}


def test_the_fields_of_the_one_prefix_method_are_read_where_a_line_has_them() -> None:
    without = {name: LINE[name] for name in ("sentence_good", "sentence_bad")}
    pairs = read_pairs([("f", "f, line 1", json.dumps(LINE)), ("f", "f, line 2", json.dumps(without))])
    assert [pair.one_prefix for pair in pairs] == [OnePrefix("Kim saw", "herself", "himself"), None]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"one_prefix_word_bad": None}, "f, line 3: one_prefix_prefix, .* all three or none"),
        ({"one_prefix_word_bad": "herself"}, "f, line 3: the words after the one prefix are 'herself' and 'herself'"),
        ({"one_prefix_prefix": "Kim ___"}, "f, line 3: .* and no blank"),
    ],
)
def test_fields_of_the_one_prefix_method_that_make_no_choice_are_refused(
    changed: dict[str, object], message: str
) -> None:
    with pytest.raises(EvaluationError, match=message):
        read_pairs([("f", "f, line 3", json.dumps(LINE | changed))])
