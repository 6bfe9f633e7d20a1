"""The bootstrap: seeded, over clusters, and close to what theory says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from training.evaluation.bootstrap import bootstrap_interval
from training.evaluation.metrics import wilson_interval

VALUES = np.array([1.0] * 60 + [0.0] * 40)


def mean(indices: Any) -> float:
    return float(VALUES[indices].mean())


def test_the_interval_of_a_share_is_close_to_wilson_s() -> None:
    found, expected = bootstrap_interval(mean, range(100), 0), wilson_interval(0.6, 100)
    # 1,000 resamples leave about 0.01 of chance in a bound
    assert (found.low, found.high) == (pytest.approx(expected.low, abs=0.02), pytest.approx(expected.high, abs=0.02))


def test_the_same_seed_gives_the_same_interval_and_another_another() -> None:
    assert bootstrap_interval(mean, range(100), 1) == bootstrap_interval(mean, range(100), 1)
    values = np.random.default_rng(0).standard_normal(100)
    first, second = (bootstrap_interval(lambda i: float(values[i].mean()), range(100), seed) for seed in (1, 2))
    assert first != second


def test_items_of_one_cluster_are_drawn_together_so_the_interval_is_wider() -> None:
    alone = bootstrap_interval(mean, range(100), 0)
    together = bootstrap_interval(mean, [index // 10 for index in range(100)], 0)
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_resamples_without_a_figure_are_left_out() -> None:
    def rare(indices: Any) -> float:
        return 1.0 if 0 in indices else math.nan

    assert bootstrap_interval(rare, range(3), 0).low == 1.0
    assert math.isnan(bootstrap_interval(lambda _: math.nan, range(3), 0).low)
    assert math.isnan(bootstrap_interval(mean, [], 0).low)
