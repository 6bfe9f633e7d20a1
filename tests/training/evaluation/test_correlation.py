"""Correlations worked out by hand."""

from __future__ import annotations

import math

import pytest

from training.evaluation.correlation import pearson, pearson_interval, ranks, spearman, spearman_interval


def test_pearson_of_a_line_is_one_and_of_its_mirror_minus_one() -> None:
    assert pearson([1, 2, 3], [10, 20, 30]) == pytest.approx(1)
    assert pearson([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    # deviations (-1.5, -0.5, 0.5, 1.5) and (-1, 1, -1, 1): products sum to 2, squares to 5 and 4
    assert pearson([1, 2, 3, 4], [0, 2, 0, 2]) == pytest.approx(2 / math.sqrt(20))


def test_equal_values_share_their_mean_rank() -> None:
    assert ranks([30, 10, 10, 20]).tolist() == [4, 1.5, 1.5, 3]


def test_spearman_sees_the_order_alone() -> None:
    assert spearman([1, 2, 3, 4], [1, 10, 100, 1000]) == pytest.approx(1)
    # 1 - 6 sum(d^2) / (n (n^2 - 1)) with d = (0, 1, -1, 0)
    assert spearman([1, 2, 3, 4], [5, 7, 6, 8]) == pytest.approx(1 - 6 * 2 / 60)


def test_fisher_s_interval() -> None:
    # atanh(0.5) = 0.5493; 1.96 / sqrt(25) = 0.3920
    bounds = pearson_interval(0.5, 28)
    assert (bounds.low, bounds.high) == (pytest.approx(0.1560, abs=1e-3), pytest.approx(0.7357, abs=1e-3))
    wider = spearman_interval(0.5, 28)
    assert wider.low < bounds.low < bounds.high < wider.high


def test_a_constant_list_has_no_correlation() -> None:
    assert math.isnan(pearson([1, 1, 1], [1, 2, 3]))
    assert math.isnan(spearman([1, 2, 3], [5, 5, 5]))
    assert math.isnan(pearson([1, 2], [1, 2]))
    assert math.isnan(pearson_interval(math.nan, 28).low)
    assert math.isnan(pearson_interval(0.5, 3).low)
    assert pearson_interval(1.0, 28).high == 1.0
