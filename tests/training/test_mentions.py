"""Mentions of somebody before a blank: which words tell a gender, and how far off they are."""

from __future__ import annotations

import pytest

from training.mentions import MentionFinder, mention_finder, nearest
from training.pronouns import load_pairs


@pytest.fixture(scope="module")
def english() -> MentionFinder:
    return mention_finder(load_pairs())


def told(words: MentionFinder, left: str) -> list[tuple[str, str, int, int]]:
    return [(m.word, m.kind, m.gender, m.distance) for m in words.before(left)]


def test_names_nouns_and_pronouns_are_found_nearest_first_with_their_distance_in_words(english: MentionFinder) -> None:
    left = "Karen met her old uncle at the station, and then "
    assert told(english, left) == [("uncle", "noun", 0, 6), ("her", "pronoun", 1, 8), ("Karen", "name", 1, 10)]


def test_the_word_right_before_the_blank_is_at_distance_one(english: MentionFinder) -> None:
    assert told(english, 'Then Brian ("') == [("Brian", "name", 0, 1)]
    assert told(english, "Anna's ") == [("Anna", "name", 1, 2)]  # the s is a word too


def test_nouns_and_pronouns_count_in_any_case_names_only_with_a_capital(english: MentionFinder) -> None:
    assert told(english, "HIS Mother said to karen that ") == [("Mother", "noun", 1, 5), ("HIS", "pronoun", 0, 6)]


def test_a_name_after_a_title_tells_only_what_the_title_tells(english: MentionFinder) -> None:
    assert told(english, "Mrs. James said that ") == [("Mrs", "noun", 1, 4)]
    assert told(english, "Doctor James said that ") == []
    assert told(english, "James, sir, ") == [("sir", "noun", 0, 1), ("James", "name", 0, 2)]


def test_names_that_both_genders_bear_tell_nothing(english: MentionFinder) -> None:
    masculine, feminine = english.names
    assert not masculine & feminine
    assert {"Brian", "Karen"} <= masculine | feminine


def test_another_language_knows_its_pronouns_alone() -> None:
    spanish = mention_finder(load_pairs("spanish"))
    assert spanish.kinds == ("pronoun",)
    assert told(spanish, "María dice que ella y él ") == [("él", "pronoun", 0, 1), ("ella", "pronoun", 1, 3)]


def test_the_nearest_is_of_the_gender_and_the_kinds_asked_for(english: MentionFinder) -> None:
    mentions = english.before("Karen told her brother that ")
    someone, anything = nearest(mentions, 1, ("name", "noun")), nearest(mentions, 1, english.kinds)
    assert someone is not None
    assert anything is not None
    assert (someone.word, anything.word) == ("Karen", "her")
    assert nearest(mentions, 0, ("name",)) is None
