"""What is taken from a corpus to tell stories with: sentences without persons, predicates of one subject, and sentences
about somebody."""

from __future__ import annotations

import re
from random import Random

import pytest

from tests.tiny import tiny_documents
from training.phrases import MAX_PER_DOCUMENT, Phrases, find_phrases
from training.pronouns import load_pairs
from training.stories import load_grammar, story_documents


def found(text: str, language: str = "english") -> Phrases:
    return find_phrases(tiny_documents([text]), load_pairs(language), seed=1)


def test_sentences_without_persons_are_fillers() -> None:
    text = "The night passed slowly over the town. On the dish were six pieces of bacon."
    assert set(found(text).fillers) == {
        "The night passed slowly over the town.",
        "On the dish were six pieces of bacon.",
    }


@pytest.mark.parametrize(
    "sentence",
    [
        "The night passed her slowly over the town.",
        "The woman passed slowly over the town.",
        "Sally passed slowly over the old town.",
        "The night passed Sally slowly over the town.",
        "The night in 1815 passed slowly over the town.",
        'The night "passed" slowly over the town.',
        "The night passed slowly over the town!",
        "Night passed.",
    ],
)
def test_a_sentence_that_may_speak_of_somebody_is_no_filler(sentence: str) -> None:
    assert found(sentence).fillers == ()


def test_what_a_single_he_or_she_did_is_a_predicate() -> None:
    text = "She opened the door and went out. He said that she was late. He opened it to a lady. He is going out now."
    assert found(text).predicates == ("opened the door and went out",)


@pytest.mark.parametrize(
    ("sentence", "written"),
    [
        ("The rain had ruined her new coat.", "The rain had ruined {S.his} new coat"),
        ("Nothing of it was left to him.", "Nothing of it was left to {S.him}"),
        ("He said that the choice was his.", "{S.he} said that the choice was {S.hers}"),
        ("At night she talked to herself.", "At night {S.he} talked to {S.himself}"),
        ("Her hands were cold, and she shivered.", "{S.his} hands were cold, and {S.he} shivered"),
    ],
)
def test_a_sentence_that_speaks_of_somebody_by_pronouns_alone_is_told_of_anybody(sentence: str, written: str) -> None:
    assert found(sentence).sentences == (written,)


@pytest.mark.parametrize(
    "sentence",
    [
        "He gave her the book.",  # of two genders
        "She saw the man at the gate.",  # a noun tells one
        "We all saw her go home.",  # her: him or his
        "The night passed slowly.",
        "Mary forgot her old coat.",
        "Nobody saw Mary with her coat.",
        "She left.",
    ],
)
def test_a_sentence_that_names_somebody_or_is_unclear_is_not(sentence: str) -> None:
    assert found(sentence).sentences == ()


def test_a_document_gives_a_limited_number_drawn_by_the_seed() -> None:
    text = "\n".join(["The night passed slowly over the town."] * 40)
    assert len(found(text).fillers) == 1  # each once
    lines = [
        f"The {a}{b}{c} stood in the long street."
        for a in "abcdefghijklmnopqrst"
        for b in "abcdefghijklmnopqrst"
        for c in "abc"
    ]
    assert len(found("\n".join(lines)).fillers) == MAX_PER_DOCUMENT
    assert found("\n".join(lines)) == found("\n".join(lines))


def test_a_language_without_lists_offers_nothing() -> None:
    assert found("The night passed slowly over the town.", "spanish") == Phrases()


def test_stories_are_told_with_the_phrases() -> None:
    phrases = Phrases(
        ("The zeppelin hummed above the quay.",), ("juggled nine zucchini",), ("The quince {S.he} ate pleased {S.him}",)
    )
    grammar = load_grammar("training", "training")
    texts = [grammar.story(Random(n), phrases=phrases, filler_words=10).text for n in range(400)]
    assert sum("zeppelin" in text for text in texts) > 40
    assert sum("juggled nine zucchini" in text for text in texts) > 20
    assert sum("The quince he ate pleased him." in text for text in texts) > 20
    assert sum("The quince she ate pleased her." in text for text in texts) > 20
    stories = [grammar.story(Random(n), phrases=phrases) for n in range(400)]
    assert {story.pair for story in stories if re.search("quince ___|pleased ___", story.question)} == {
        "he/she",
        "him/her",
    }
    told = [list(document.paragraphs) for document in story_documents(5, 1, phrases)]
    assert told == [list(document.paragraphs) for document in story_documents(5, 1, phrases)]
    assert told != [list(document.paragraphs) for document in story_documents(5, 1)]
