"""Intervals over seeds: Student's t as the tables print it, and a worked example."""

from __future__ import annotations

import math
import statistics

import pytest

from training.experiments.seed_statistics import difference, over_seeds


@pytest.mark.parametrize(("degrees", "point"), [(1, 12.706), (2, 4.303), (4, 2.776), (9, 2.262), (30, 2.042)])
def test_the_quantiles_are_those_of_the_printed_tables(degrees: int, point: float) -> None:
    values = [float(value) for value in range(degrees + 1)]
    half = over_seeds(values).interval.high - statistics.mean(values)
    standard_error = statistics.stdev(values) / math.sqrt(len(values))
    assert half / standard_error == pytest.approx(point, abs=0.0005)  # tables have three places


def test_the_interval_is_the_mean_and_t_standard_errors() -> None:
    found = over_seeds([0.6, 0.7, 0.8])  # standard deviation 0.1
    half = 4.303 * 0.1 / math.sqrt(3)
    assert found.mean == pytest.approx(0.7)
    assert (found.interval.low, found.interval.high) == pytest.approx((0.7 - half, 0.7 + half), abs=1e-4)


def test_an_interval_stays_within_what_the_figure_can_be() -> None:
    found = over_seeds([1.0, 0.9], (0.0, 1.0))
    assert found.interval.high == 1.0
    assert found.interval.low == pytest.approx(0.95 - 12.706 * 0.05, abs=1e-3)


def test_one_seed_has_no_interval() -> None:
    found = over_seeds([0.5])
    assert math.isnan(found.interval.low)
    assert not found.is_apart_from_zero
    assert found.to_json() == {"values": [0.5], "mean": 0.5, "interval": [None, None]}


def test_a_difference_is_paired_by_seed() -> None:
    apart = difference([0.9, 0.5, 0.7], [0.8, 0.4, 0.6])
    assert apart.values == pytest.approx((0.1, 0.1, 0.1))
    assert apart.interval.low == pytest.approx(0.1)  # although the seeds themselves are far apart
    assert apart.is_apart_from_zero
