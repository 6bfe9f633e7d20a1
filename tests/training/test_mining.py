"""Mining: which words become items, how the window is cut, and what is dropped and counted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from training.corpus import Document, read_documents
from training.errors import EvaluationError
from training.mining import ClozeItem, MiningReport, Window, mine
from training.pronouns import load_pairs

HEADLINE = Window()


def items(
    *paragraphs: str, window: Window = HEADLINE, report: MiningReport | None = None, language: str = "english"
) -> list[ClozeItem]:
    return list(mine([Document("book", iter(paragraphs))], load_pairs(language), window, report))


def test_an_item_is_the_text_around_a_pronoun_and_the_pronoun_itself() -> None:
    (item,) = items("Mary packed because she was leaving.")
    assert (item.pair.name, item.answer) == ("he/she", "she")
    assert (item.left, item.right) == ("Mary packed because ", " was leaving.")
    assert item.text == "Mary packed because ___ was leaving."
    assert item.place == "book, paragraph 1"


def test_every_lower_case_form_that_is_a_word_is_an_item_and_nothing_else() -> None:
    found = items('He said she\'s here, the hero; sheer (he) he-man he2 hé SHE. "he" said she')
    assert [item.answer for item in found] == ["she", "he", "he", "he", "she"]


def test_forms_of_two_pairs_are_told_apart_by_what_follows_or_dropped() -> None:
    report = MiningReport()
    found = items(
        "his book, her book, saw him, saw her. It was his. It was hers. Let her go, told her Mary.", report=report
    )
    assert [(item.pair.name, item.answer) for item in found] == [
        ("his/her", "his"), ("his/her", "her"), ("him/her", "him"), ("him/her", "her"),
        ("his/hers", "his"), ("his/hers", "hers"),
    ]  # fmt: skip
    assert report.dropped == Counter({("her", "not told apart"): 2})


def test_the_report_counts_what_was_kept_and_dropped_and_why() -> None:
    report = MiningReport()
    items("He saw himself.", "", "She ___ he", report=report)
    assert report.to_json() == {
        "n_documents": 1,
        "n_paragraphs": 2,
        "kept": {"himself/herself": {"himself": 1}},
        "dropped": {"he": {"a blank in the text": 1, "not lower case": 1}, "she": {"not lower case": 1}},
    }


def test_the_window_is_cut_at_spaces_within_its_limits() -> None:
    (item,) = items("one two three he four five six", window=Window(9, 9))
    # The last 9 characters before are "wo three ", the first 9 after " four fiv".
    assert (item.left, item.right) == ("three ", " four")


def test_a_word_that_ends_exactly_at_the_limit_stays() -> None:
    (item,) = items("one two three he four five six", window=Window(10, 10))
    assert (item.left, item.right) == ("two three ", " four five")
    (item,) = items("one two three he four five six", window=Window(6, 5))
    assert (item.left, item.right) == ("three ", " four")


def test_text_that_fits_is_not_cut() -> None:
    (item,) = items("one two he three", window=Window(8, 6))
    assert (item.left, item.right) == ("one two ", " three")


def test_a_window_of_no_characters_is_a_blank_alone() -> None:
    (item,) = items("one he two", window=Window(0, 0))
    assert item.text == "___"


def test_text_without_spaces_is_left_out_rather_than_cut_inside_a_word() -> None:
    (item,) = items("x" * 20 + '"he"' + "y" * 20, window=Window(5, 5))
    assert item.text == "___"


def test_the_headline_window_is_400_characters_left_and_120_right_within_the_paragraph() -> None:
    found = items("word " * 100 + "he " + "word " * 100, "she left.")
    assert (len(found[0].left), len(found[0].right)) == (400, 120)
    assert found[1].left == ""


def test_a_whole_document_s_window_runs_over_the_ends_of_paragraphs() -> None:
    window = Window(20, 14, whole_document=True)
    found = items("Anna was late.", "", "Then she came.", "He saw it.", "Or not.", window=window)
    assert [item.text for item in found] == ["was late.\n\nThen ___ came.\nHe saw"]


def test_the_whole_document_s_window_is_that_of_the_joined_text() -> None:
    paragraphs = ["Anna said he knew.", "x", "She thought she slept, and he too.", "So he did.", "y" * 50, "he"]
    joined = items("\n".join(paragraphs), window=Window(33, 17))
    found = items(*paragraphs, window=Window(33, 17, whole_document=True))
    assert [item.text for item in found] == [item.text for item in joined]


def test_other_gendered_pronouns_are_those_of_any_pair_and_case_in_the_window() -> None:
    assert [item.other_gendered for item in items("Tom left and he sang.")] == [False]
    assert [item.other_gendered for item in items("Her aunt left and he sang.")] == [True]
    assert [item.other_gendered for item in items("Tom left and he sang to himself.")] == [True, True]
    assert [item.other_gendered for item in items("Her aunt left long ago and he sang.", window=Window(10, 10))] == [
        False
    ]


def test_other_languages_are_mined_by_their_own_pairs() -> None:
    found = items("Ana dijo que ella y él, el niño, venían.", language="spanish")
    assert [item.answer for item in found] == ["ella", "él"]


def test_a_negative_window_is_refused() -> None:
    with pytest.raises(EvaluationError, match="cannot have -1 characters left"):
        Window(left=-1)


def test_the_test_novels_give_the_number_of_items_that_the_documentation_states(shared: Path) -> None:
    report = MiningReport()
    found = list(mine(read_documents([shared / "corpora" / "novels" / "test"]), load_pairs(), HEADLINE, report))
    asked = [item for item in found if item.pair.name == "he/she"]
    assert Counter(item.answer for item in asked) == {"he": 4794, "she": 3966}
    assert sum(not item.other_gendered for item in asked) == 866
