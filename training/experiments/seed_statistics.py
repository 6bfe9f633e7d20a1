"""Means over seeds with their intervals by Student's t. Knows numbers alone.

A seed is one whole training: other initial weights, other stories. The interval is of what another seed's training
would give on average, which is what a claim about cells is about.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

from training.evaluation.answers import rounded
from training.evaluation.metrics import Interval


@dataclass(frozen=True)
class SeedMean:
    """A figure that several seeds gave."""

    values: tuple[float, ...]
    """One a seed."""
    mean: float
    interval: Interval
    """95 %; NaN of one seed alone."""

    @property
    def is_apart_from_zero(self) -> bool:
        """Whether the interval excludes 0: of a difference, whether these seeds show one."""
        return self.interval.low > 0 or self.interval.high < 0

    def to_json(self) -> dict[str, Any]:
        """Rounded floats, None for NaN."""
        return {
            "values": [rounded(value) for value in self.values],
            "mean": rounded(self.mean),
            "interval": [rounded(self.interval.low), rounded(self.interval.high)],
        }


def over_seeds(values: Sequence[float], bounds: tuple[float, float] = (-math.inf, math.inf)) -> SeedMean:
    """Mean and 95 % interval, mean +- t s / sqrt(n); `bounds`: what the figure can be at most and at least.

    Source: Student 1908, The probable error of a mean.
    """
    n, mean = len(values), float(np.mean(values))
    half = float(stdtrit(n - 1, 0.975)) * float(np.std(values, ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    low, high = mean - half, mean + half
    if n > 1:
        low, high = max(low, bounds[0]), min(high, bounds[1])
    return SeedMean(tuple(map(float, values)), mean, Interval(low, high))


def difference(first: Sequence[float], second: Sequence[float]) -> SeedMean:
    """Of figures paired by seed: the mean of first minus second, with the paired interval."""
    return over_seeds([a - b for a, b in zip(first, second, strict=True)])
