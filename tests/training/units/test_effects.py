"""Effects: means, intervals over places, exact sign tests, and the correction for all units."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.units.effects import NOTHING_NATS, Places, effects, rank_correlation


def test_an_effect_is_the_mean_and_the_sign_test_counts_places() -> None:
    names = [f"place {k // 2}" for k in range(20)]
    lost = np.zeros((20, 3))
    lost[:, 0] = 0.5
    lost[:, 1] = np.tile([1.0, -1.0], 10)  # each place's two questions cancel out
    found = effects(lost, np.full(20, 0.25), Places(names, 0), 3)
    assert [round(one.log_odds, 9) for one in found] == [0.5, 0.0, 0.0]
    assert found[0].p_value == pytest.approx(2 / 2**10)  # ten places, all one way
    assert found[1].p_value == found[2].p_value == 1.0
    assert found[0].corrected_p == pytest.approx(3 * 2 / 2**10)
    assert [one.accuracy for one in found] == [1.0, 0.5, 0.0]


def test_units_that_were_not_ablated_count_in_the_correction() -> None:
    lost = np.full((10, 1), 0.5)
    names = [str(k) for k in range(10)]
    for n_tests in (1, 7):
        (found,) = effects(lost, np.ones(10), Places(names, 0), n_tests)
        assert found.corrected_p == pytest.approx(n_tests * 2 / 2**10)


def test_what_float32_rounds_is_no_effect() -> None:
    lost = np.full((12, 1), NOTHING_NATS / 2)
    (found,) = effects(lost, np.zeros(12), Places([str(k) for k in range(12)], 0), 1)
    assert (found.log_odds, found.accuracy, found.p_value) == (0.0, 0.0, 1.0)


def test_an_interval_draws_whole_places() -> None:
    """Questions of one place that are all alike tell no more than one question."""
    random = np.random.default_rng(0)
    of_place = random.standard_normal(40)
    alone = Places([str(k) for k in range(40)], 3).intervals(of_place[:, None])[0]
    five = Places([str(k // 5) for k in range(200)], 3).intervals(np.repeat(of_place, 5)[:, None])[0]
    assert five.high - five.low == pytest.approx(alone.high - alone.low, rel=0.15)
    normal = 2 * 1.96 * of_place.std() / math.sqrt(40)
    assert alone.high - alone.low == pytest.approx(normal, rel=0.15)


def test_rank_correlation_is_spearman_s() -> None:
    assert rank_correlation(np.array([1.0, 2, 3, 4]), np.array([1.0, 8, 27, 64])) == pytest.approx(1)
    # ranks 1 2 3 4 against 2 1 4 3: 1 - 6 * 4 / (4 * 15)
    assert rank_correlation(np.array([1.0, 2, 3, 4]), np.array([2.0, 1, 4, 3])) == pytest.approx(0.6)
    assert math.isnan(rank_correlation(np.ones(4), np.arange(4.0)))
