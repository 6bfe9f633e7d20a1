"""The small stories: a closed vocabulary, the asked number of words, and subjects as a reader would tell them."""

from __future__ import annotations

import numpy as np
import pytest

from training.experiments.small_stories import (
    DISTRACTOR,
    ELSEWHERE,
    FIRST,
    NEW_OTHER,
    NEW_SAME,
    OUTSIDE,
    PAD,
    memory_questions,
    switch_questions,
    vocabulary,
)

MASCULINE = {"man", "boy", "king", "uncle", "father", "brother", "monk", "waiter"}
FEMININE = {"woman", "girl", "queen", "aunt", "mother", "sister", "nun", "waitress"}
WORDS = {number: word for word, number in vocabulary().items()}


def words_of(questions, row: int) -> list[str]:
    return [WORDS[number] for number in questions.ids[row, : questions.lengths[row]]]


@pytest.mark.parametrize("n_fillers", [0, 1, 200])
def test_a_memory_story_is_one_person_and_exactly_so_many_other_words(n_fillers: int) -> None:
    questions = memory_questions("x", 30, n_fillers)
    for row in range(30):
        words = words_of(questions, row)
        told = words[: len(words) - n_fillers]
        assert told[0] in ("the", "a", "an")
        assert told[-1] in (FEMININE if questions.answers[row] else MASCULINE)
        assert not (MASCULINE | FEMININE | {"he", "she"}) & set(words[len(told) :])
    assert 5 < questions.answers.sum() < 25


def test_mostly_few_words_are_drawn_evenly_by_their_logarithm() -> None:
    lengths = memory_questions("x", 1000, (0, 7), mostly_few=True).ids
    fillers = (lengths != PAD).sum(axis=1)  # an article, perhaps an adjective, a noun, and 0 to 7 words
    few = memory_questions("x", 1000, (0, 7)).ids
    assert fillers.mean() < (few != PAD).sum(axis=1).mean() - 0.8
    # 1 + words from 1 to 8 in three doublings, and 9 as the open end: words 0 have log(2) / log(9) of all
    alone = memory_questions("y", 1000, (0, 7), mostly_few=True)
    nouns = {vocabulary()[word] for word in MASCULINE | FEMININE}
    ends = [int(alone.ids[row, alone.lengths[row] - 1]) in nouns for row in range(1000)]
    assert np.mean(ends) == pytest.approx(np.log(2) / np.log(9), abs=0.05)  # three standard errors


@pytest.mark.parametrize("n_switches", [0, 2, 5])
def test_the_last_sentences_first_person_is_asked_and_another_of_the_other_gender_is_nearer(n_switches: int) -> None:
    questions = switch_questions("x", 30, (n_switches,))
    for row in range(30):
        sentences = " ".join(words_of(questions, row)).split(" . ")
        assert len(sentences) == n_switches + 1
        people = [word for word in sentences[-1].split() if word in MASCULINE | FEMININE]
        right, wrong = (FEMININE, MASCULINE) if questions.answers[row] else (MASCULINE, FEMININE)
        assert len(people) == 2
        assert people[0] in right
        assert people[1] in wrong


def test_roles_and_subjects_are_those_that_reading_gives() -> None:
    questions = switch_questions("x", 60, (1, 2, 3), alone=True)
    seen = set()
    for row in range(60):
        subject, opens, n = -1, True, int(questions.lengths[row])
        for place, word in enumerate(words_of(questions, row)):
            role = ELSEWHERE
            if word in MASCULINE | FEMININE:
                gender = int(word in FEMININE)
                if not opens:
                    role = DISTRACTOR
                else:
                    role = FIRST if subject < 0 else NEW_SAME if gender == subject else NEW_OTHER
                    subject, opens = gender, False
            opens = opens or word == "."
            assert (questions.roles[row, place], questions.subjects[row, place]) == (role, subject)
            seen.add(role)
        assert (questions.roles[row, n:] == OUTSIDE).all()
        assert (questions.ids[row, n:] == PAD).all()
        assert questions.answers[row] == subject
    assert seen == {ELSEWHERE, FIRST, NEW_OTHER, NEW_SAME, DISTRACTOR}


def test_the_same_seed_tells_the_same_stories_and_some_of_them_can_be_taken() -> None:
    first, again, other = (memory_questions(seed, 20, (0, 9)) for seed in ("x", "x", "y"))
    assert np.array_equal(first.ids, again.ids)
    assert first.ids.shape != other.ids.shape or not np.array_equal(first.ids, other.ids)
    shortest = int(first.lengths.argmin())
    one = first.chosen(np.array([shortest]))
    assert one.ids.shape == (1, first.lengths[shortest])
    assert words_of(one, 0) == words_of(first, shortest)


def test_every_word_of_a_story_is_in_the_vocabulary_and_0_is_none() -> None:
    assert sorted(vocabulary().values()) == list(range(1, len(vocabulary()) + 1))
    assert {"he", "she", "."} <= vocabulary().keys()
