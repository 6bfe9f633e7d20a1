"""Paired tests against values worked out by hand, and the correction for many of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.evaluation.paired_tests import binomial_p, holm, mcnemar, paired_bootstrap

RIGHT, WRONG, TIE = 1.0, -1.0, 0.0


def test_mcnemar_counts_what_only_one_got_right() -> None:
    first = [RIGHT] * 6 + [WRONG] * 1 + [RIGHT] * 20 + [WRONG] * 5
    second = [WRONG] * 6 + [RIGHT] * 1 + [RIGHT] * 20 + [WRONG] * 5
    found = mcnemar(first, second)
    assert (found.n_items, found.only_first, found.only_second) == (32, 6, 1)
    assert found.p_value == 2 * (1 + 7) / 2**7  # at most 1 of 7 coins, either way: 0.125


def test_a_place_of_many_questions_has_one_vote() -> None:
    first = [RIGHT] * 6 + [WRONG] + [RIGHT, WRONG] + [RIGHT]
    second = [WRONG] * 6 + [RIGHT] + [WRONG, RIGHT] + [WRONG]
    found = mcnemar(first, second, ["a"] * 7 + ["b"] * 2 + ["c"])
    assert (found.n_items, found.only_first, found.only_second) == (10, 2, 0)
    assert found.p_value == 2 / 4


@pytest.mark.parametrize(
    ("split", "p"),
    [((0, 0), 1.0), ((5, 5), 1.0), ((0, 1), 1.0), ((0, 5), 2 / 32), ((2, 8), 2 * (1 + 10 + 45) / 1024)],
)
def test_the_exact_p_is_twice_the_smaller_tail_and_at_most_one(split: tuple[int, int], p: float) -> None:
    assert binomial_p(*split) == p
    assert binomial_p(*split[::-1]) == p


def test_the_exact_p_of_many_items_is_still_exact() -> None:
    by_hand = 2 * sum(math.comb(2000, k) for k in range(951)) / 2**2000
    assert binomial_p(950, 1050) == by_hand
    normal = math.erfc(49.5 / math.sqrt(500) / math.sqrt(2))  # with continuity correction
    assert by_hand == pytest.approx(normal, rel=2e-3)


def test_a_tie_decides_like_half_an_answer() -> None:
    found = mcnemar([RIGHT, TIE, TIE, WRONG], [TIE, WRONG, TIE, TIE])
    assert (found.only_first, found.only_second) == (2, 1)


def test_holm_multiplies_by_the_number_left_and_never_falls() -> None:
    # Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1 = 0.04, 0.06, 0.06, 0.04; the last may not fall below 0.06.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_does_not_count_what_was_not_tested() -> None:
    corrected = holm([math.nan, 0.02, 0.03])
    assert math.isnan(corrected[0])
    assert corrected[1:] == pytest.approx([0.04, 0.04])


def test_the_bootstrap_gives_the_difference_of_balanced_accuracies() -> None:
    right = np.array([0, 0, 0, 0, 1, 1])
    first = np.array([RIGHT, RIGHT, RIGHT, WRONG, RIGHT, TIE])  # 3/4 and 3/4
    second = np.array([RIGHT, WRONG, WRONG, WRONG, WRONG, RIGHT])  # 1/4 and 1/2
    found = paired_bootstrap(first, second, right, [str(n) for n in range(6)])
    assert found.difference == pytest.approx(0.75 - 0.375)
    assert found.interval.low <= found.difference <= found.interval.high
    assert (found.n_items, found.n_clusters) == (6, 6)


def test_the_bootstrap_s_interval_is_the_textbook_one_for_many_independent_items() -> None:
    random = np.random.default_rng(1)
    n = 4000
    right = np.arange(n) % 2
    first, second = (np.where(random.random(n) < share, RIGHT, WRONG) for share in (0.8, 0.7))
    found = paired_bootstrap(first, second, right, [str(i) for i in range(n)], n_resamples=4000)
    difference = (first - second) / 2
    half = 1.96 * math.sqrt(sum(np.var(difference[right == k]) / (4 * (n / 2)) for k in (0, 1)))
    assert found.interval.high - found.interval.low == pytest.approx(2 * half, rel=0.06)  # 4,000 resamples: 2 % noise
    assert found.p_value == pytest.approx(2 / 4001)


def test_items_of_one_paragraph_count_as_one() -> None:
    """Ten copies of every item tell no more than the item."""
    right = np.tile([0, 1], 20)
    first = np.where(np.arange(40) % 3 == 0, WRONG, RIGHT)
    second = np.where(np.arange(40) % 4 == 0, WRONG, RIGHT)
    once = paired_bootstrap(first, second, right, [str(i) for i in range(40)], seed=3)
    tenfold = (np.repeat(values, 10) for values in (first, second, right))
    copied = paired_bootstrap(*tenfold, [str(i // 10) for i in range(400)], seed=3)
    assert copied.interval.low == pytest.approx(once.interval.low, abs=0.02)
    assert copied.interval.high == pytest.approx(once.interval.high, abs=0.02)
    assert copied.n_clusters == 40


def test_two_that_answer_alike_do_not_differ() -> None:
    margins = [RIGHT, WRONG, RIGHT, TIE]
    found = paired_bootstrap(margins, margins, [0, 1, 0, 1], list("abcd"))
    assert (found.difference, found.interval.low, found.interval.high, found.p_value) == (0, 0, 0, 1)
    assert mcnemar(margins, margins).p_value == 1


def test_the_same_seed_gives_the_same_interval() -> None:
    random = np.random.default_rng(0)
    first, second, right = random.normal(size=50), random.normal(size=50), np.arange(50) % 2
    names = [str(i % 13) for i in range(50)]
    assert paired_bootstrap(first, second, right, names, seed=7) == paired_bootstrap(
        first, second, right, names, seed=7
    )
    assert paired_bootstrap(first, second, right, names, seed=7) != paired_bootstrap(
        first, second, right, names, seed=8
    )


@pytest.mark.parametrize("right", [[0, 0, 0], [1, 1, 1], []])
def test_without_one_of_the_two_answers_there_is_no_difference(right: list[int]) -> None:
    found = paired_bootstrap([RIGHT] * len(right), [WRONG] * len(right), right, ["a"] * len(right))
    assert math.isnan(found.difference)
    assert math.isnan(found.p_value)
