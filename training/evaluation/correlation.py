"""How closely two lists of numbers go together: Pearson's and Spearman's correlation with their intervals."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from training.evaluation.metrics import Z_95, Floats, Interval


def pearson(x: ArrayLike, y: ArrayLike) -> float:
    """The linear correlation, -1 to 1; NaN for fewer than 3 points and where one of the lists is constant.

    x, y: (n,). Source: Pearson 1895, Note on regression and inheritance in the case of two parents.
    """
    first, second = (np.asarray(values, dtype=np.float64) for values in (x, y))
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return math.nan
    first, second = first - first.mean(), second - second.mean()
    return float(np.clip(first @ second / math.sqrt((first @ first) * (second @ second)), -1.0, 1.0))


def spearman(x: ArrayLike, y: ArrayLike) -> float:
    """The correlation of the ranks, equal values sharing their mean rank; NaN as `pearson` is.

    Source: Spearman 1904, The proof and measurement of association between two things.
    """
    return pearson(ranks(x), ranks(y))


def ranks(values: ArrayLike) -> Floats:
    """(n,) from 1; equal values share the mean of theirs."""
    _, place, counts = np.unique(np.asarray(values, dtype=np.float64), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    means: Floats = (ends - (counts - 1) / 2)[place]
    return means


def pearson_interval(r: float, n: int) -> Interval:
    """Fisher's interval: atanh(r) is about normal with the variance 1 / (n - 3). NaN for n below 4.

    Source: Fisher 1921, On the "probable error" of a coefficient of correlation deduced from a small sample.
    """
    return _fisher(r, 1.0 / (n - 3) if n > 3 else math.nan)


def spearman_interval(r: float, n: int) -> Interval:
    """The same with the variance (1 + r^2 / 2) / (n - 3) that ranks need.

    Source: Bonett & Wright 2000, Sample size requirements for estimating Pearson, Kendall and Spearman correlations.
    """
    return _fisher(r, (1.0 + r * r / 2) / (n - 3) if n > 3 else math.nan)


def _fisher(r: float, variance: float) -> Interval:
    if math.isnan(r) or math.isnan(variance):
        return Interval(math.nan, math.nan)
    if abs(r) == 1:
        return Interval(r, r)
    centre, half = math.atanh(r), Z_95 * math.sqrt(variance)
    return Interval(math.tanh(centre - half), math.tanh(centre + half))
