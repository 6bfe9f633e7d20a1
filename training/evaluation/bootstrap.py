"""Intervals for figures that have no formula: the bootstrap over items that stand together.

Questions made from one sentence are no independent observations, so whole sentences are drawn, not questions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from training.evaluation.metrics import Interval

N_RESAMPLES = 1_000


def bootstrap_interval(
    statistic: Callable[[NDArray[np.int64]], float],
    clusters: Sequence[Hashable],
    seed: int,
    n_resamples: int = N_RESAMPLES,
) -> Interval:
    """The 2.5 and 97.5 percentiles of a statistic over resamples of the clusters.

    `statistic`: the figure of some items, by their indices (m,); one drawn twice is there twice. `clusters`: (n,) what
    each item stands together with. Resamples on which it is NaN are left out; NaN where it always is, or without items.
    Source: Efron & Tibshirani 1993, An introduction to the bootstrap, ch. 13.
    """
    members: dict[Hashable, list[int]] = {}
    for index, cluster in enumerate(clusters):
        members.setdefault(cluster, []).append(index)
    groups = [np.array(group, dtype=np.int64) for group in members.values()]
    if not groups:
        return Interval(math.nan, math.nan)
    random = np.random.default_rng(seed)
    values = np.empty(n_resamples)
    for number in range(n_resamples):
        drawn = random.integers(len(groups), size=len(groups))
        values[number] = statistic(np.concatenate([groups[index] for index in drawn]))
    values = values[~np.isnan(values)]
    if not len(values):
        return Interval(math.nan, math.nan)
    low, high = np.percentile(values, [2.5, 97.5])
    return Interval(float(low), float(high))
