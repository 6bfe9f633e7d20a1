"""Whether one answerer is better than another on the same questions: paired tests, and a correction for many of them.

Knows what each of the two scored on each question; knows neither who they are nor what was asked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from training.evaluation.metrics import Interval, correctness

N_RESAMPLES = 10_000
RESAMPLES_AT_ONCE = 64
"""Resamples held in memory together: as many rows of one whole number a cluster."""


@dataclass(frozen=True)
class McNemar:
    """Places where only one of two did better, and how likely so uneven a split is by chance."""

    n_items: int
    """Questions."""
    only_first: int
    only_second: int
    p_value: float


@dataclass(frozen=True)
class Bootstrap:
    """A difference of balanced accuracies, first minus second; NaN where one of the two right answers never occurs."""

    n_items: int
    n_clusters: int
    difference: float
    interval: Interval
    p_value: float


def mcnemar(first_margins: ArrayLike, second_margins: ArrayLike, places: Sequence[str] | None = None) -> McNemar:
    """The exact two-sided McNemar test of equal accuracy; both (n,), the same questions in the same order.

    places: (n,) what shares its text has one vote, for whoever got more of it right, as its questions are not
    independent; None: each question has its own. Where both got as many right nothing is told; of the other places
    each is a fair coin if the two are equally good. A tie counts half a right answer, so against a right or a wrong one
    it decides like a whole one (the sign test, which is McNemar's where nothing is tied and no place has two
    questions). p is 1 where the two never differ.
    Source: McNemar 1947, Note on the sampling error of the difference between correlated proportions; the exact form as
    in Agresti 2013, Categorical data analysis, 11.1.
    """
    difference = correctness(first_margins) - correctness(second_margins)
    n_items = len(difference)
    if places is not None and n_items:
        members = np.unique(np.asarray(places), return_inverse=True)[1]
        difference = np.bincount(members, difference).astype(np.float64)
    only_first, only_second = int(np.sum(difference > 0)), int(np.sum(difference < 0))
    return McNemar(n_items, only_first, only_second, binomial_p(only_first, only_second))


def binomial_p(successes: int, failures: int) -> float:
    """The two-sided p of so uneven a split of fair coins: twice the smaller tail, at most 1."""
    n = successes + failures
    tail, term = 0, 1  # whole numbers: exact however many there are
    for k in range(min(successes, failures) + 1):
        tail += term
        term = term * (n - k) // (k + 1)
    return min(1.0, 2 * tail / (1 << n))


def paired_bootstrap(
    first_margins: ArrayLike,
    second_margins: ArrayLike,
    right: ArrayLike,
    clusters: Sequence[str],
    *,
    seed: int = 0,
    n_resamples: int = N_RESAMPLES,
) -> Bootstrap:
    """The difference of balanced accuracies with its 95 % interval (percentiles) and a two-sided p-value.

    right: (n,) 0 or 1. clusters: (n,) what is drawn together; questions of one paragraph share their text, so whole
    paragraphs are drawn with replacement, and both answerers get the same ones. p is twice the smaller share of
    resamples on one side of 0 (one counted on either side), so at least 2 / (n_resamples + 1).
    Source: Efron & Tibshirani 1993, An introduction to the bootstrap, ch. 13 and 15; Davison & Hinkley 1997, 4.2.
    """
    right = np.asarray(right, dtype=np.int64)
    difference = correctness(first_margins) - correctness(second_margins)
    members = np.unique(np.asarray(clusters), return_inverse=True)[1]
    n_clusters = int(members.max(initial=-1)) + 1
    columns = [np.bincount(members[right == k], difference[right == k], n_clusters) for k in (0, 1)]
    columns += [np.bincount(members[right == k], minlength=n_clusters) for k in (0, 1)]
    # (n_clusters, 4): summed differences and counts, by right answer
    sums = np.stack(columns, axis=1).astype(np.float64)
    nothing = Interval(math.nan, math.nan)
    if not sums[:, 2].any() or not sums[:, 3].any():
        return Bootstrap(len(right), n_clusters, math.nan, nothing, math.nan)
    observed = float(_balanced(sums.sum(axis=0)))
    resampled = _resampled(sums, np.random.default_rng(seed), n_resamples)
    if not len(resampled):
        return Bootstrap(len(right), n_clusters, observed, nothing, math.nan)
    low, high = np.quantile(resampled, [0.025, 0.975])
    below, above = np.sum(resampled <= 0), np.sum(resampled >= 0)
    p_value = min(1.0, 2 * float(min(below, above) + 1) / (len(resampled) + 1))
    return Bootstrap(len(right), n_clusters, observed, Interval(float(low), float(high)), p_value)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values corrected for how many there are: below 0.05 for any false alarm among them in at most 5 % of cases.

    NaN (no test) stays NaN and is not counted. Source: Holm 1979, A simple sequentially rejective multiple test
    procedure.
    """
    order = sorted((p, index) for index, p in enumerate(p_values) if not math.isnan(p))
    corrected = [math.nan] * len(p_values)
    highest = 0.0
    for rank, (p, index) in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p))
        corrected[index] = highest
    return corrected


def _resampled(sums: NDArray[np.float64], random: np.random.Generator, n_resamples: int) -> NDArray[np.float64]:
    """(n,) differences of resamples; those without one of the two right answers are left out."""
    n_clusters = len(sums)
    found = []
    for start in range(0, n_resamples, RESAMPLES_AT_ONCE):
        n = min(RESAMPLES_AT_ONCE, n_resamples - start)
        drawn = random.integers(n_clusters, size=(n, n_clusters))
        drawn += np.arange(n)[:, None] * n_clusters
        times = np.bincount(drawn.ravel(), minlength=n * n_clusters).reshape(n, n_clusters)
        totals = times @ sums  # (n, 4)
        found.append(_balanced(totals[(totals[:, 2] > 0) & (totals[:, 3] > 0)]))
    return np.concatenate(found) if found else np.zeros(0)


def _balanced(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the two classes' mean differences. totals: (..., 4)."""
    return np.asarray((totals[..., 0] / totals[..., 2] + totals[..., 1] / totals[..., 3]) / 2)
