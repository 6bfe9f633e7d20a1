"""Gendered words: genders, counterparts and titles of English, and no list for another language."""

from __future__ import annotations

import pytest

from training.words import gendered_words


def test_a_language_without_a_list_has_no_words() -> None:
    assert gendered_words("es") is None


@pytest.mark.parametrize(
    ("word", "gender", "counterpart"),
    [
        ("uncle", "masculine", "aunt"),
        ("nun", "feminine", "monk"),
        ("women", "feminine", "men"),
        ("lady", "feminine", "gentleman"),
    ],
)
def test_a_noun_has_a_gender_and_a_counterpart(word: str, gender: str, counterpart: str) -> None:
    words = gendered_words("en")
    assert words is not None
    assert (words.genders[word], words.counterparts[word]) == (gender, counterpart)


@pytest.mark.parametrize(
    ("title", "other"), [("mr", "mrs"), ("mrs", "mr"), ("ms", "mr"), ("sir", "madam"), ("dame", "sir")]
)
def test_a_title_has_one_of_the_other_gender(title: str, other: str) -> None:
    words = gendered_words("en")
    assert words is not None
    assert words.titles[title] == other
    assert words.genders[title] != words.genders[other]


def test_a_word_and_its_counterpart_differ_in_gender_and_are_lower_case() -> None:
    words = gendered_words("en")
    assert words is not None
    for word, other in words.counterparts.items():
        assert word == word.lower()
        assert words.genders[word] != words.genders[other]


def test_a_word_that_stands_twice_has_its_first_counterpart() -> None:
    words = gendered_words("en")
    assert words is not None
    assert words.counterparts["bride"] == "bridegroom"
    assert words.counterparts["groom"] == "bride"
