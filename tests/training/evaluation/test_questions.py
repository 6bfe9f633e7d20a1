"""Pronouns at known places as cloze questions."""

from __future__ import annotations

import pytest

from tests.training.evaluation.fakes import RuleModel
from training.evaluation.ngram import fit_trigram
from training.evaluation.questions import answer_columns, question_at
from training.mining import ClozeItem, Window
from training.pronouns import load_pairs

PAIRS, HEADLINE = load_pairs(), Window()


def question(text: str, pronoun: str, window: Window = HEADLINE, pair: str | None = None) -> ClozeItem | str:
    start = text.index(pronoun)
    known = None if pair is None else PAIRS.named(pair)
    return question_at(text, start, start + len(pronoun), PAIRS, window, "f, line 1", known)


def asked(text: str, pronoun: str, window: Window = HEADLINE, pair: str | None = None) -> ClozeItem:
    item = question(text, pronoun, window, pair)
    assert isinstance(item, ClozeItem)
    return item


def test_the_pair_follows_from_what_stands_after_unless_it_is_known() -> None:
    assert asked("Ann saw her coat.", "her").pair.name == "his/her"
    assert asked("Ann saw her.", "her").pair.name == "him/her"
    assert question("Ann let her go.", "her") == "not told apart"
    assert asked("Ann let her go.", "her", pair="him/her").pair.name == "him/her"


@pytest.mark.parametrize(
    ("text", "pronoun", "reason"),
    [
        ("Ann saw ___ when she came.", "she", "a blank in the text"),
        ("Ann saw them.", "them", "not in a gendered pair"),
        ("The Paper She Wrote.", "She", "a capital within a sentence"),
    ],
)
def test_what_cannot_be_asked_has_a_reason(text: str, pronoun: str, reason: str) -> None:
    assert question(text, pronoun) == reason


def test_a_capital_at_the_start_of_a_sentence_is_no_hindrance() -> None:
    item = asked("Ann came in. She sat down.", "She")
    assert (item.answer, item.left, item.right) == ("she", "Ann came in. ", " sat down.")


def test_the_window_is_cut_at_spaces_or_shows_everything() -> None:
    text = "A long beginning, and soon she left through an old door."
    item = asked(text, "she", Window(10, 9), "he/she")
    assert (item.left, item.right) == ("and soon ", " left")
    whole = asked("It rained, so she left at once.", "she", Window(3, 3, whole_document=True))
    assert whole.text == "It rained, so ___ left at once."


def test_the_answers_of_several_pairs_stand_in_the_items_order() -> None:
    items = [asked("Ann saw her.", "her"), asked("Tom said he ran.", "he"), asked("Bob saw him.", "him")]
    likes_him = RuleModel(lambda text, target, context: {"him": 2.0, "he": 1.0}.get(target, 0.0))
    columns, temperatures = answer_columns(likes_him, items, PAIRS, None)
    assert columns["model_both"].margins.tolist() == [-2.0, 1.0, 2.0]
    assert columns["model_both"].right.tolist() == [1, 0, 0]
    assert columns["always_he"].margins.tolist() == [-1.0, 1.0, 1.0]
    assert list(temperatures) == ["him/her", "he/she"]


def test_the_n_gram_is_asked_with_the_capital_that_the_cloze_fills_in() -> None:
    trigram = fit_trigram(["She sat down .", "She sat down .", "he sat down .", "he sat down ."])
    columns, _ = answer_columns(RuleModel(lambda *_: 0.0), [asked("She sat down.", "She")], PAIRS, trigram)
    assert columns["ngram_both"].margins[0] > 0
