"""The trigram: probabilities that sum to 1 and agree with Kneser-Ney worked out by hand, and its file."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from training.evaluation.ngram import BEGIN, END, UNKNOWN, Trigram, fit_trigram, words_of

TEXT = [
    "Anna said she was late.",
    "Tom said he was late.",
    "Anna said she left.",
    "Tom said he left, and he was late.",
] * 3
TEXT += ["Only once."]


def test_probabilities_sum_to_one_after_any_two_words() -> None:
    trigram = fit_trigram(TEXT)
    vocabulary = np.array([UNKNOWN, END, *range(3, 3 + len(trigram.words))])
    assert len(vocabulary) == trigram.vocabulary_size
    for context in ("Anna said", "said she", "late left", "Nobody knows", ""):
        first, second = [BEGIN, BEGIN, *trigram.encode(context)][-2:]
        rows = np.column_stack([np.full(len(vocabulary), first), np.full(len(vocabulary), second), vocabulary])
        assert trigram.probabilities(rows).sum() == pytest.approx(1, abs=1e-12)


def test_probabilities_are_those_of_kneser_ney_by_hand() -> None:
    # Two texts "a b" and four "a c": too small to estimate discounts, so 0.5 for count 1, 1 for 2 and 1.5 for more.
    trigram = fit_trigram(["a b"] * 2 + ["a c"] * 4)
    a, b, c = trigram.encode("a b c")
    # Words by number of distinct words before them: a 1, b 1, c 1, </s> 2; in all 5. V = a, b, c, </s>, <unk>.
    freed = (3 * 0.5 + 1.0) / 5
    unigram = {word: (n - d) / 5 + freed / 5 for word, n, d in ((a, 1, 0.5), (b, 1, 0.5), (c, 1, 0.5), (END, 2, 1.0))}
    # Distinct words before "a b": <s>; before "a c": <s>. So 1 of 2 each, and both freed 0.5.
    bigram = {b: (1 - 0.5) / 2 + (0.5 + 0.5) / 2 * unigram[b], c: (1 - 0.5) / 2 + (0.5 + 0.5) / 2 * unigram[c]}
    # "<s> a b" twice and "<s> a c" four times.
    freed = (1.0 + 1.5) / 6
    expected = [(2 - 1.0) / 6 + freed * bigram[b], (4 - 1.5) / 6 + freed * bigram[c], freed * (1.0 / 2) * unigram[a]]
    rows = np.array([(BEGIN, a, b), (BEGIN, a, c), (BEGIN, a, a)])
    assert trigram.probabilities(rows) == pytest.approx(expected, abs=1e-12)


def test_words_that_occur_once_are_unknown() -> None:
    trigram = fit_trigram(TEXT)
    assert "Only" not in trigram.words
    assert trigram.encode("Only") == [UNKNOWN]


def test_the_left_score_is_the_log_of_one_trigram_s_probability() -> None:
    trigram = fit_trigram(TEXT)
    said, anna, she = trigram.encode("said Anna she")
    scores = trigram.blank_scores("And then Anna said ", None, ("she", "he"))
    assert scores[0] == pytest.approx(math.log(trigram.probabilities(np.array([(anna, said, she)]))[0]))
    assert scores[0] > scores[1]


def test_the_score_of_both_sides_is_the_product_of_the_trigrams_that_hold_the_blank() -> None:
    trigram = fit_trigram(TEXT)
    scores = trigram.blank_scores("Tom said ", " was late.", ("she", "he"))
    for score, word in zip(scores, ("she", "he"), strict=True):
        ids = trigram.encode(f"Tom said {word} was late")
        rows = np.array([ids[k : k + 3] for k in range(3)])
        assert score == pytest.approx(np.log(trigram.probabilities(rows)).sum())
    assert trigram.blank_scores("", "", ("he",))[0] == pytest.approx(trigram.log_likelihoods(["he"])[0])


def test_the_likelihood_of_a_text_is_the_sum_over_its_words_and_its_end() -> None:
    trigram = fit_trigram(TEXT)
    ids = [BEGIN, BEGIN, *trigram.encode("Tom left."), END]
    rows = np.array([ids[k : k + 3] for k in range(len(ids) - 2)])
    scores = trigram.log_likelihoods(["Tom left.", "Tom left."])
    assert scores.tolist() == pytest.approx([np.log(trigram.probabilities(rows)).sum()] * 2)


def test_words_are_split_from_marks_and_keep_their_case() -> None:
    assert words_of('"He\'s here," she said.') == ['"', "He", "'", "s", "here", ",", '"', "she", "said", "."]


def test_nothing_crosses_from_one_paragraph_into_the_next() -> None:
    trigram = fit_trigram(["x y", "z w"] * 5)
    x, y, z, _ = trigram.encode("x y z w")
    after_y = trigram.probabilities(np.array([(x, y, END), (x, y, z)]))
    assert after_y[0] > 0.5 > after_y[1]


def test_reading_stops_at_the_limit() -> None:
    assert fit_trigram(iter(lambda: "Anna left.", None), max_tokens=1000).n_tokens == 1002


def test_a_saved_trigram_is_the_same(tmp_path: Path) -> None:
    trigram = fit_trigram(TEXT)
    trigram.save(tmp_path / "new" / "trigram.npz")
    loaded = Trigram.load(tmp_path / "new" / "trigram.npz")
    assert loaded.words == trigram.words
    assert loaded.n_tokens == trigram.n_tokens
    np.testing.assert_array_equal(loaded.log_likelihoods(TEXT), trigram.log_likelihoods(TEXT))


def test_no_text_gives_a_uniform_choice_and_no_crash() -> None:
    trigram = fit_trigram([])
    assert trigram.blank_scores("a", "b", ("he", "she")).tolist() == pytest.approx(
        [3 * math.log(1 / trigram.vocabulary_size)] * 2
    )


ANIMALS = ["Tom saw the cat", "Tom saw the cat", "Ann saw the dog", "Ann saw the dog"]


def test_a_continuation_is_scored_from_what_stands_before_it() -> None:
    trigram = fit_trigram(ANIMALS)
    whole, before = (trigram.log_likelihood_after("", text) for text in ("Tom saw the cat", "Tom saw"))
    assert trigram.log_likelihood_after("Tom saw", " the cat") == pytest.approx(whole - before)
    assert trigram.log_likelihood_after("Tom saw", "") == 0.0


def test_many_words_are_scored_at_once_as_each_by_itself() -> None:
    trigram = fit_trigram(ANIMALS)
    words, ids = trigram.choices(["cat", "bird", "dog", "cat"])
    assert words == ["cat", "dog"]
    for right in (None, " here"):
        expected = trigram.blank_scores("Tom saw the ", right, words)
        assert trigram.choice_scores("Tom saw the ", right, ids) == pytest.approx(expected)


def test_words_are_counted_as_they_stand_in_the_text() -> None:
    trigram = fit_trigram(["Anna saw Tom.", "Anna saw Anna.", "Paul left."])
    assert trigram.counts_of(["Anna", "saw", ".", "Tom", "Zoe"]) == [3, 2, 3, 0, 0]
