"""Every figure against values worked out by hand or stated in its source."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.evaluation import metrics


def test_a_tie_counts_one_half() -> None:
    assert metrics.accuracy([1.0, -1.0, 0.0, 2.0]) == 2.5 / 4
    assert metrics.tie_rate([1.0, -1.0, 0.0, 2.0]) == 0.25


def test_balanced_accuracy_is_the_mean_over_the_two_answers() -> None:
    margins, answers = [1.0, 1.0, 1.0, -1.0, 2.0], [0, 0, 0, 0, 1]
    assert metrics.class_accuracies(margins, answers) == (0.75, 1.0)
    assert metrics.balanced_accuracy(margins, answers) == 0.875


def test_a_constant_answer_has_a_balanced_accuracy_of_one_half_however_unequal_the_classes() -> None:
    answers = np.array([0] * 90 + [1] * 10)
    assert metrics.accuracy(np.where(answers == 0, 1.0, -1.0)) == 0.9
    assert metrics.balanced_accuracy(np.where(answers == 0, 1.0, -1.0), answers) == 0.5


def test_balanced_accuracy_needs_both_answers() -> None:
    assert math.isnan(metrics.balanced_accuracy([1.0, -1.0], [0, 0]))


def test_the_wilson_interval_is_that_of_newcombe_s_table() -> None:
    # Newcombe 1998, Two-sided confidence intervals for the single proportion, table I, method 3.
    for n_right, n, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        interval = metrics.wilson_interval(n_right / n, n)
        assert (interval.low, interval.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_the_balanced_interval_joins_the_two_classes_intervals() -> None:
    # Newcombe 1998, table II, method 10: 56/70 - 48/80 is 0.2 with the interval 0.0524 to 0.3339. The mean of a and
    # 1 - b is (1 + a - b) / 2, so its interval is that of the difference, halved and moved.
    right = np.array([1.0] * 56 + [-1.0] * 14 + [-1.0] * 48 + [1.0] * 32)
    interval = metrics.balanced_interval(right, [0] * 70 + [1] * 80)
    assert metrics.balanced_accuracy(right, [0] * 70 + [1] * 80) == pytest.approx(0.6)
    assert (2 * interval.low - 1, 2 * interval.high - 1) == (
        pytest.approx(0.0524, abs=1e-4),
        pytest.approx(0.3339, abs=1e-4),
    )


def test_log_loss_of_a_coin_is_ln_2_and_never_infinite() -> None:
    assert metrics.log_loss([0.5, 0.5]) == pytest.approx(math.log(2))
    assert metrics.log_loss([0.25, 1.0]) == pytest.approx(math.log(4) / 2)
    assert 700 < metrics.log_loss([0.0]) < 750


def test_calibration_error_compares_mean_probability_and_share_within_each_bin() -> None:
    # Two bins of two: |0.15 - 0.5| and |0.85 - 1.0|.
    assert metrics.expected_calibration_error([0.9, 0.1, 0.2, 0.8], [1, 0, 1, 1], n_bins=2) == pytest.approx(0.25)
    assert metrics.expected_calibration_error([0.0, 1.0], [0, 1]) == 0.0


def test_calibration_error_does_not_depend_on_the_order_of_items_even_with_ties() -> None:
    random = np.random.default_rng(0)
    probabilities, outcomes = random.integers(0, 4, 100) / 4, random.random(100) < 0.3
    expected = metrics.expected_calibration_error(probabilities, outcomes)
    order = random.permutation(100)
    assert metrics.expected_calibration_error(probabilities[order], outcomes[order]) == pytest.approx(expected)
    assert metrics.expected_calibration_error(np.full(100, 0.5), outcomes) == pytest.approx(abs(0.5 - outcomes.mean()))


def test_perplexity_is_exp_of_the_mean_nats_and_a_uniform_choice_gives_its_number() -> None:
    assert metrics.perplexity(10 * math.log(1 / 50), 10) == pytest.approx(50)
    assert metrics.bits_per_character(4 * math.log(1 / 2), 8) == pytest.approx(0.5)


def test_a_perplexity_too_large_for_a_number_is_none() -> None:
    assert math.isnan(metrics.perplexity(-1000.0, 1))  # a word of a thousand letters, at a nat a letter
    assert metrics.perplexity(-600.0, 1) == pytest.approx(math.exp(600))


def test_figures_of_nothing_are_nan_and_no_warning() -> None:
    for value in (
        metrics.accuracy([]),
        metrics.log_loss([]),
        metrics.perplexity(0.0, 0),
        metrics.bits_per_character(0.0, 0),
    ):
        assert math.isnan(value)
    assert math.isnan(metrics.expected_calibration_error([], []))
    assert math.isnan(metrics.balanced_interval([], []).low)


def test_two_way_probabilities_follow_from_margins_without_overflow() -> None:
    assert metrics.softmax_pair([0.0, math.log(3), 1e9, -1e9]).tolist() == pytest.approx([0.5, 0.75, 1.0, 0.0])


def test_reliability_sets_what_was_stated_against_what_came_true() -> None:
    bins = metrics.reliability([0.9, 0.1, 0.8, 0.3], [True, False, False, True], n_bins=2)
    assert [(b.n_items, b.stated, b.share) for b in bins] == [
        (2, pytest.approx(0.2), 0.5),
        (2, pytest.approx(0.85), 0.5),
    ]
    assert metrics.expected_calibration_error([0.9, 0.1, 0.8, 0.3], [1, 0, 0, 1], n_bins=2) == pytest.approx(0.325)
    assert metrics.reliability([], []) == []
